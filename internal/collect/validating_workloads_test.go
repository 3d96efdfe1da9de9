package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// inTemplates is an expression about the template of a Deployment or a Job.
func inTemplates(expression string) string {
	return strings.ReplaceAll(expression, "object.spec.", "object.spec.template.spec.")
}

// refusersOfWorkloads are policies and a webhook that refuse workloads in the namespace of their name; those of pods are
// not theirs.
func refusersOfWorkloads(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	openShop(t, c)
	makeNamespace(t, c, "deployments", "jobs", "labelled", "warned", "updated", "gizmos", "inits")
	makeCRD(t, c, "gizmo", "Namespaced", gizmoSchema)
	deployments := creates("apps", "deployments")
	bound := func(namespace string) admissionregistrationv1.MatchResources {
		return admissionregistrationv1.MatchResources{NamespaceSelector: inNamespace(namespace)}
	}
	for _, v := range []validating{
		{name: "front", rule: deployments, expression: inTemplates(noSidecars), constraints: admissionregistrationv1.MatchResources{
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "front"}},
		}},
		{name: "deployments", rule: deployments, expression: inTemplates(noSidecars), bound: bound("deployments")},
		{name: "gizmos", rule: creates("example.com", "gizmos"), expression: inTemplates(noSidecars), bound: bound("gizmos")},
		{name: "inits", rule: creates("apps", "daemonsets"), expression: inTemplates("!has(object.spec.initContainers)"), bound: bound("inits")},
		{name: "labelled", rule: creates("apps", "statefulsets"), expression: "has(object.metadata.labels) && 'team' in object.metadata.labels", bound: bound("labelled")},
		{name: "warned", rule: deployments, expression: inTemplates(noSidecars), actions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn}, bound: bound("warned")},
		{name: "updated", rule: updates("apps", "deployments"), expression: "false", bound: bound("updated")},
	} {
		v.install(t, c)
	}
	server, err := c.ServeWebhooks()
	check(t, err)
	denyingWebhook(t, c, "jobs", admissionregistrationv1.ValidatingWebhook{
		ClientConfig: server.Client("/deny"), NamespaceSelector: inNamespace("jobs"), MatchConditions: condition(inTemplates(anySidecars)),
	}, creates("batch", "jobs"))
}

// TestProofOfValidatedWorkloads: who refuses a Deployment, a Job or a custom resource for the native sidecar in its template is found,
// although nobody refuses its pods and nobody changes anything. What is refused without a sidecar, too, is unknown.
func TestProofOfValidatedWorkloads(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	for _, version := range []string{"1.36", "1.32"} {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			refusersOfWorkloads(t, c)
			options := collect.Options{Config: c.Config(), Timeout: 3 * time.Minute, RequestTimeout: time.Minute, Kinds: []facts.Kind{facts.Canaries, facts.ValidatingWebhooks, facts.ValidatingPolicies, facts.CRDs}}
			want := []string{
				"AdmissionPolicy deployments: templates of Deployments in namespace deployments are refused with a native sidecar",
				"AdmissionPolicy front: templates of Deployments like that of Deployment shop/web are refused with a native sidecar",
				"AdmissionPolicy gizmos: templates of Gizmos in namespace gizmos are refused with a native sidecar",
				"AdmissionPolicy inits: templates of DaemonSets in namespace inits are refused with any init container, native sidecars among them",
				"AdmissionWebhook jobs.example.com: templates of Jobs in namespace jobs are refused with a native sidecar",
			}
			var found []string
			for deadline := time.Now().Add(2 * time.Minute); ; { // policies and webhooks may take a while to act
				snapshot, ledger := run(t, options)
				result := resultOf(t, snapshot, "webhook-breaks-canary")
				found = nil
				for _, f := range result.Outcome.Findings {
					found = append(found, fmt.Sprintf("%s %s: %s", f.Object.Kind, f.Object.Name, f.Message))
					without := "without a native sidecar was admitted"
					if f.Object.Name == "inits" {
						without = "without any init container was admitted"
					}
					if !strings.Contains(strings.Join(f.Evidence, "\n"), without) {
						t.Errorf("%s: %q", f.Object.Name, f.Evidence)
					}
				}
				slices.Sort(found)
				missing := ""
				for _, g := range result.Outcome.Missing {
					missing += fmt.Sprintf("%s %s: %s\n", g.Kind, g.Scope, constant(g.Reason))
				}
				if !slices.Equal(want, found) && time.Now().Before(deadline) {
					continue
				}
				if strings.Count(missing, "\n") != 1 || !strings.Contains(missing, "was refused, and without any init container as well: ") || !strings.Contains(missing, "'labelled' denied request: labelled says no") {
					t.Errorf("missing: %s", missing)
				}
				if diff := cmp.Diff([]string{"pass"}, told(t, snapshot, templateCheck)); diff != "" {
					t.Error(diff)
				}
				onlyDryRuns(t, ledger)
				break
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}
