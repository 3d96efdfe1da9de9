package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A culprit names who changed a canary, and by what that is known.
type culprit struct {
	// name is "configuration/webhook", or the policy's name.
	name  string
	proof []string
	// how is the proof in a word, for the table.
	how string
}

// culprits are those of a class who made a change of a kind to its canary, by the best proof there is: their
// own patch; else that the canary kept what it lost when they did not see it; else that nobody else is
// left. It is empty when several are left. All of it goes by kind: two webhooks can each do one thing to the
// same pod. Where neither of the first two proofs exists the collector goes on looking (unexplained, in
// internal/collect).
func (t admissionRun) culprits(kind facts.ChangeKind) []culprit {
	if out := t.replayed(kind); len(out) > 0 {
		return out
	}
	if out := t.exempted(kind); len(out) > 0 {
		return out
	}
	left := t.left(kind)
	if len(left) != 1 {
		return t.withoutOne(kind, left)
	}
	proof := "nobody else is called there"
	if others := except(t.actors(), left); len(others) > 0 {
		proof = "all others were called directly and did not do it: " + strings.Join(others, ", ")
	}
	return []culprit{{left[0], []string{proof}, "elimination"}}
}

// withoutOne is the one that is left where it happens without another one, too. That one is not acquitted: it may do
// the same.
func (t admissionRun) withoutOne(kind facts.ChangeKind, left []string) []culprit {
	for _, e := range t.canary.Exempted {
		others := except(left, []string{e.Webhook})
		if e.Refusal == nil && has(e.Changes, kind) && len(others) == 1 {
			return []culprit{{others[0], []string{fmt.Sprintf(
				"proven by bisection: the same canary, with labels by which %s does not select it (%s), was changed all the same, and nobody else is left",
				e.Webhook, labelText(e.Labels))}, "bisection"}}
		}
	}
	return nil
}

// replayed are the webhooks whose answer to a replayed review has a change of the kind in its patch.
func (t admissionRun) replayed(kind facts.ChangeKind) []culprit {
	var out []culprit
	for _, r := range t.canary.Reviews {
		if has(r.Changes, kind) {
			out = append(out, culprit{r.Webhook, []string{
				fmt.Sprintf("called directly (%s, dryRun: true) with the canary, it returned: %s", r.Method, strings.Join(r.Patch, " ")),
			}, string(r.Method)})
		}
	}
	return out
}

// exempted are the webhooks without which the canary kept what it loses with them. Something else can have
// happened to it all the same.
func (t admissionRun) exempted(kind facts.ChangeKind) []culprit {
	var out []culprit
	for _, e := range t.canary.Exempted {
		if e.Refusal == nil && !has(e.Changes, kind) {
			out = append(out, culprit{e.Webhook, []string{fmt.Sprintf(
				"proven by bisection: the same canary, with labels by which this one webhook does not select it (%s), %s", labelText(e.Labels), kept[kind])}, "bisection"})
		}
	}
	return out
}

// kept says that a change of a kind did not happen.
var kept = map[facts.ChangeKind]string{
	facts.Stripped: "kept its restartPolicy",
	facts.Moved:    "kept the order of its init containers and the restartPolicy of each",
	facts.Removed:  "kept its init containers",
}

func has(changes []facts.Change, kind facts.ChangeKind) bool {
	return slices.ContainsFunc(changes, func(c facts.Change) bool { return c.Kind == kind })
}

// left are those of the class who can have made a change of the kind: all but those whose answer to a review
// does not have it, and those without whom it happens too. The latter counts only when it was tried with
// each of them: else two that do the same would both be cleared.
func (t admissionRun) left(kind facts.ChangeKind) []string {
	cleared := t.answeredWithout(func(r facts.Review) bool { return has(r.Changes, kind) })
	if len(t.canary.Exempted) == len(t.actors()) {
		for _, e := range t.canary.Exempted {
			if has(e.Changes, kind) {
				cleared = append(cleared, e.Webhook)
			}
		}
	}
	return except(t.actors(), cleared)
}

// answeredWithout are the webhooks that allowed the canary when they were called directly, and did not do
// something to it.
func (t admissionRun) answeredWithout(did func(facts.Review) bool) []string {
	var out []string
	for _, r := range t.canary.Reviews {
		if r.Error == "" && r.Denied == "" && !did(r) {
			out = append(out, r.Webhook)
		}
	}
	return out
}

// doubt says who of left can have done it where nobody is proven to, and why that is not known. uncleared
// are those of them for whom no other canary speaks.
func (t admissionRun) doubt(left, uncleared []string) []string {
	if len(t.actors()) == 0 {
		return []string{"no webhook and no policy that the API shows is called there: webhooks or policies are configured in files of the API server, or one that was not expected there is called"}
	}
	if len(left) == 0 {
		return []string{"all webhooks there were called directly, and none did it then: one of them acts only on what the API server sends, or webhooks are configured in files of the API server"}
	}
	out := []string{"one of: " + strings.Join(left, ", ")}
	if n := len(uncleared); n > 0 && n < len(left) {
		out = append(out, "called in no class whose canary kept it: "+strings.Join(uncleared, ", "))
	}
	for _, r := range t.canary.Reviews {
		if r.Error != "" {
			out = append(out, fmt.Sprintf("%s could not be called directly: %s", r.Webhook, r.Error))
		}
	}
	return out
}

