package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// owners makes what the controllers would make of the Deployment and the CronJob of the shop, and returns the UIDs.
func owners(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	ctx, apps, batch := t.Context(), c.Client().AppsV1(), c.Client().BatchV1()
	web, err := apps.Deployments("shop").Get(ctx, "web", metav1.GetOptions{})
	check(t, err)
	labels := map[string]string{"app": "web", "pod-template-hash": "5d4"}
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-5d4", Labels: labels, OwnerReferences: []metav1.OwnerReference{admission.ControllerRef("apps/v1", "Deployment", "web", web.UID)}},
		Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: *web.Spec.Template.DeepCopy()},
	}
	set.Spec.Template.Labels = labels
	set, err = apps.ReplicaSets("shop").Create(ctx, set, metav1.CreateOptions{})
	check(t, err)
	nightly, err := batch.CronJobs("shop").Get(ctx, "nightly", metav1.GetOptions{})
	check(t, err)
	job, err := batch.Jobs("shop").Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "nightly-1", OwnerReferences: []metav1.OwnerReference{admission.ControllerRef("batch/v1", "CronJob", "nightly", nightly.UID)}},
		Spec:       nightly.Spec.JobTemplate.Spec,
	}, metav1.CreateOptions{})
	check(t, err)
	return []string{string(set.UID), string(job.UID)}
}

// TestOwnersThatExist: who refuses a canary because nobody of that name owns it is asked again with an owner that there is,
// one of the template's own, or for a plain canary any of its namespaces.
func TestOwnersThatExist(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	openShop(t, c)
	server, err := c.ServeWebhooks()
	check(t, err)
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{Configuration: "quiet", Client: server.Client("/allow"), NamespaceSelector: inNamespace("shop")})
	check(t, err)
	refused := func(uids ...string) []string { // and the findings
		validating{
			name: fmt.Sprintf("owners-%d", len(uids)), bound: admissionregistrationv1.MatchResources{NamespaceSelector: inNamespace("shop")},
			expression: fmt.Sprintf("!has(object.metadata.ownerReferences) || object.metadata.ownerReferences.all(o, o.uid in [%s])", quoted(uids)),
		}.install(t, c)
		pod := admission.OwnedCanary("shop", true)
		for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
			_, err := c.Client().CoreV1().Pods("shop").Create(t.Context(), pod.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err != nil && strings.Contains(err.Error(), fmt.Sprintf("owners-%d", len(uids))) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
		snapshot, ledger := run(t, collect.Options{Config: c.Config(), Timeout: 3 * time.Minute, RequestTimeout: time.Minute, Kinds: []facts.Kind{facts.Canaries, facts.ValidatingWebhooks, facts.ValidatingPolicies}})
		onlyDryRuns(t, ledger)
		result := resultOf(t, snapshot, "webhook-breaks-canary")
		var out []string
		for _, f := range result.Outcome.Findings {
			out = append(out, f.Message)
		}
		for _, g := range result.Outcome.Missing {
			out = append(out, g.Scope)
		}
		return out
	}
	first := refused()
	want := []string{"shape-1 (CronJob shop/nightly)", "shape-2 (Deployment shop/web)", "class-3 (namespace shop)", "class-4 (namespace shop)"}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("nobody owns them (-want +got):\n%s", diff)
	}
	uids := owners(t, c)
	check(t, c.Client().AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(t.Context(), "owners-0", metav1.DeleteOptions{}))
	if diff := cmp.Diff([]string(nil), refused(uids...)); diff != "" {
		t.Errorf("they are owned (-want +got):\n%s", diff)
	}
}

func quoted(words []string) string {
	var out []string
	for _, w := range words {
		out = append(out, fmt.Sprintf("'%s'", w))
	}
	return strings.Join(out, ", ")
}
