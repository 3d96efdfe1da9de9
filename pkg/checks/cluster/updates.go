package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Rejection is what keeps pods of a namespace from being updated, as far as that is known.
type Rejection struct {
	// Name is how a sentence names it: "webhook or policy touch/touch.example.com"; empty where updates were tried and
	// accepted.
	Name string
	// Does is what it does, as the end of the sentence.
	Does     string
	Evidence []string
	Steps    []checks.Step
}

// UpdateOf is what became of updates of pods of a namespace; false when none was tried.
func (v View) UpdateOf(namespace string) (Rejection, bool) {
	if !v.s.WorkloadsTried {
		return Rejection{}, false
	}
	accepted := Rejection{Evidence: []string{"no webhook and no policy sees updates of pods there"}}
	for i := range v.s.PodUpdates {
		u := &v.s.PodUpdates[i]
		if !slices.Contains(u.Class.Namespaces, namespace) {
			continue
		}
		if u.Canary == nil {
			return Rejection{}, false // a gap says why
		}
		r := updateRun{admissionRun{class: u.Class, canary: u.Canary}, u}
		found, ok := r.rejection(v.s.Snapshot)
		switch _, gaps := r.judge(v.s.Snapshot, nil); {
		case ok:
			return found, true
		case len(gaps) > 0 || u.Pod == "":
			return Rejection{}, false // who would have done it is open
		}
		accepted.Evidence = []string{fmt.Sprintf("a label of pod %s/%s was accepted (dry run); called there: %s", u.Canary.Namespace, u.Pod, strings.Join(r.actors(), ", "))}
	}
	if slices.ContainsFunc(v.s.GapsOf(facts.Canaries, "*"), func(g facts.Gap) bool { return g.Scope == "" || ofUpdates(g) }) {
		return Rejection{}, false
	}
	return accepted, true
}

// rejection is what made the API server reject the update; false when it did not.
func (r updateRun) rejection(s *facts.Snapshot) (Rejection, bool) {
	if found, _ := r.judge(s, nil); len(found) > 0 {
		f, name := found[0], "a webhook or policy"
		if f.Object.Kind != "NamespaceClass" {
			name = "webhook or policy " + f.Object.Name
		}
		return Rejection{name, "changes its init containers on every update, which the API server then rejects", f.Evidence, f.Steps}, true
	}
	if r.canary.Refusal == nil {
		return Rejection{}, false
	}
	cause, who := r.cause()
	out := Rejection{
		Name: "the API server", Does: "rejects updates of the pod: " + r.canary.Refusal.OneLine(),
		Evidence: []string{fmt.Sprintf("a label of pod %s/%s, set with dryRun=All, was refused: %s", r.canary.Namespace, r.update.Pod, r.canary.Refusal.OneLine())},
	}
	switch cause {
	case facts.CauseDenied, facts.CausePolicy:
		out.Name, out.Does = "webhook or policy "+who, "denies every update of the pod"
		out.Steps = []checks.Step{{Text: "Change the rules of " + who + " so that controllers can remove their finalizers: take UPDATE of pods out of them."}}
	case facts.CauseFailed:
		out.Name, out.Does = "webhook "+who, "sees every update of the pod and cannot be called, and its failurePolicy is Fail"
		out.Steps = []checks.Step{{Text: "Repair " + who + ": its pods, its Service, its certificate. If nobody needs it any more, remove its configuration."}}
	case facts.CauseAccess, facts.CauseNoAnswer:
		return Rejection{}, false
	default:
		out.Steps = []checks.Step{{Text: "See the API server's words."}}
	}
	return out, true
}
