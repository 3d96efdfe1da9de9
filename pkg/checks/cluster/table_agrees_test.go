package cluster

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The table of webhooks never contradicts the checks: not for any snapshot of the test data.
func TestTableAgrees(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d files: %v", len(paths), err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name == "snapshot.yaml" {
				for _, problem := range disagreements(checktest.Decode(t, path, f.Data)) {
					t.Errorf("%s: %s", path, problem)
				}
			}
		}
	}
}

// Nor for any of many that are made up: canaries that lost something or not, and reviews of all kinds.
func TestTableAgreesAtRandom(t *testing.T) {
	for seed := range uint64(5000) {
		s := madeUp(rand.New(rand.NewPCG(seed, 12)))
		if problems := disagreements(s); len(problems) > 0 {
			t.Fatalf("seed %d: %s\n%s", seed, strings.Join(problems, "\n"), checktest.YAML(t, s))
		}
	}
}

// disagreements are where the table says something that the checks do not, or the other way around.
func disagreements(s *facts.Snapshot) []string {
	judged := Judge(s, nil)
	results := map[string]checks.Result{}
	named := map[string][]string{} // checks by whom their findings and gaps name
	for _, r := range judged.Results {
		results[r.Check.ID] = r
		for _, f := range r.Outcome.Findings {
			named[f.Object.Name] = append(named[f.Object.Name], r.Check.ID)
		}
	}
	strips := results[webhookStripsRestartPolicy.ID]
	for _, g := range strips.Outcome.Missing {
		who := g.Instance.Configuration + "/" + g.Instance.Name
		if g.Instance.Configuration == "" {
			_, who, _ = strings.Cut(g.Scope, ") ") // of what is not certain to be called
		}
		named[who] = append(named[who], "gap")
	}
	var out []string
	for _, row := range judged.Webhooks {
		for _, problem := range rowDisagrees(row, named[row.Name], strips) {
			out = append(out, fmt.Sprintf("%s %s (%s): %s", row.Name, row.Result, row.Proof, problem))
		}
	}
	return out
}

// worseThan are the results that a row may have whose webhook a check found something about.
var worseThan = map[string][]string{
	"webhook-strips-restart-policy": {resultStrips},
	"webhook-moves-restart-policy":  {resultStrips, resultMoves},
	"webhook-removes-sidecar":       {resultStrips, resultMoves, resultRemoves},
}

func rowDisagrees(row WebhookRow, named []string, strips checks.Result) (out []string) {
	for _, id := range named {
		if row.Result == resultPreserves && slices.Contains([]string{"gap", webhookBreaksCanary.ID, webhookFailsOpen.ID, webhookRefusesDryRun.ID}, id) {
			// A webhook that the API server does not reach can be known to preserve the field all the same.
			if id != webhookFailsOpen.ID || row.Proof == "canary" {
				out = append(out, "named by "+id)
			}
		}
		if may := worseThan[id]; may != nil && !slices.Contains(may, row.Result) && row.Result != resultNoDryRun {
			out = append(out, "named by "+id)
		}
	}
	switch {
	case slices.Contains(named, "skipped"):
	case row.Result == resultStrips && !slices.Contains(named, webhookStripsRestartPolicy.ID) && strips.Status() == checks.Pass:
		out = append(out, "and the check passes")
	case slices.Contains([]string{resultUnknown, resultUnreachable, resultCandidate, resultDenies}, row.Result) && strips.Status() == checks.Pass:
		if row.Result != resultCandidate && row.Result != resultUnreachable || row.Proof == "not reached" {
			out = append(out, "and the check passes")
		}
	}
	return out
}

