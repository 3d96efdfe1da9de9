package deploy

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
)

// TestCronJob runs the Jobs of the CronJob on a real kubelet: one cluster, which is ready at first and then
// gets a webhook that strips the field.
func TestCronJob(t *testing.T) {
	needsKubelets(t)
	newest := &cluster.Component{Version: "1.36"}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{*newest}, ControllerManager: newest, Scheduler: newest,
		Nodes: []cluster.Node{{Component: *newest, Name: "worker-1"}},
		// Its version does not decide: the doctor has to ask it, at its own address.
		FakeNodes: []cluster.FakeNode{{Name: "worker-2", Version: "1.32"}},
	})
	kubectl(t, c, "cordon", "worker-2")
	for _, archive := range []string{archive(), kubectlArchive(t)} {
		if err := c.Kubelets[0].Import(t.Context(), archive); err != nil {
			t.Fatal(err)
		}
	}
	kubectl(t, c, "apply", "--kustomize", overlay(t, ".", images(t, c, "containers", "doctor")))
	awaitPolicy(t, c, "kubectl-sidecar")
	t.Run("the token opens nothing of a kubelet", func(t *testing.T) { tokenOpens(t, c, nil) })
	t.Run("nodes/proxy would", func(t *testing.T) { proxyOpens(t, c) })

	kubectl(t, c, "apply", "--kustomize", overlay(t, "kubelets-direct", images(t, c, "containers", "doctor")))
	t.Run("the token opens pages with measurements", func(t *testing.T) {
		tokenOpens(t, c, map[string]int{"metrics": http.StatusOK, "configz": http.StatusOK})
	})
	t.Run("ready", func(t *testing.T) {
		job := run(t, c, "ready")
		want(t, job, batchv1.JobComplete, "")
		said(t, c, job, "doctor", "[ok] ready: ")
	})
	strips(t, c)
	t.Run("the service account sees everything", func(t *testing.T) { doctorWorks(t, c, "kubectl-sidecar") })
	t.Run("not ready", func(t *testing.T) {
		job := run(t, c, "not-ready")
		want(t, job, batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded)
		said(t, c, job, "doctor", "[FAIL] not ready: ")
		state := onlyPod(t, c, job).Status.ContainerStatuses[0].State.Terminated
		if state == nil || state.ExitCode != 3 || !strings.Contains(state.Message, "[FAIL] not ready: ") {
			t.Errorf("the container's end: %+v", state)
		}
	})
	t.Run("openreports", func(t *testing.T) { publishes(t, c) })
	t.Run("only reads", func(t *testing.T) { onlyReads(t, c, "kubectl-sidecar", "worker-2") })
}

// images is what a user adds to deploy/: where the images are. And, because no kube-proxy makes the
// cluster's own address reachable here, it tells the containers where the API server is; their names follow
// their fields.
func images(t *testing.T, c *cluster.Cluster, containers ...string) map[string]any {
	t.Helper()
	u, err := url.Parse(c.APIServers[0].Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	env := fmt.Sprintf(`env: [{name: KUBERNETES_SERVICE_HOST, value: %q}, {name: KUBERNETES_SERVICE_PORT, value: %q}]`, host, port)
	var patches []map[string]any
	for i := 0; i < len(containers); i += 2 {
		patches = append(patches, map[string]any{"target": map[string]string{"kind": "CronJob"}, "patch": fmt.Sprintf(
			"{apiVersion: batch/v1, kind: CronJob, metadata: {name: any}, spec: {jobTemplate: {spec: {template: {spec: {%s: [{name: %s, %s}]}}}}}}",
			containers[i], containers[i+1], env)})
	}
	return map[string]any{
		"images": []map[string]string{
			{"name": imageName, "newTag": version},
			{"name": kubectlName, "newTag": version},
		},
		"patches": patches,
	}
}

// directly has the first container read kubelets directly; that the account may do so is left of the other overlay.
func directly(more map[string]any) map[string]any {
	patches, _ := more["patches"].([]map[string]any)
	more["patches"] = append(patches, map[string]any{
		"target": map[string]string{"kind": "CronJob"},
		"patch":  `[{"op": "add", "path": "/spec/jobTemplate/spec/template/spec/initContainers/0/args/-", "value": "--kubelets=direct"}]`,
	})
	return more
}

// kubectlArchive is an image like the one that the Kubernetes project publishes: kubectl and nothing else.
func kubectlArchive(t *testing.T) string {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "kubectl.tar")
	i := image.Image{Name: kubectlName + ":" + version, Files: map[string]string{"/kubectl": kubectlPath(t)}, Entrypoint: []string{"/kubectl"}}
	if err := i.WriteFile(archive); err != nil {
		t.Fatal(err)
	}
	return archive
}

