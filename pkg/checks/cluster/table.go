package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A WebhookRow is what is known of one mutating webhook or policy, for a table of them.
type WebhookRow struct {
	// Order is its place among all mutating webhooks, from 1; 0 for a policy: policies come first.
	Order int    `json:"order"`
	Name  string `json:"name"`
	// Backend is "namespace/service", a URL, or empty for a policy.
	Backend       string `json:"backend"`
	FailurePolicy string `json:"failurePolicy"`
	SideEffects   string `json:"sideEffects"`
	// TimeoutSeconds is 0 when it is not set.
	TimeoutSeconds int32 `json:"timeoutSeconds"`
	// Namespaces is how many namespaces it is called in for a plain pod, Classes the classes and shapes.
	Namespaces int      `json:"namespaces"`
	Classes    []string `json:"classes"`
	// Result is preserves, strips, moves, removes, denies, unreachable, not dry-runnable, not called,
	// suspect (one of several of which one has done it) or unknown; Proof is how that is known.
	Result string `json:"result"`
	Proof  string `json:"proof"`
}

// webhookTable is every mutating webhook and bound policy, in the order in which they are called.
func (s *scene) webhookTable() []WebhookRow {
	out := []WebhookRow{}
	for _, p := range s.MutatingPolicies {
		if len(p.Bindings) > 0 && p.MatchesPods {
			row := WebhookRow{Name: p.Name, Classes: []string{}}
			s.sumUp(&row, func(t admissionRun) bool { return slices.Contains(t.class.Policies, p.Name) })
			row.unmet(s.Snapshot)
			out = append(out, row)
		}
	}
	for i, w := range installed(s.Snapshot) {
		row := rowOf(i+1, w)
		s.sumUp(&row, func(t admissionRun) bool { return slices.Contains(t.class.Webhooks, row.Name) })
		row.unmet(s.Snapshot)
		if declaresSideEffects(s.Snapshot, row.Name) {
			row.Result, row.Proof = resultNoDryRun, "its sideEffects"
		}
		out = append(out, row)
	}
	return out
}

// rowOf is what the configuration of a webhook says.
func rowOf(order int, w installation) WebhookRow {
	row := WebhookRow{Order: order, Name: w.name(), Classes: []string{}, Backend: service(w.spec)}
	if url := w.spec.ClientConfig.URL; row.Backend == "" && url != nil {
		row.Backend = *url
	}
	if w.spec.FailurePolicy != nil {
		row.FailurePolicy = string(*w.spec.FailurePolicy)
	}
	if w.spec.SideEffects != nil {
		row.SideEffects = string(*w.spec.SideEffects)
	}
	if w.spec.TimeoutSeconds != nil {
		row.TimeoutSeconds = *w.spec.TimeoutSeconds
	}
	return row
}

// Results of a webhook in a class, or in all of them.
const (
	resultStrips      = "strips"
	resultMoves       = "moves"
	resultRemoves     = "removes"
	resultDenies      = "denies"
	resultUnreachable = "unreachable"
	// resultCandidate is one of several of which one has done it.
	resultCandidate = "suspect"
	resultUnknown   = "unknown"
	resultPreserves = "preserves"
	// The following are no results of a class.
	resultNotCalled = "not called"
	resultNoDryRun  = "not dry-runnable"
)

// fromWorst are the results of a class from the worst to the best: the worst class counts.
var fromWorst = []string{
	resultStrips, resultMoves, resultRemoves, resultDenies, resultUnreachable, resultCandidate, resultUnknown, resultPreserves,
}

// sumUp is the worst result of the classes in which it is called.
func (s *scene) sumUp(r *WebhookRow, called func(admissionRun) bool) {
	r.Result = resultNotCalled
	if len(s.runs) == 0 {
		r.Result = resultUnknown
	}
	namespaces := map[string]bool{}
	for _, t := range s.runs {
		if !called(t) {
			continue
		}
		r.Classes = append(r.Classes, t.class.ID)
		if t.class.Shape == nil {
			for _, name := range t.class.Namespaces {
				namespaces[name] = true
			}
		}
		result, proof := s.resultOf(t, r.Name)
		if r.Result == resultNotCalled || slices.Index(fromWorst, result) < slices.Index(fromWorst, r.Result) {
			r.Result, r.Proof = result, proof
		}
	}
	r.Namespaces = len(namespaces)
}