// madeUp is a snapshot with a few classes of one to three webhooks.
func madeUp(r *rand.Rand) *facts.Snapshot {
	s := &facts.Snapshot{Seen: []facts.Kind{facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.WebhookBackends, facts.Canaries}}
	var names []string
	for i := range 1 + r.IntN(3) {
		config := string(rune('a' + i))
		w := admissionregistrationv1.MutatingWebhook{Name: config + ".example.com", FailurePolicy: pick(r, admissionregistrationv1.Fail, admissionregistrationv1.Ignore),
			SideEffects: pick(r, admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun)}
		if r.IntN(2) == 0 {
			w.ClientConfig.Service = &admissionregistrationv1.ServiceReference{Namespace: "hooks", Name: config}
			s.WebhookBackends = append(s.WebhookBackends, facts.WebhookBackend{Webhook: config + "/" + w.Name, Service: "hooks/" + config, Pods: 1, Ready: r.IntN(2)})
		} else {
			url := "https://hooks.example.com/" + config
			w.ClientConfig.URL = &url
		}
		s.MutatingWebhooks = append(s.MutatingWebhooks, admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: config}, Webhooks: []admissionregistrationv1.MutatingWebhook{w},
		})
		names = append(names, config+"/"+w.Name)
		if r.IntN(3) == 0 {
			s.WebhookCalls = append(s.WebhookCalls, facts.WebhookCalls{Webhook: config + "/" + w.Name, Answered: r.IntN(3), FailedOpen: r.IntN(2)})
		}
	}
	for i := range 1 + r.IntN(3) {
		class := facts.Class{ID: fmt.Sprintf("class-%d", i+1), Namespaces: []string{fmt.Sprintf("ns-%d", i)}, Webhooks: names[:1+r.IntN(len(names))]}
		if r.IntN(5) == 0 {
			class.Uncertain = map[string]string{class.Webhooks[0]: "asks for dryRun"}
		}
		s.Classes = append(s.Classes, class)
		if r.IntN(8) > 0 {
			s.Canaries = append(s.Canaries, madeUpCanary(r, class))
		}
	}
	return s
}

func madeUpCanary(r *rand.Rand, class facts.Class) facts.Canary {
	always := corev1.ContainerRestartPolicyAlways
	sent := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "setup"}, {Name: "sidecar", RestartPolicy: &always}}}}
	c := facts.Canary{Class: class.ID, Namespace: class.Namespaces[0], Sent: sent, Template: facts.TemplateKept}
	if r.IntN(6) == 0 {
		c.Refusal = &facts.Refusal{Code: 403, Reason: "Forbidden", Message: fmt.Sprintf("admission webhook %q denied the request: no", strings.SplitN(class.Webhooks[0], "/", 2)[1])}
	} else {
		c.Returned = sent.DeepCopy()
		damage(r, c.Returned)
	}
	if r.IntN(2) == 0 {
		return c
	}
	for _, name := range class.Webhooks {
		review := facts.Review{Webhook: name, Method: facts.ByServiceProxy, Outcome: facts.ReviewAnswered}
		switch r.IntN(6) {
		case 0:
			review.Outcome, review.Error, review.Method = facts.ReviewUnreachable, "refused", facts.Directly
		case 1:
			review.Outcome, review.Error = facts.ReviewNotAllowed, "not allowed"
		case 2:
			review.Denied = "no"
		default:
			after := sent.DeepCopy()
			damage(r, after)
			review.Changes = facts.Changes(sent, after)
			review.Operations = len(review.Changes) + r.IntN(2)
		}
		c.Reviews = append(c.Reviews, review)
		if review.Error != "" && r.IntN(3) == 0 {
			e := facts.Exempted{Webhook: name}
			if r.IntN(2) == 0 {
				e.Changes = c.Changes()
			}
			c.Exempted = append(c.Exempted, e)
		}
	}
	return c
}

// damage does one of what webhooks do, or nothing.
func damage(r *rand.Rand, pod *corev1.Pod) {
	switch r.IntN(6) {
	case 0, 1:
		pod.Spec.InitContainers[1].RestartPolicy = nil
	case 2:
		pod.Spec.InitContainers[0].RestartPolicy, pod.Spec.InitContainers[1].RestartPolicy = pod.Spec.InitContainers[1].RestartPolicy, nil
	case 3:
		pod.Spec.InitContainers = pod.Spec.InitContainers[:1]
	}
}

func pick[T any](r *rand.Rand, from ...T) *T { return &from[r.IntN(len(from))] }
