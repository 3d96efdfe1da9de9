package pods

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var patchIn = regexp.MustCompile(`--type=(strategic|json) -p '([^']*)'`)

// patched applies every patch of a command to an object, as kubectl and the API server do.
func patched[T any](t *testing.T, command string, object T) T {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	found := patchIn.FindAllStringSubmatch(command, -1)
	if len(found) == 0 {
		t.Fatalf("no patch in %q", command)
	}
	for _, m := range found {
		if m[1] == "json" {
			patch, err := jsonpatch.DecodePatch([]byte(m[2]))
			if err == nil {
				text, err = patch.Apply(text)
			}
			if err != nil {
				t.Fatalf("%s: %v", m[2], err)
			}
			continue
		}
		var schema T
		if text, err = strategicpatch.StrategicMergePatch(text, []byte(m[2]), schema); err != nil {
			t.Fatalf("%s: %v", m[2], err)
		}
	}
	var out T
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// spec has more than a snapshot keeps, all of which a patch must leave alone.
func spec() corev1.PodSpec {
	return corev1.PodSpec{
		InitContainers: []corev1.Container{
			{Name: "setup", Image: "setup:1"},
			{Name: "proxy", Image: "proxy:1", Env: []corev1.EnvVar{{Name: "A", Value: "secret"}}, StartupProbe: &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 3, TimeoutSeconds: 5}},
		},
		Containers: []corev1.Container{
			{Name: "main", Image: "main:1"},
			{Name: "logger", Image: "logger:1", SecurityContext: &corev1.SecurityContext{}, Env: []corev1.EnvVar{{Name: "B", Value: "secret"}}},
		},
	}
}

// underOwners is the same pod under every kind of owner, as a snapshot has it.
func underOwners() *facts.Snapshot {
	yes := true
	meta := func(name string, refs ...metav1.OwnerReference) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "n", Name: name, OwnerReferences: refs}
	}
	ref := func(apiVersion, kind, name string) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, Controller: &yes}
	}
	template := corev1.PodTemplateSpec{Spec: spec()}
	s := &facts.Snapshot{
		Deployments:     []appsv1.Deployment{{ObjectMeta: meta("web"), Spec: appsv1.DeploymentSpec{Template: template}}},
		ReplicaSets:     []appsv1.ReplicaSet{{ObjectMeta: meta("web-1", ref("apps/v1", "Deployment", "web")), Spec: appsv1.ReplicaSetSpec{Template: template}}},
		StatefulSets:    []appsv1.StatefulSet{{ObjectMeta: meta("db"), Spec: appsv1.StatefulSetSpec{Template: template}}},
		DaemonSets:      []appsv1.DaemonSet{{ObjectMeta: meta("agent"), Spec: appsv1.DaemonSetSpec{Template: template}}},
		Jobs:            []batchv1.Job{{ObjectMeta: meta("once"), Spec: batchv1.JobSpec{Template: template}}, {ObjectMeta: meta("nightly-1", ref("batch/v1", "CronJob", "nightly")), Spec: batchv1.JobSpec{Template: template}}},
		CronJobs:        []batchv1.CronJob{{ObjectMeta: meta("nightly"), Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}}},
		CustomWorkloads: []facts.CustomWorkload{{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Namespace: "n", Name: "canary", Path: "spec.template", Template: template}},
	}
	for _, o := range []struct {
		pod string
		ref []metav1.OwnerReference
	}{
		{"web-1-x", []metav1.OwnerReference{ref("apps/v1", "ReplicaSet", "web-1")}},
		{"db-0", []metav1.OwnerReference{ref("apps/v1", "StatefulSet", "db")}},
		{"agent-x", []metav1.OwnerReference{ref("apps/v1", "DaemonSet", "agent")}},
		{"once-x", []metav1.OwnerReference{ref("batch/v1", "Job", "once")}},
		{"nightly-1-x", []metav1.OwnerReference{ref("batch/v1", "Job", "nightly-1")}},
		{"canary-x", []metav1.OwnerReference{ref("argoproj.io/v1alpha1", "Rollout", "canary")}},
		{"bare", nil},
		{"lost-x", []metav1.OwnerReference{ref("apps/v1", "ReplicaSet", "gone")}},
		{"rollout-x", []metav1.OwnerReference{ref("argoproj.io/v1alpha1", "Rollout", "gone")}},
	} {
		s.Pods = append(s.Pods, corev1.Pod{ObjectMeta: meta(o.pod, o.ref...), Spec: spec()})
	}
	return s
}

