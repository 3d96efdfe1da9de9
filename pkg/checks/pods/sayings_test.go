package pods

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestSayings: what is said of a pod is so: whose policy decides, what is tried again, which image, whose requests.
func TestSayings(t *testing.T) {
	job := func(failed string) *facts.Snapshot {
		p := shape(10*time.Minute, corev1.PodFailed, func(p *corev1.Pod) {
			p.Labels = map[string]string{batchv1.JobCompletionIndexAnnotation: "4"}
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "j", Controller: ptr.To(true)}}
			p.Status.ContainerStatuses = []corev1.ContainerStatus{ended("main", 3, 5*time.Minute)}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{ended("proxy", 0, 5*time.Minute)}
		})
		return &facts.Snapshot{Pods: []corev1.Pod{p}, Jobs: []batchv1.Job{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "j"}, Status: batchv1.JobStatus{Active: 1, Failed: 1, FailedIndexes: &failed},
		}}}
	}
	unscheduled := func(change func(p *corev1.Pod)) *facts.Snapshot {
		return of(10*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
			p.Spec.NodeName, p.Status.InitContainerStatuses, p.Status.ContainerStatuses = "", nil, nil
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available: 3 Insufficient cpu."}}
			p.Spec.InitContainers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
			change(p)
		})
	}
	for _, test := range []struct {
		name     string
		snapshot *facts.Snapshot
		says     string
		not      string
	}{
		{"an index that is given up", job("1,3-5"), "its Job has given index 4 up (status.failedIndexes: 1,3-5)", "tries again"},
		{"an index that is tried again", job("1,5-7"), "its Job tries again", "given"},
		{"a restartPolicy of the container's own", of(10*time.Minute, corev1.PodRunning, func(p *corev1.Pod) {
			p.Spec.Containers[0].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyNever)
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "web", Image: "web:1"})
			p.Status.ContainerStatuses = []corev1.ContainerStatus{ended("main", 1, 5*time.Minute), running("web", 10*time.Minute)}
		}), "its own restartPolicy: Never does not start it again", "restartPolicy: Always does not"},
		{"work that has failed", of(10*time.Minute, corev1.PodRunning, func(p *corev1.Pod) {
			p.Spec.RestartPolicy = corev1.RestartPolicyNever
			p.Status.ContainerStatuses = []corev1.ContainerStatus{ended("main", 1, 5*time.Minute)}
		}), "the work is over, without success (main: exit code 1)", "is done"},
		{"a status that is about an older spec", of(10*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
			notStarted(p, 10*time.Minute)
			p.Generation, p.Status.ObservedGeneration = 2, 1
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{waiting("proxy", "ImagePullBackOff")}
			p.Status.InitContainerStatuses[0].Image = "envoy:0"
		}), "image envoy:0 cannot be pulled (ImagePullBackOff); its spec names envoy:1 by now", "image envoy:1 cannot"},
		{"an earlier try of the runtime hangs", of(10*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
			notStarted(p, 10*time.Minute)
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{waiting("proxy", "CreateContainerError")}
			p.Status.InitContainerStatuses[0].State.Waiting.Message = `failed to reserve container name "proxy_p_n_1_0": name "proxy_p_n_1_0" is reserved for "9f"`
		}), "has not finished an earlier try to create it", "Correct its command"},
		{"a container of a pod cannot be edited", of(10*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
			notStarted(p, 10*time.Minute)
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{waiting("proxy", "RunContainerError")}
			p.Status.InitContainerStatuses[0].State.Waiting.Message = `exec: "envoi": executable file not found in $PATH`
		}), "its containers cannot be changed", "kubectl edit"},
		{"an exit code that the kubelet made up", of(10*time.Minute, corev1.PodFailed, func(p *corev1.Pod) {
			p.Status.ContainerStatuses = []corev1.ContainerStatus{ended("main", 137, 5*time.Minute)}
			p.Status.ContainerStatuses[0].State.Terminated.Reason = "ContainerStatusUnknown"
		}), "exit code not known (ContainerStatusUnknown", "137"},
		{"only what nodes lack is lowered", unscheduled(func(*corev1.Pod) {}), `"requests":{"cpu":"50m"}`, "64Mi"},
		{"what is small is not raised", unscheduled(func(p *corev1.Pod) {
			p.Spec.InitContainers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("10m")
		}), "Insufficient cpu", "50m"},
		{"requests of the pod", unscheduled(func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("6")}}
		}), "the pod has requests of its own (spec.resources)", "lower its requests"},
	} {
		s := test.snapshot
		s.TakenAt, s.Seen = metav1.NewTime(noon), facts.Kinds()
		j := Judge(s, nil)
		var text []string
		for _, d := range append(j.Diagnoses, j.InProgress...) {
			text = append(append(text, d.Message, d.Fix), d.Evidence...)
		}
		all := strings.Join(text, "\n")
		if !strings.Contains(all, test.says) || strings.Contains(all, test.not) {
			t.Errorf("%s: want %q and not %q in\n%s", test.name, test.says, test.not, all)
		}
	}
}

