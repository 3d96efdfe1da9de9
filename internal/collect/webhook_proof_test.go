package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

const (
	nonDry = admissionregistrationv1.SideEffectClassNoneOnDryRun
	open   = admissionregistrationv1.Ignore
	again  = admissionregistrationv1.IfNeededReinvocationPolicy
)

// A proving is a namespace with webhooks, and what the table has to say of each, in call order.
type proving struct {
	namespace string
	webhooks  []cluster.Webhook
	// paths are those of package webhook, or bad-ca and nowhere.
	paths []string
	want  string
}

// provings are kinds of webhooks of which a canary that came back unharmed proves nothing, each with a control.
var provings = []proving{
	{"injected", many(2), []string{"/inject", "/strip-injected"}, "preserves, strips"},
	{"injected-kept", many(2), []string{"/inject", "/annotate"}, "preserves, preserves"},
	{"injected-again", []cluster.Webhook{{Reinvocation: again}, {}}, []string{"/strip-injected", "/inject"}, "strips, preserves"},
	{"injected-once", many(2), []string{"/strip-injected", "/inject"}, "preserves, preserves"},
	{"injectors", many(3), []string{"/inject", "/inject-other", "/strip-injected"}, "preserves, preserves, strips"},
	{"injectors-all", many(3), []string{"/inject", "/inject-other", "/strip"}, "preserves, preserves, strips"},
	{"injectors-kept", many(3), []string{"/inject", "/inject-other", "/annotate"}, "preserves, preserves, preserves"},

	{"open", []cluster.Webhook{{FailurePolicy: open}}, []string{"/annotate"}, "preserves"},
	{"open-allow", []cluster.Webhook{{FailurePolicy: open}}, []string{"/allow"}, "preserves"},
	{"open-strip", []cluster.Webhook{{FailurePolicy: open}}, []string{"/strip"}, "strips"},
	{"open-bad-ca", []cluster.Webhook{{FailurePolicy: open}}, []string{"bad-ca"}, "unreachable"},
	{"open-nowhere", []cluster.Webhook{{FailurePolicy: open}}, []string{"nowhere"}, "unreachable"},
	{"open-error", []cluster.Webhook{{FailurePolicy: open}}, []string{"/error"}, "unreachable"},

	{"wet", []cluster.Webhook{{SideEffects: nonDry}}, []string{"/wet-strip"}, "unknown"},
	{"wet-annotate", []cluster.Webhook{{SideEffects: nonDry}}, []string{"/annotate"}, "preserves"},
	{"wet-strip", []cluster.Webhook{{SideEffects: nonDry}}, []string{"/strip"}, "strips"},
	{"real-only", []cluster.Webhook{{MatchConditions: condition("!request.dryRun")}}, []string{"/strip"}, "unknown"},
	{"creates", []cluster.Webhook{{MatchConditions: condition("request.operation == 'CREATE'")}}, []string{"/annotate"}, "preserves"},

	{"beta", []cluster.Webhook{{SideEffects: nonDry, ReviewVersions: []string{"v1beta1"}}}, []string{"/bare-annotate"}, "preserves"},
	{"beta-strip", []cluster.Webhook{{ReviewVersions: []string{"v1beta1"}}, {}}, []string{"/bare-strip", "/annotate"}, "strips, preserves"},

	{"slow", []cluster.Webhook{{}}, []string{"/slow-strip"}, "strips"},
	{"slow-allow", []cluster.Webhook{{}}, []string{"/slow-allow"}, "preserves"},
}

func many(n int) []cluster.Webhook { return make([]cluster.Webhook, n) }

func condition(expression string) []admissionregistrationv1.MatchCondition {
	return []admissionregistrationv1.MatchCondition{{Name: "only", Expression: expression}}
}

// TestProof: what canaries and calls prove of webhooks, and what they do not.
func TestProof(t *testing.T) {
	onAPIServers(t, func(t *testing.T, version string, c *cluster.Cluster) {
		makeNamespace(t, c, "hooks")
		service, err := c.ServeWebhooksBehind(t.Context(), "hooks", "hook", "hook:v1")
		check(t, err)
		outside, err := c.ServeWebhooks()
		check(t, err)
		for i, p := range provings {
			server := service
			if i%2 == 0 && p.paths[0] != "bad-ca" {
				server = outside
			}
			p.install(t, c, server)
		}
		snapshot, ledger := run(t, collect.Options{Config: c.Config(), Kinds: admissionKinds, Timeout: 3 * time.Minute})
		rows := map[string]clusterchecks.WebhookRow{}
		for _, r := range clusterchecks.Judge(snapshot, nil).Webhooks {
			rows[r.Name] = r
		}
		for _, p := range provings {
			var got, proofs []string
			for i := range p.webhooks {
				r := rows[p.name(i)+"/"+p.name(i)+".example.com"]
				got, proofs = append(got, r.Result), append(proofs, r.Proof)
			}
			if text := strings.Join(got, ", "); text != p.want {
				t.Errorf("%s: %s (%s), want %s", p.namespace, text, strings.Join(proofs, ", "), p.want)
			}
		}
		golden(t, "proof-"+version, "what is known of webhooks of which an unharmed canary proves nothing, on an API server "+version, append(digest(snapshot), gapsOfCheck(snapshot, "webhook-strips-restart-policy")...))
		for _, r := range append(service.Handler.Requests(), outside.Handler.Requests()...) {
			if !r.DryRun {
				t.Errorf("%s was asked without dryRun", r.Path)
			}
		}
		if n := len(ledger.Requests()); n > 220 {
			t.Errorf("%d requests", n)
		}
	})
}

func (p proving) name(i int) string { return fmt.Sprintf("%s-%d", p.namespace, i+1) }

func (p proving) install(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer) {
	t.Helper()
	makeNamespace(t, c, p.namespace)
	for i, w := range p.webhooks {
		w.Configuration = p.name(i)
		w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.namespace}}
		switch p.paths[i] {
		case "bad-ca":
			w.Client = server.BadCA("/strip")
		case "nowhere":
			url := "https://" + c.Host() + ":1/strip"
			w.Client = admissionregistrationv1.WebhookClientConfig{URL: &url}
		default:
			w.Client = server.Client(p.paths[i])
		}
		_, err := c.InstallWebhook(t.Context(), w)
		check(t, err)
	}
}

// gapsOfCheck are what a check could not see, with the reasons.
func gapsOfCheck(s *facts.Snapshot, id string) []string {
	var out []string
	for _, r := range clusterchecks.Judge(s, func(other string) bool { return other != id }).Results {
		for _, g := range r.Outcome.Missing {
			out = append(out, "gap "+g.Scope+": "+constant(g.Reason)+" -> "+g.Remedy)
		}
	}
	slices.Sort(out)
	return out
}
