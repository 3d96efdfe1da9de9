package collect

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func TestNamespacesAndWebhooks(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["GET /api/v1/namespaces"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, corev1.NamespaceList{Items: []corev1.Namespace{
			{ObjectMeta: metav1.ObjectMeta{Name: "b", UID: "1", Labels: map[string]string{"x": "y"}, Annotations: map[string]string{"x": "y"}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive}},
		}})
	}
	f.handlers["GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, admissionregistrationv1.MutatingWebhookConfigurationList{Items: []admissionregistrationv1.MutatingWebhookConfiguration{
			{ObjectMeta: metav1.ObjectMeta{Name: "z"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{"x": "y"}}, Webhooks: []admissionregistrationv1.MutatingWebhook{
				{Name: "2", ClientConfig: admissionregistrationv1.WebhookClientConfig{CABundle: []byte("x")}}, {Name: "1"},
			}},
		}})
	}
	s := collectFrom(t, f.options(facts.Namespaces, facts.MutatingWebhooks))
	want := facts.Snapshot{
		Namespaces: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b", Labels: map[string]string{"x": "y"}}}},
		MutatingWebhooks: []admissionregistrationv1.MutatingWebhookConfiguration{
			// By name, and in a configuration in the order of its list.
			{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "2"}, {Name: "1"}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "z"}},
		},
	}
	if diff := cmp.Diff(want, facts.Snapshot{Namespaces: s.Namespaces, MutatingWebhooks: s.MutatingWebhooks, Gaps: s.Gaps}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMutatingPolicies(t *testing.T) {
	served := func(names ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			var list metav1.APIResourceList
			for _, n := range names {
				list.APIResources = append(list.APIResources, metav1.APIResource{Name: n})
			}
			reply(w, 200, list)
		}
	}
	const group = "GET /apis/admissionregistration.k8s.io/"
	both := []string{"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"}
	policies := `{"items":[{"metadata":{"name":"p"},"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["*"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}]}}}]}`
	bindings := `{"items":[{"metadata":{"name":"b"},"spec":{"policyName":"p"}},{"metadata":{"name":"c"},"spec":{"policyName":"q"}}]}`
	found := []facts.MutatingPolicy{{Name: "p", Bindings: []string{"b"}, MatchesPods: true, MatchesTemplates: []string{"custom resources"}}}
	for _, test := range []struct {
		name     string
		handlers map[string]http.HandlerFunc
		want     []facts.MutatingPolicy
		gaps     []facts.Gap
	}{
		{"none are served", map[string]http.HandlerFunc{group + "v1": served("mutatingwebhookconfigurations")}, nil, nil},
		{"v1", map[string]http.HandlerFunc{group + "v1": served(both...), group + "v1/" + both[0]: plain(200, policies), group + "v1/" + both[1]: plain(200, bindings)}, found, nil},
		{"v1alpha1", map[string]http.HandlerFunc{group + "v1": served("x"), group + "v1alpha1": served(both...),
			group + "v1alpha1/" + both[0]: plain(200, policies), group + "v1alpha1/" + both[1]: plain(200, bindings)}, found, nil},
		{"bindings forbidden", map[string]http.HandlerFunc{group + "v1": served(both...), group + "v1/" + both[0]: plain(200, policies),
			group + "v1/" + both[1]: refusing(403, "Forbidden", "no")}, nil, []facts.Gap{{Kind: facts.MutatingPolicies, Reason: "no", Remedy: listBindings.remedy().Text}}},
		{"discovery forbidden", map[string]http.HandlerFunc{group + "v1": refusing(403, "Forbidden", "no")}, nil,
			[]facts.Gap{{Kind: facts.MutatingPolicies, Reason: "no", Remedy: readDiscovery.remedy().Text}}},
		{"garbage", map[string]http.HandlerFunc{group + "v1": plain(200, "<html>")}, nil, []facts.Gap{{Kind: facts.MutatingPolicies,
			Reason: "get /apis/*: read the answer to /apis/admissionregistration.k8s.io/v1: invalid character '<' looking for beginning of value",
			Remedy: "run again; if it persists, see what kubectl -v=8 says to the same request"}}},
	} {
		f := newFakeAPI(t)
		f.handlers = test.handlers
		s := collectFrom(t, f.options(facts.MutatingPolicies))
		if diff := cmp.Diff(facts.Snapshot{MutatingPolicies: test.want, Gaps: test.gaps}, facts.Snapshot{MutatingPolicies: s.MutatingPolicies, Gaps: s.Gaps}); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}

func TestControlPlane(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["GET /api/v1/namespaces/kube-system/pods"] = func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("labelSelector"); got != "tier=control-plane" {
			t.Errorf("selector %q", got)
		}
		mirror := map[string]string{corev1.MirrorPodAnnotationKey: "x"}
		labels := func(component string) map[string]string {
			return map[string]string{"component": component, "tier": "control-plane"}
		}
		reply(w, 200, corev1.PodList{Items: []corev1.Pod{
			{ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: mirror, Labels: labels("kube-scheduler")},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Command: []string{"kube-scheduler", "--feature-gates=A=true"}}}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "e", Annotations: mirror, Labels: labels("etcd")}, Spec: corev1.PodSpec{Containers: []corev1.Container{{}}}},
		}})
	}
	s := collectFrom(t, f.options(facts.ControlPlane))
	want := facts.Snapshot{ControlPlane: []facts.ControlPlanePod{{Component: "kube-scheduler", Name: "s", FeatureGates: "A=true"}}}
	if diff := cmp.Diff(want, facts.Snapshot{ControlPlane: s.ControlPlane, Gaps: s.Gaps}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