// of is a snapshot of one pod.
func of(age time.Duration, phase corev1.PodPhase, change func(p *corev1.Pod)) *facts.Snapshot {
	return &facts.Snapshot{Pods: []corev1.Pod{shape(age, phase, change)}}
}

// TestUnseenWords: where the template was not seen, what a probe needs in the command line is said.
func TestUnseenWords(t *testing.T) {
	s := underOwners()
	for i := range s.Pods {
		s.Pods[i].Spec.InitContainers[1].Image = "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.11"
		s.Pods[i].Spec.InitContainers[1].Args = []string{"--port=5432", "p:r:d"}
		s.Pods[i].Spec.InitContainers[1].StartupProbe = nil
	}
	for _, p := range sceneOf(s).subjects() {
		if p.Name != "rollout-x" {
			continue
		}
		steps := p.editWithProbe("Give it a probe", p.inits[1], p.probeOf(p.inits[1]), map[string]any{})
		text := ""
		for _, step := range steps {
			text += step.Text + "\n"
		}
		if want := "in the command line of proxy: --health-check, --http-address=0.0.0.0."; !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestImageFix: what to do about an image follows from the registry's words, however they are written.
func TestImageFix(t *testing.T) {
	for words, want := range map[string]string{
		`failed to resolve reference "r/x:1": unexpected status from HEAD request: 401 Unauthorized`:                                       "imagePullSecret",
		`failed to authorize: failed to fetch oauth token: unexpected status: 403 Forbidden`:                                               "imagePullSecret",
		`toomanyrequests: You have reached your pull rate limit`:                                                                           "limits how often",
		`no match for platform in manifest: not found`:                                                                                     "architecture",
		`tls: failed to verify certificate: x509: certificate signed by unknown authority`:                                                 "trust the registry",
		`write /var/lib/containerd/io.containerd.content.v1.content/ingest/1/data: no space left on device`:                                "disk space",
		`rpc error: code = NotFound desc = failed to pull and unpack image "r/x:9": failed to resolve reference "r/x:9": r/x:9: not found`: "image or tag",
		`dial tcp: lookup registry.example: no such host`:                                                                                  "DNS",
	} {
		if got := imageFix("ErrImagePull", words); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
}

// TestOnlyMain: the work is not moved to initContainers; what waits for it there is removed.
func TestOnlyMain(t *testing.T) {
	s := of(10*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
		p.Spec.InitContainers[0] = corev1.Container{Name: "wait", Image: "busybox:1", Command: []string{"sh", "-c", "until wget -q localhost:8080; do sleep 1; done"}}
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{running("wait", 10*time.Minute)}
		p.Status.InitContainerStatuses[0].Ready = false
		p.Status.ContainerStatuses = []corev1.ContainerStatus{waiting("main", "PodInitializing")}
	})
	s.TakenAt, s.Seen = metav1.NewTime(noon), facts.Kinds()
	j := Judge(s, nil)
	if len(j.Diagnoses) != 1 || !strings.Contains(j.Diagnoses[0].Fix, `{"op":"remove","path":"/spec/initContainers/0"}`) || strings.Contains(j.Diagnoses[0].Fix, `"op":"move"`) {
		t.Errorf("%+v", j.Diagnoses)
	}
}
