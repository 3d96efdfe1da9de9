package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestWhyJobNeverCompletes has a webhook strip the field on updates of pods, so the Job controller cannot remove its
// finalizer. `why` names the webhook; once it is gone, the Job completes, and nothing is wrong.
func TestWhyJobNeverCompletes(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, ControllerManager: &cluster.Component{Version: "1.36"},
	})
	server, err := c.ServeWebhooks()
	check(t, err)
	check(t, c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}))
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{Configuration: "touch", Client: server.Client("/strip"), Rules: []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
	}}})
	check(t, err)
	succeeded(t, c)

	r := plugin.Run(t, c.Kubeconfig, "why", "job/import", "-n", "shop", "-o", "json", "--show-requests")
	rep := r.Report(t)
	if r.Exit != report.ExitFindings || len(rep.Diagnoses) != 1 {
		t.Fatalf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	d := rep.Diagnoses[0]
	if d.RootCause != "webhook-breaks-pod-updates" || !strings.Contains(d.Message, "touch/touch.example.com") || !strings.HasPrefix(d.Message, "the Job does not complete") {
		t.Errorf("%s: %s", d.RootCause, d.Message)
	}
	if !slices.ContainsFunc(d.Evidence, func(e string) bool { return strings.Contains(e, "pod updates may not change fields") }) {
		t.Errorf("evidence: %q", d.Evidence)
	}
	for _, l := range strings.Split(r.Stderr, "\n") {
		if (strings.HasPrefix(l, "POST ") || strings.HasPrefix(l, "PATCH ")) && !strings.Contains(l, "dryRun=All") && !strings.Contains(l, "selfsubject") {
			t.Errorf("not read-only: %s", l)
		}
	}

	check(t, c.RemoveWebhook(t.Context(), "touch"))
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		j, err := c.Client().BatchV1().Jobs("shop").Get(t.Context(), "import", metav1.GetOptions{})
		check(t, err)
		if facts.JobIs(j, batchv1.JobComplete) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the Job does not complete without the webhook: %+v", j.Status)
		}
	}
	if r := plugin.Run(t, c.Kubeconfig, "why", "job/import", "-n", "shop"); r.Exit != 0 {
		t.Errorf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}

// succeeded makes a Job whose pod terminated a while ago, as a kubelet would say.
func succeeded(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	always := corev1.ContainerRestartPolicyAlways
	_, err := c.Client().BatchV1().Jobs("shop").Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "import"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy:  corev1.RestartPolicyNever,
			InitContainers: []corev1.Container{{Name: "proxy", Image: "proxy:1", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "import", Image: "import:1"}},
		}}},
	}, metav1.CreateOptions{})
	check(t, err)
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		pods, err := c.Client().CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=import"})
		check(t, err)
		if len(pods.Items) == 1 {
			p := pods.Items[0]
			began, ended := metav1.NewTime(time.Now().Add(-time.Hour)), metav1.NewTime(time.Now().Add(-30*time.Minute))
			over := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: began, FinishedAt: ended}}
			p.Status = corev1.PodStatus{
				Phase: corev1.PodSucceeded, StartTime: &began,
				InitContainerStatuses: []corev1.ContainerStatus{{Name: "proxy", State: over}}, ContainerStatuses: []corev1.ContainerStatus{{Name: "import", State: over}},
			}
			_, err := c.Client().CoreV1().Pods("shop").UpdateStatus(t.Context(), &p, metav1.UpdateOptions{})
			check(t, err)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the Job has no pod")
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