// doubtAbout is the doubt about a change of a kind.
func (t admissionRun) doubtAbout(kind facts.ChangeKind, all []admissionRun) []string {
	left := t.left(kind)
	uncleared := slices.DeleteFunc(t.uncleared(all, kind), func(name string) bool { return !slices.Contains(left, name) })
	return t.doubt(left, uncleared)
}

func except(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(gone, name) })
}

func labelText(labels map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, k+"="+labels[k])
	}
	return strings.Join(out, ",")
}

// An attribution is one finding in the making: a culprit and the classes in which it did it, or one class
// whose culprit is not known.
type attribution struct {
	name    string
	in      []admissionRun
	details [][]string // for each of in
}

// attributions groups the changed canaries of one kind by culprit. evidence says what happened to a
// class's canary; empty for one that nothing happened to.
func attributions(all []admissionRun, kind facts.ChangeKind, evidence func(admissionRun) []string) []*attribution {
	var out []*attribution
	byName := map[string]*attribution{}
	for _, t := range all {
		happened := evidence(t)
		if len(happened) == 0 {
			continue
		}
		culprits := t.culprits(kind)
		if len(culprits) == 0 {
			out = append(out, &attribution{in: []admissionRun{t}, details: [][]string{append(happened, t.doubtAbout(kind, all)...)}})
		}
		for _, c := range culprits {
			v := byName[c.name]
			if v == nil {
				v = &attribution{name: c.name}
				byName[c.name] = v
				out = append(out, v)
			}
			v.in = append(v.in, t)
			v.details = append(v.details, append(slices.Clone(happened), c.proof...))
		}
	}
	return out
}

// object is the culprit, or the class while it is unknown.
func (v *attribution) object(s *facts.Snapshot) checks.Object {
	switch {
	case v.name == "":
		return v.in[0].object()
	case v.isPolicy(s):
		return checks.Object{Kind: "MutatingAdmissionPolicy", Name: v.name}
	}
	return checks.Object{Kind: "MutatingWebhook", Name: v.name}
}

// namespaces are those of the classes while the culprit is unknown, and none otherwise.
func (v *attribution) namespaces() []string {
	if v.name != "" {
		return nil
	}
	var out []string
	for _, t := range v.in {
		out = append(out, t.class.Namespaces...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (v *attribution) isPolicy(s *facts.Snapshot) bool {
	return slices.ContainsFunc(s.MutatingPolicies, func(p facts.MutatingPolicy) bool { return p.Name == v.name })
}

// steps are what to do about a webhook, or about the policy that it turned out to be.
func (v *attribution) steps(s *facts.Snapshot, webhook ...checks.Step) []checks.Step {
	if !v.isPolicy(s) {
		return webhook
	}
	return []checks.Step{{
		Text:    "Change the mutations of the policy so that they leave restartPolicy and the list of init containers alone, or narrow its matchConstraints. It is:",
		Command: prose.Shell("kubectl get mutatingadmissionpolicy %s -o yaml", v.name),
	}}
}

// special is what the canary of a class was besides a plain one; empty for that.
func (t admissionRun) special() string {
	if t.class.Shape != nil {
		return t.class.ID
	}
	return t.class.Variant
}

// where is all its namespaces, and the pods of its shapes where those are not in them.
func (v *attribution) where() string {
	var plain admissionRun
	for _, t := range v.in {
		if t.special() == "" {
			plain.class.Namespaces = append(plain.class.Namespaces, t.class.Namespaces...)
		}
	}
	slices.Sort(plain.class.Namespaces)
	plain.class.Namespaces = slices.Compact(plain.class.Namespaces)
	var out []string
	if len(plain.class.Namespaces) > 0 {
		out = append(out, plain.where())
	}
	var shapes []string
	for _, t := range v.in {
		if t.special() != "" && len(except(t.class.Namespaces, plain.class.Namespaces)) > 0 {
			shapes = append(shapes, t.where())
		}
	}
	const shown = 3
	out = append(out, shapes[:min(shown, len(shapes))]...)
	if more := len(shapes) - shown; more > 0 {
		out = append(out, "pods of "+prose.Counted(more, "more shape"))
	}
	return strings.Join(slices.Compact(out), ", and in ")
}

// evidence is that of the first class in full, and of the others which they are.
func (v *attribution) evidence(s *facts.Snapshot) []string {
	out := append(slices.Clone(v.details[0]), v.in[0].chain(s)...)
	var others []string
	for _, t := range v.in[1:] {
		others = append(others, t.class.Instance().Scope())
	}
	if len(others) > 0 {
		out = append(out, "the same in "+prose.Some(others, 5))
	}
	return out
}
