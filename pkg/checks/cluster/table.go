package cluster

import (
	"slices"
	"strings"

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
	// suspect or unknown; Proof is how that is known.
	Result string `json:"result"`
	Proof  string `json:"proof"`
}

// webhookTable is every mutating webhook and bound policy, in the order in which they are called.
func (s *scene) webhookTable() []WebhookRow {
	out := []WebhookRow{}
	for _, p := range s.MutatingPolicies {
		if len(p.Bindings) > 0 && p.MatchesPods {
			row := WebhookRow{Name: p.Name, Classes: []string{}}
			row.judge(s.runs, func(t admissionRun) bool { return slices.Contains(t.class.Policies, p.Name) })
			out = append(out, row)
		}
	}
	order := 0
	for i := range s.MutatingWebhooks {
		for j := range s.MutatingWebhooks[i].Webhooks {
			w := &s.MutatingWebhooks[i].Webhooks[j]
			order++
			row := WebhookRow{Order: order, Name: s.MutatingWebhooks[i].Name + "/" + w.Name, Classes: []string{}}
			switch {
			case w.ClientConfig.Service != nil:
				row.Backend = w.ClientConfig.Service.Namespace + "/" + w.ClientConfig.Service.Name
			case w.ClientConfig.URL != nil:
				row.Backend = *w.ClientConfig.URL
			}
			if w.FailurePolicy != nil {
				row.FailurePolicy = string(*w.FailurePolicy)
			}
			if w.SideEffects != nil {
				row.SideEffects = string(*w.SideEffects)
			}
			if w.TimeoutSeconds != nil {
				row.TimeoutSeconds = *w.TimeoutSeconds
			}
			row.judge(s.runs, func(t admissionRun) bool { return slices.Contains(t.class.Webhooks, row.Name) })
			if declaresSideEffects(s.Snapshot, row.Name) {
				row.Result, row.Proof = "not dry-runnable", "its sideEffects"
			}
			out = append(out, row)
		}
	}
	return out
}

// results are from the worst to the best: the worst class counts.
var results = []string{"strips", "moves", "removes", "denies", "unreachable", "suspect", "unknown", "preserves"}

// judge sums up the classes in which it is called.
func (r *WebhookRow) judge(all []admissionRun, called func(admissionRun) bool) {
	r.Result = "not called"
	if len(all) == 0 {
		r.Result = "unknown"
	}
	for _, t := range all {
		if !called(t) {
			continue
		}
		r.Classes = append(r.Classes, t.class.ID)
		if t.class.Shape == nil {
			r.Namespaces += len(t.class.Namespaces)
		}
		result, proof := t.resultOf(r.Name)
		if r.Result == "not called" || slices.Index(results, result) < slices.Index(results, r.Result) {
			r.Result, r.Proof = result, proof
		}
	}
}

// changeResults are the results of changes, the worst first.
var changeResults = []struct {
	kind   facts.ChangeKind
	result string
}{{facts.Stripped, "strips"}, {facts.Moved, "moves"}, {facts.Removed, "removes"}}

// resultOf is what the class's canary tells of one of its actors.
func (t admissionRun) resultOf(name string) (result, proof string) {
	if t.canary == nil {
		return "unknown", "no canary"
	}
	if result, proof := t.reviewed(name); result != "" {
		return result, proof
	}
	cause, who := t.cause()
	switch {
	case t.called(who) == name && cause == facts.CauseDenied:
		return "denies", "canary"
	case t.called(who) == name && cause == facts.CauseFailed:
		return "unreachable", "canary"
	case t.canary.Refusal != nil:
		return "unknown", "canary refused"
	case t.class.Uncertain[name] != "":
		return "unknown", "match condition"
	case len(t.canary.Changes()) == 0:
		return "preserves", "canary"
	}
	for _, c := range changeResults {
		if len(changesOf(t, c.kind)) == 0 {
			continue
		}
		for _, a := range t.culprits(c.kind) {
			if a.name == name {
				return c.result, map[bool]string{true: "bisection", false: "elimination"}[len(t.canary.Exempted) > 0]
			}
		}
	}
	if slices.Contains(t.left(), name) {
		return "suspect", "canary"
	}
	return "preserves", "elimination"
}

// reviewed is what it did when it was asked by itself; empty when that proves nothing.
func (t admissionRun) reviewed(name string) (result, proof string) {
	for _, r := range t.canary.Reviews {
		if r.Webhook != name {
			continue
		}
		for _, c := range changeResults {
			if slices.ContainsFunc(r.Changes, func(change facts.Change) bool { return change.Kind == c.kind }) {
				return c.result, string(r.Method)
			}
		}
		switch {
		case r.Denied != "":
			return "denies", string(r.Method)
		case r.Error == "":
			return "preserves", string(r.Method)
		case r.Method == facts.Directly && !strings.Contains(r.Error, "you are not allowed to"):
			return "unreachable", string(r.Method)
		}
	}
	return "", ""
}
