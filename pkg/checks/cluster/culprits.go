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

// An culprit names who changed a canary, and by what that is known.
type culprit struct {
	// name is "configuration/webhook", or the policy's name.
	name  string
	proof []string
}

// culprits are those of a class who did something of that kind to its canary, the best proof first:
// their own patch; else that the canary is unharmed when they do not see it; else that nobody else is
// left. It is empty when several are left.
func (t admissionRun) culprits(kind facts.ChangeKind) []culprit {
	if out := t.replayed(kind); len(out) > 0 {
		return out
	}
	if out := t.exempted(kind); len(out) > 0 {
		return out
	}
	left := t.left()
	if len(left) != 1 {
		return nil
	}
	proof := "nobody else is called there"
	if len(t.actors()) > 1 {
		proof = "all others were asked by themselves and left the canary as it was: " + strings.Join(except(t.actors(), left), ", ")
	}
	return []culprit{{left[0], []string{proof}}}
}

// replayed are the webhooks whose answer to a replayed review has the change in its patch.
func (t admissionRun) replayed(kind facts.ChangeKind) []culprit {
	var out []culprit
	for _, r := range t.canary.Reviews {
		if !slices.ContainsFunc(r.Changes, func(c facts.Change) bool { return c.Kind == kind }) {
			continue
		}
		proof := []string{fmt.Sprintf("asked by itself (%s, dryRun: true) about the canary, its patch has: %s", r.Method, strings.Join(r.Patch, " "))}
		out = append(out, culprit{r.Webhook, proof})
	}
	return out
}

// exempted are the webhooks without which the canary kept what it has lost with them.
func (t admissionRun) exempted(kind facts.ChangeKind) []culprit {
	var out []culprit
	for _, e := range t.canary.Exempted {
		harmed := slices.ContainsFunc(e.Changes, func(c facts.Change) bool { return c.Kind == kind })
		if harmed || e.Refusal != nil {
			continue
		}
		out = append(out, culprit{e.Webhook, []string{fmt.Sprintf(
			"proven by bisection: the same canary with labels by which this one webhook does not select it (%s) came back unharmed", labelText(e.Labels))}})
	}
	return out
}

// left are those of the class who may have done it: all but those who were asked and did nothing.
func (t admissionRun) left() []string {
	innocent := map[string]bool{}
	for _, r := range t.canary.Reviews {
		if r.Error == "" && r.Denied == "" && len(r.Changes) == 0 {
			innocent[r.Webhook] = true
		}
	}
	for _, e := range t.canary.Exempted {
		if len(e.Changes) > 0 && len(t.canary.Exempted) == len(t.actors()) {
			innocent[e.Webhook] = true
		}
	}
	return slices.DeleteFunc(t.actors(), func(name string) bool { return innocent[name] })
}

// doubt says who may have done it where nobody is proven to, and why not.
func (t admissionRun) doubt(all []admissionRun) []string {
	left := t.left()
	if len(left) == 0 {
		return []string{"all webhooks there were asked by themselves, and none did it then: one of them acts only on what the API server sends, or webhooks are configured in files of the API server"}
	}
	out := []string{"one of: " + strings.Join(left, ", ")}
	suspects := t.unclearedActors(all)
	suspects = slices.DeleteFunc(suspects, func(name string) bool { return !slices.Contains(left, name) })
	if len(suspects) > 0 && len(suspects) < len(left) {
		out = append(out, "called in no class whose canary came back unharmed: "+strings.Join(suspects, ", "))
	}
	for _, r := range t.canary.Reviews {
		if r.Error != "" {
			out = append(out, fmt.Sprintf("%s could not be asked by itself: %s", r.Webhook, r.Error))
		}
	}
	return out
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

// A attribution is one finding in the making: a culprit and the classes in which it did it, or one class
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
		accused := t.culprits(kind)
		if len(accused) == 0 {
			out = append(out, &attribution{in: []admissionRun{t}, details: [][]string{append(happened, t.doubt(all)...)}})
		}
		for _, a := range accused {
			v := byName[a.name]
			if v == nil {
				v = &attribution{name: a.name}
				byName[a.name] = v
				out = append(out, v)
			}
			v.in = append(v.in, t)
			v.details = append(v.details, append(slices.Clone(happened), a.proof...))
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

// fix is what to do about a webhook, or what to do about the policy that it turned out to be.
func (v *attribution) fix(s *facts.Snapshot, webhook string) string {
	if v.isPolicy(s) {
		return policyFix(v.name)
	}
	return webhook
}

func policyFix(name string) string {
	return "change the mutations of the policy so that they leave restartPolicy and the list of init containers alone (" + prose.Shell("kubectl get mutatingadmissionpolicy %s -o yaml", name) + "), or narrow its matchConstraints"
}

// where is all its namespaces, and the pods of its shapes where those are not in them.
func (v *attribution) where() string {
	var merged admissionRun
	var shapes []string
	for _, t := range v.in {
		if t.class.Shape == nil {
			merged.class.Namespaces = append(merged.class.Namespaces, t.class.Namespaces...)
		}
	}
	for _, t := range v.in {
		outside := except(t.class.Namespaces, merged.class.Namespaces)
		if t.class.Shape != nil && len(outside) > 0 {
			shapes = append(shapes, t.where())
		}
	}
	slices.Sort(merged.class.Namespaces)
	merged.class.Namespaces = slices.Compact(merged.class.Namespaces)
	const shown = 3
	if more := len(shapes) - shown; more > 0 {
		shapes = append(shapes[:shown], fmt.Sprintf("pods of %d more shapes", more))
	}
	if len(merged.class.Namespaces) > 0 {
		shapes = append([]string{merged.where()}, shapes...)
	}
	return strings.Join(shapes, ", and in ")
}

// evidence is that of the first class in full, and of the others how many there are.
func (v *attribution) evidence(s *facts.Snapshot) []string {
	out := append(slices.Clone(v.details[0]), v.in[0].chain(s)...)
	if len(v.in) > 1 {
		const shown = 5
		var others []string
		for _, t := range v.in[1:] {
			if len(others) == shown {
				others = append(others, fmt.Sprintf("%d more", len(v.in)-1-shown))
				break
			}
			others = append(others, t.scope())
		}
		out = append(out, "the same in "+strings.Join(others, ", "))
	}
	return out
}