// run makes a Job of the CronJob, as docs/in-cluster.md says, and waits for its end.
func run(t *testing.T, c *cluster.Cluster, name string) *batchv1.Job {
	t.Helper()
	kubectl(t, c, "create", "job", name, "--from=cronjob/kubectl-sidecar", "--namespace=kubectl-sidecar")
	var job *batchv1.Job
	await(t, "the end of job "+name, func() error {
		var err error
		if job, err = c.Client().BatchV1().Jobs("kubectl-sidecar").Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, condition := range job.Status.Conditions {
			if (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%+v\n%s", job.Status, kubectl(t, c, "get", "events", "--namespace=kubectl-sidecar"))
	})
	return job
}

// want is how the Job must have ended, with one pod, whatever it said.
func want(t *testing.T, job *batchv1.Job, condition batchv1.JobConditionType, reason string) {
	t.Helper()
	for _, got := range job.Status.Conditions {
		if got.Type == condition && got.Status == corev1.ConditionTrue {
			if reason != "" && got.Reason != reason {
				t.Errorf("job %s: reason %q, want %q", job.Name, got.Reason, reason)
			}
			if job.Status.Succeeded+job.Status.Failed != 1 {
				t.Errorf("job %s: %d pods succeeded, %d failed, want one pod", job.Name, job.Status.Succeeded, job.Status.Failed)
			}
			return
		}
	}
	t.Errorf("job %s: %+v, want %s", job.Name, job.Status.Conditions, condition)
}

// said reads the container's log from the kubelet.
func said(t *testing.T, c *cluster.Cluster, job *batchv1.Job, container, text string) {
	t.Helper()
	if log := kubectl(t, c, "logs", "--namespace=kubectl-sidecar", "job/"+job.Name, "--container="+container); !strings.Contains(log, text) {
		t.Errorf("the log of job %s does not say %q:\n%s", job.Name, text, log)
	}
}

func onlyPod(t *testing.T, c *cluster.Cluster, job *batchv1.Job) corev1.Pod {
	t.Helper()
	pods, err := c.Client().CoreV1().Pods(job.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + job.Name})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods of job %s, %v", len(pods.Items), job.Name, err)
	}
	return pods.Items[0]
}

// strips installs a webhook that runs in a pod behind a Service, so that the doctor asks it through the
// service proxy.
func strips(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	server, err := c.RunWebhook(t.Context(), cluster.WebhookPod{Namespace: "hooks", Name: "labeler", Node: c.Kubelets[0], Strip: true})
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "create", "namespace", "payments")
	kubectl(t, c, "label", "namespace", "payments", "inject=yes")
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration: "labeler", Client: server.Client("/mutate"),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"inject": "yes"}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// publishes: with the overlay, and the CRDs of the OpenReports project, the verdict becomes an object, the
// second time in place of the first.
func publishes(t *testing.T, c *cluster.Cluster) {
	kubectl(t, c, "apply", "--server-side", "--filename", filepath.Join(crds(t), "config", "crd"))
	kubectl(t, c, "wait", "--for=condition=Established", "crd/clusterreports.openreports.io")
	kubectl(t, c, "apply", "--kustomize", overlay(t, "openreports", directly(images(t, c, "initContainers", "doctor", "containers", "publish"))))
	job := run(t, c, "published")
	want(t, job, batchv1.JobComplete, "")
	said(t, c, job, "doctor", "[FAIL] not ready: ")
	said(t, c, job, "publish", "clusterreport.openreports.io/kubectl-sidecar-doctor serverside-applied")
	got := results(t, c)
	if got["webhook-strips-restart-policy"] != "fail" || got["kubelet-gate-off"] != "pass" {
		t.Errorf("results: %v", got)
	}
	if err := c.RemoveWebhook(t.Context(), "labeler"); err != nil {
		t.Fatal(err)
	}
	want(t, run(t, c, "published-again"), batchv1.JobComplete, "")
	if got = results(t, c); got["webhook-strips-restart-policy"] != "pass" {
		t.Errorf("results after the webhook is gone: %v", got)
	}
	// A report of another name is none of its business.
	client, err := dynamic.NewForConfig(account(t, c, "kubectl-sidecar", "kubectl-sidecar"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Resource(clusterReports).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "openreports.io/v1alpha1", "kind": "ClusterReport", "metadata": map[string]any{"name": "of-another"},
	}}, metav1.CreateOptions{})
	if err := refused(err, writes); err != nil {
		t.Errorf("a report of another name: %v", err)
	}
}

var clusterReports = schema.GroupVersionResource{Group: "openreports.io", Version: "v1alpha1", Resource: "clusterreports"}

// results are those of the one report in the cluster, by policy.
func results(t *testing.T, c *cluster.Cluster) map[string]string {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.Resource(clusterReports).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 {
		t.Fatalf("%d cluster reports", len(list.Items))
	}
	out := map[string]string{}
	items, _, err := unstructured.NestedSlice(list.Items[0].Object, "results")
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range items {
		result, ok := item.(map[string]any)
		if !ok {
			t.Fatalf("a result is %T", item)
		}
		out[fmt.Sprint(result["policy"])] = fmt.Sprint(result["result"])
	}
	return out
}

// crds is the folder of the OpenReports module.
func crds(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/openreports/reports-api")
	cmd.Dir, cmd.Stderr = "openreports", os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	var module struct{ Dir string }
	decode(t, out, &module)
	return module.Dir
}