// unmet makes of a webhook or policy that no canary met one of which nothing is known, where it may see pods.
func (r *WebhookRow) unmet(s *facts.Snapshot) {
	if r.Result != resultNotCalled {
		return
	}
	for _, g := range s.GapsOf(facts.Canaries, "*") {
		name := g.Instance.Name
		if g.Instance.Configuration != "" {
			name = g.Instance.Configuration + "/" + name
		}
		if g.Instance.Class == "" && name == r.Name {
			r.Result, r.Proof = resultUnknown, "no canary met it"
		}
	}
}

// A changeResult is the result of a change.
type changeResult struct {
	kind   facts.ChangeKind
	result string
}

// changeResults are the results of changes, the worst first.
var changeResults = []changeResult{{facts.Stripped, resultStrips}, {facts.Moved, resultMoves}, {facts.Removed, resultRemoves}}

// resultOf is what the class's canary tells of one of its actors: the answer to a review, a refusal that names
// it, or what became of the canary. It says no more than the checks do.
func (s *scene) resultOf(t admissionRun, name string) (result, proof string) {
	switch {
	case t.canary == nil:
		return resultUnknown, "no canary"
	case !cameBack(t):
		if result, proof := t.reviewed(name); result != "" {
			return result, proof
		}
		return t.refused(name)
	}
	result, proof = t.didTo(name)
	if result != resultPreserves {
		return result, proof
	}
	if t.class.Uncertain[name] != "" {
		return resultUnknown, "match condition"
	}
	if r := s.reservationAbout(t, name); r != nil {
		return r.result, r.proof
	}
	if r, ok := t.reviewOf(name); ok && conclusive(r) {
		return resultPreserves, string(r.Method)
	}
	return result, proof
}

// refused is what a refused canary tells.
func (t admissionRun) refused(name string) (result, proof string) {
	if t.canary.Refusal == nil {
		return resultUnknown, "no canary"
	}
	if cause, who := t.cause(); t.called(who) == name {
		switch cause {
		case facts.CauseDenied:
			return resultDenies, "canary"
		case facts.CauseFailed:
			return resultUnreachable, "canary"
		}
	}
	return resultUnknown, "canary refused"
}

// didTo is what a canary tells that came back.
func (t admissionRun) didTo(name string) (result, proof string) {
	changes := t.canary.Changes()
	if len(changes) == 0 {
		return resultPreserves, "canary"
	}
	candidate := false
	for _, c := range changeResults {
		if !has(changes, c.kind) {
			continue
		}
		culprits := t.culprits(c.kind)
		if i := slices.IndexFunc(culprits, func(x culprit) bool { return x.name == name }); i >= 0 {
			return c.result, culprits[i].how
		}
		// Bisection clears the others: the canary met them, and kept what it loses with the culprit.
		candidate = candidate || len(t.exempted(c.kind)) == 0 && slices.Contains(t.left(c.kind), name)
	}
	if candidate {
		if result, proof := t.reviewed(name); result == resultDenies || result == resultUnreachable {
			return result, proof
		}
		return resultCandidate, "canary"
	}
	return resultPreserves, "elimination"
}

// reviewed is what it did when it was called directly; empty when that proves nothing.
func (t admissionRun) reviewed(name string) (result, proof string) {
	r, ok := t.reviewOf(name)
	if !ok {
		return "", ""
	}
	for _, c := range changeResults {
		if has(r.Changes, c.kind) {
			return c.result, string(r.Method)
		}
	}
	switch {
	case r.Denied != "":
		return resultDenies, string(r.Method)
	case r.Error == "":
		return resultPreserves, string(r.Method)
	case inVain(r):
		return resultUnreachable, string(r.Method)
	}
	return "", ""
}

// inVain reports whether a webhook was called directly and could not be reached, or gave no proper answer. That
// it was not called, or cannot be from here, says nothing about it. By way of the API server's proxy it is not
// known whose fault it is.
func inVain(r facts.Review) bool {
	switch r.Outcome {
	case facts.ReviewNotAllowed, facts.ReviewNotAsked, facts.ReviewNoDryRun, facts.ReviewNotCallable:
		return false
	}
	return r.Error != "" && r.Method == facts.Directly
}
