package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// mutatingPolicies are what MutatingAdmissionPolicies do to native sidecars, by the namespace for which each is made:
// a JSON patch, or else an apply configuration, and what the table has to say of it.
var mutatingPolicies = []struct{ namespace, jsonPatch, apply, want string }{
	{"patch-strips", `[0, 1, 2, 3].filter(i, i < size(object.spec.?initContainers.orValue([])) && has(object.spec.initContainers[i].restartPolicy))
		.map(i, JSONPatch{op: "remove", path: "/spec/initContainers/" + string(i) + "/restartPolicy"})`, "", "strips"},
	{"apply-never", "", `Object{spec: Object.spec{initContainers: object.spec.?initContainers.orValue([]).map(c,
		Object.spec.initContainers{name: c.name, restartPolicy: "Never"})}}`, "strips"},
	{"apply-label", "", `Object{metadata: Object.metadata{labels: Object.metadata.labels{tidy: "yes"}}}`, "preserves"},
	{"patch-wet", `request.?dryRun.orValue(false) ? [JSONPatch{op: "add", path: "/metadata/labels/tidy", value: "yes"}] :
		[JSONPatch{op: "remove", path: "/spec/initContainers/1/restartPolicy"}]`, "", "unknown"},
	{"patch-jobs", `request.userInfo.username == 'system:serviceaccount:kube-system:job-controller' && has(object.spec.initContainers[1].restartPolicy) ?
		[JSONPatch{op: "remove", path: "/spec/initContainers/1/restartPolicy"}] : []`, "", "strips"},
}

// TestProofOfPolicies: a policy that strips the field or sets another value is named, also where it does so for one
// controller only; one that does neither is not, and of one that does something else on dry runs nothing is said.
func TestProofOfPolicies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	for _, p := range mutatingPolicies {
		makeNamespace(t, c, p.namespace)
		mutation := admissionregistrationv1.Mutation{PatchType: admissionregistrationv1.PatchTypeJSONPatch, JSONPatch: &admissionregistrationv1.JSONPatch{Expression: p.jsonPatch}}
		if p.apply != "" {
			mutation = admissionregistrationv1.Mutation{PatchType: admissionregistrationv1.PatchTypeApplyConfiguration, ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: p.apply}}
		}
		installPolicy(t, c, p.namespace, mutation)
	}
	awaitPolicy(t, c, "apply-label", func(pod *corev1.Pod) bool { return pod.Labels["tidy"] != "" })
	awaitPolicy(t, c, "patch-wet", func(pod *corev1.Pod) bool { return pod.Labels["tidy"] != "" })
	awaitPolicy(t, c, "patch-strips", func(pod *corev1.Pod) bool { return pod.Spec.InitContainers[1].RestartPolicy == nil })
	snapshot, _ := run(t, collect.Options{Config: c.Config(), Kinds: []facts.Kind{facts.Canaries}})
	judged := clusterchecks.Judge(snapshot, nil)
	got := map[string]string{}
	for _, r := range judged.Webhooks {
		got[r.Name] = r.Result
	}
	for _, p := range mutatingPolicies {
		if got[p.namespace] != p.want {
			t.Errorf("%s: %s, want %s", p.namespace, got[p.namespace], p.want)
		}
	}
	var named []string
	for _, r := range judged.Results {
		for _, f := range r.Outcome.Findings {
			named = append(named, fmt.Sprintf("%s: %s %s", r.Check.ID, f.Object.Kind, f.Object.Name))
		}
	}
	want := "webhook-strips-restart-policy: MutatingAdmissionPolicy apply-never, webhook-strips-restart-policy: MutatingAdmissionPolicy patch-strips, webhook-strips-restart-policy: MutatingAdmissionPolicy patch-jobs"
	if text := strings.Join(named, ", "); text != want {
		t.Errorf("found %s\nwant  %s", text, want)
	}
}

// installPolicy makes a policy and its binding for one namespace, both named after it.
func installPolicy(t *testing.T, c *cluster.Cluster, namespace string, mutation admissionregistrationv1.Mutation) {
	t.Helper()
	client := c.Client().AdmissionregistrationV1()
	_, err := client.MutatingAdmissionPolicies().Create(t.Context(), &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistrationv1.IfNeededReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Mutations: []admissionregistrationv1.Mutation{mutation},
		},
	}, metav1.CreateOptions{})
	check(t, err)
	_, err = client.MutatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: namespace},
	}, metav1.CreateOptions{})
	check(t, err)
}

// awaitPolicy returns once a policy has its effect on a canary.
func awaitPolicy(t *testing.T, c *cluster.Cluster, namespace string, effect func(*corev1.Pod) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		pod, err := c.Client().CoreV1().Pods(namespace).Create(t.Context(), admission.Canary(namespace), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && effect(pod) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("policy %s has no effect: %v", namespace, err)
		}
	}
}