func TestFixCommands(t *testing.T) {
	const patch = `'{"spec":{"template":{"spec":{"initContainers":[{"name":"proxy","restartPolicy":"Always"}]}}}}'`
	const reset = `  kubectl patch --local -f - -o json --type=strategic -p '{"spec":{"selector":null,"template":{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":null,"batch.kubernetes.io/job-name":null,"controller-uid":null,"job-name":null}}}}}' |
  kubectl replace --force -f -`
	want := map[string]string{
		"web-1-x":     "kubectl patch deployment web -n n --type=strategic -p " + patch,
		"db-0":        "kubectl patch statefulset db -n n --type=strategic -p " + patch + "\nkubectl delete pod db-0 -n n",
		"agent-x":     "kubectl patch daemonset agent -n n --type=strategic -p " + patch,
		"once-x":      "kubectl get job once -n n -o json |\n  kubectl patch --local -f - -o json --type=strategic -p " + patch + " |\n" + reset,
		"nightly-1-x": `kubectl patch cronjob nightly -n n --type=strategic -p '{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"initContainers":[{"name":"proxy","restartPolicy":"Always"}]}}}}}}'` + "\nkubectl delete job nightly-1 -n n",
		"canary-x":    `kubectl patch rollout canary -n n --type=json -p '[{"op":"test","path":"/spec/template/spec/initContainers/1/name","value":"proxy"},{"op":"add","path":"/spec/template/spec/initContainers/1/restartPolicy","value":"Always"}]'`,
		"bare":        "kubectl get pod bare -n n -o json |\n" + `  kubectl patch --local -f - -o json --type=strategic -p '{"spec":{"initContainers":[{"name":"proxy","restartPolicy":"Always"}]}}' |` + "\n" + `  kubectl patch --local -f - -o json --type=strategic -p '{"spec":{"nodeName":null}}' |` + "\n  kubectl replace --force -f -",
		"lost-x":      "kubectl patch replicaset gone -n n --type=strategic -p " + patch + "\nkubectl delete pod lost-x -n n",
		"rollout-x":   "", // an index is not known
	}
	for _, p := range sceneOf(underOwners()).subjects() {
		if diff := cmp.Diff(want[p.Name], p.fixContainers(setAlways("proxy")...)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", p.Name, diff)
		}
		if got := p.fixContainers(setAlways("injected")...); got != "" && p.Name != "lost-x" {
			t.Errorf("%s: a command for a container that the owner does not have: %s", p.Name, got)
		}
	}
}

// TestFixes applies what is printed to the whole object, and looks at what becomes of it.
func TestFixes(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	probe := map[string]any{"tcpSocket": map[string]any{"port": 2020}, "periodSeconds": 1}
	for _, test := range []struct {
		name    string
		command func(p subject) string
		change  func(s *corev1.PodSpec)
	}{
		{"set", func(p subject) string { return p.fixContainers(setAlways("proxy")...) }, func(s *corev1.PodSpec) {
			s.InitContainers[1].RestartPolicy = &always
		}},
		{"merge", func(p subject) string {
			return p.fixContainers(edit{"proxy", map[string]any{"startupProbe": map[string]any{"failureThreshold": 30}}}, edit{"main", map[string]any{"image": "main:2"}})
		}, func(s *corev1.PodSpec) {
			s.InitContainers[1].StartupProbe.FailureThreshold = 30
			s.Containers[0].Image = "main:2"
		}},
		{"remove", func(p subject) string {
			return p.fixContainers(edit{"proxy", map[string]any{"startupProbe": nil}}, edit{"setup", map[string]any{"restartPolicy": nil}})
		}, func(s *corev1.PodSpec) { s.InitContainers[1].StartupProbe = nil }},
		{"plain again, without what only a sidecar may have", func(p subject) string {
			return p.fixContainers(edit{"proxy", map[string]any{"restartPolicy": nil}})
		}, func(s *corev1.PodSpec) { s.InitContainers[1].StartupProbe = nil }},
		{"first", func(p subject) string { return p.fixMove("proxy", 0, nil) }, func(s *corev1.PodSpec) {
			s.InitContainers[1].RestartPolicy = &always
			s.InitContainers[0], s.InitContainers[1] = s.InitContainers[1], s.InitContainers[0]
		}},
		{"from containers", func(p subject) string { return p.fixMove("logger", -1, probe) }, func(s *corev1.PodSpec) {
			c := s.Containers[1]
			c.RestartPolicy, c.StartupProbe = &always, &corev1.Probe{PeriodSeconds: 1}
			c.StartupProbe.TCPSocket = &corev1.TCPSocketAction{}
			c.StartupProbe.TCPSocket.Port.IntVal = 2020
			s.InitContainers, s.Containers = append(s.InitContainers, c), s.Containers[:1]
		}},
	} {
		want := spec()
		test.change(&want)
		for _, p := range sceneOf(underOwners()).subjects() {
			command := test.command(p)
			template := corev1.PodTemplateSpec{Spec: spec()}
			var got corev1.PodSpec
			switch p.Name {
			case "web-1-x":
				got = patched(t, command, appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template}}).Spec.Template.Spec
			case "once-x":
				job := patched(t, command, batchv1.Job{Spec: batchv1.JobSpec{Template: template, Selector: &metav1.LabelSelector{}}})
				if got = job.Spec.Template.Spec; job.Spec.Selector != nil {
					t.Errorf("%s: the selector is still there", test.name)
				}
			case "nightly-1-x":
				got = patched(t, command, batchv1.CronJob{Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}}).Spec.JobTemplate.Spec.Template.Spec
			case "canary-x": // a JSON patch does not know types
				if strings.Contains(command, "strategic") {
					t.Errorf("%s: a strategic patch for a custom resource: %s", test.name, command)
				}
				got = patched(t, command, appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: template}}).Spec.Template.Spec
			case "bare":
				got = patched(t, command, corev1.Pod{Spec: spec()}).Spec
			default:
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s (-want +got)\n%s\n%s", test.name, p.Name, diff, command)
			}
		}
	}
}

// TestMergeOps: keys are written as JSON pointers have them.
func TestMergeOps(t *testing.T) {
	has := map[string]any{"limits": map[string]any{"gpu.example/card": "1", "cpu": "1"}}
	got := encode(mergeOps("/spec/containers/0/resources", has, map[string]any{"limits": map[string]any{"gpu.example/card": nil, "cpu": "2"}}))
	const want = `[{"op":"add","path":"/spec/containers/0/resources/limits/cpu","value":"2"},{"op":"remove","path":"/spec/containers/0/resources/limits/gpu.example~1card"}]`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
