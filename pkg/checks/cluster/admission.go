package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// admissionNeeds is what the checks on canaries read: what came back, and what the webhooks of the
// class say about themselves.
var admissionNeeds = []facts.Kind{facts.Canaries, facts.MutatingWebhooks, facts.MutatingPolicies}

// An admissionRun is a class of namespaces with its canary, and with the control where there is one.
type admissionRun struct {
	class   facts.Class
	canary  *facts.Canary
	control *facts.Canary
}

// admissionRuns pairs classes with their canaries, in the order of the classes.
func admissionRuns(s *facts.Snapshot) []admissionRun {
	out := make([]admissionRun, 0, len(s.Classes))
	for _, class := range s.Classes {
		t := admissionRun{class: class}
		for i := range s.Canaries {
			switch c := &s.Canaries[i]; {
			case c.Class != class.ID:
			case c.Control:
				t.control = c
			default:
				t.canary = c
			}
		}
		out = append(out, t)
	}
	return out
}

// cause is why the canary was refused; empty when it was not, or was not sent.
func (t admissionRun) cause() (facts.Cause, string) {
	if t.canary == nil || t.canary.Refusal == nil {
		return "", ""
	}
	return t.canary.Refusal.Cause()
}

// onlySidecars reports whether the same pod without a native sidecar was admitted.
func (t admissionRun) onlySidecars() bool { return t.control != nil && t.control.Returned != nil }

func (t admissionRun) object() checks.Object {
	if t.class.Shape != nil {
		return checks.Object{Kind: "PodShape", Name: t.class.ID}
	}
	return checks.Object{Kind: "NamespaceClass", Name: t.class.ID}
}

// where says which namespaces the class has: all of them when they are few; or which pods, for a
// shape.
func (t admissionRun) where() string {
	switch {
	case t.class.Shape != nil:
		return "pods like those of " + t.examples()
	case t.class.Variant != "":
		return "pods " + t.class.Variant + " in " + t.namespaces()
	}
	return t.namespaces()
}

// examples names some of the templates of a shape.
func (t admissionRun) examples() string {
	return prose.SomeOf(t.class.Shape.Examples, 3, t.class.Shape.Templates)
}

func (t admissionRun) namespaces() string {
	names := t.class.Namespaces
	if len(names) == 1 {
		return "namespace " + names[0]
	}
	return fmt.Sprintf("%d namespaces (%s)", len(names), prose.Some(names, 5))
}

// chain is the evidence of who is called for a pod in the class, in call order, with the selectors
// that make it so.
func (t admissionRun) chain(s *facts.Snapshot) []string {
	var out []string
	out = append(out, t.sender()...)
	if keys := t.class.Annotations; len(keys) > 0 {
		out = append(out, "the namespaces have the annotations "+strings.Join(keys, ", "))
	}
	if len(t.class.Policies) > 0 {
		out = append(out, "mutating admission policies there: "+strings.Join(t.class.Policies, ", "))
	}
	if len(t.class.Webhooks) == 0 {
		return append(out, "no mutating webhook is called there")
	}
	var calls []string
	for i, name := range t.class.Webhooks {
		calls = append(calls, fmt.Sprintf("%d. %s%s", i+1, name, selection(s, name)))
	}
	return append(out, "mutating webhooks there, in call order: "+strings.Join(calls, "; "))
}

// sender says what the canary was, and who created it.
func (t admissionRun) sender() []string {
	var out []string
	if shape := t.class.Shape; shape != nil {
		if shape.Own {
			out = append(out, "the canary was the pod of "+shape.Examples[0]+", with a native sidecar added if it has none")
		}
		if text := shape.String(); text != "" {
			out = append(out, "the canary had "+text)
		}
	}
	if t.class.User != "" {
		out = append(out, "the canary was created as "+t.class.User)
	}
	return out
}

// selection says for which namespaces and pods a webhook is called; empty for all.
func selection(s *facts.Snapshot, name string) string {
	w := findWebhook(s, name)
	if w == nil {
		return ""
	}
	return selected(w.NamespaceSelector, w.ObjectSelector, w.MatchConditions)
}

func selected(namespaces, objects *metav1.LabelSelector, conditions []admissionregistrationv1.MatchCondition) string {
	var parts []string
	if text := metav1.FormatLabelSelector(namespaces); namespaces != nil && text != "<none>" {
		parts = append(parts, "namespaces with "+text)
	}
	if text := metav1.FormatLabelSelector(objects); objects != nil && text != "<none>" {
		parts = append(parts, "pods with "+text)
	}
	for _, c := range conditions {
		parts = append(parts, fmt.Sprintf("condition %s: %s", c.Name, facts.RedactText(c.Expression)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// findWebhook is the webhook "configuration/webhook", nil when the snapshot has none of that name.
func findWebhook(s *facts.Snapshot, name string) *admissionregistrationv1.MutatingWebhook {
	for i := range s.MutatingWebhooks {
		webhook, ok := strings.CutPrefix(name, s.MutatingWebhooks[i].Name+"/")
		if !ok {
			continue
		}
		for j := range s.MutatingWebhooks[i].Webhooks {
			if s.MutatingWebhooks[i].Webhooks[j].Name == webhook {
				return &s.MutatingWebhooks[i].Webhooks[j]
			}
		}
	}
	return nil
}

// called is the "configuration/webhook" of the class whose webhook has the name that the API server used, and that it is
// known to mean; empty when none has, as a validating webhook, or when it may be another of that name.
func (t admissionRun) called(webhook string) string {
	named := t.named(webhook)
	if cause, _ := t.cause(); cause == facts.CauseDenied {
		denies := slices.DeleteFunc(slices.Clone(named), func(name string) bool { r, ok := t.reviewOf(name); return !ok || r.Denied == "" })
		if len(denies) == 1 {
			return denies[0]
		}
		named = slices.DeleteFunc(named, func(name string) bool { r, ok := t.reviewOf(name); return ok && conclusive(r) })
	}
	if len(named) != 1 || len(t.validating(webhook)) > 0 {
		return ""
	}
	return named[0]
}

// named are those webhooks of the class that have a name: software that was made with the same tools uses the same.
func (t admissionRun) named(webhook string) []string {
	return slices.DeleteFunc(slices.Clone(t.class.Webhooks), func(name string) bool { return !strings.HasSuffix(name, "/"+webhook) })
}

// uncleared are those of the class's webhooks and policies that are called in no class whose canary kept
// what is lost here. It is a hint, not a proof: a webhook can act on some namespaces only.
func (t admissionRun) uncleared(all []admissionRun, kind facts.ChangeKind) []string {
	var cleared []string
	for _, other := range all {
		if cameBack(other) && !has(other.canary.Changes(), kind) {
			cleared = append(cleared, other.actors()...)
		}
	}
	return except(t.actors(), cleared)
}

// actors are all that may change a pod in the class: policies first, as the API server does it.
func (t admissionRun) actors() []string {
	return append(slices.Clone(t.class.Policies), t.class.Webhooks...)
}

// undecided are the classes whose canary does not show what becomes of a sidecar. decides reports
// whether a class's canary is an answer to the check at hand.
func undecided(s *facts.Snapshot, all []admissionRun, decides func(admissionRun) bool) []facts.Gap {
	gaps := slices.DeleteFunc(s.GapsOf(facts.Canaries, "*"), func(g facts.Gap) bool { return g.Scope == "" || aboutCause(g) || ofWorkloads(g) || ofUpdates(g) })
	if len(all) == 0 && s.Has(facts.Canaries) && len(s.GapsOf(facts.Canaries, "*")) == 0 {
		gaps = append(gaps, facts.NewGap(facts.Canaries, facts.Instance{}, "no namespace was tried", facts.HowToGet(facts.Canaries)))
	}
	for _, t := range all {
		switch {
		case t.isIn(gaps):
		case !decides(t):
			gaps = append(gaps, t.gap())
		case len(t.class.Uncertain) > 0 && !asPlain(all, t):
			gaps = append(gaps, t.uncertain(s)...)
		}
	}
	return gaps
}

// asPlain reports whether a class is a variant of one of plain canaries, and as uncertain as that one is: it leaves
// nothing open that is not said of that one.
func asPlain(all []admissionRun, t admissionRun) bool {
	return t.class.Variant != "" && slices.ContainsFunc(all, func(plain admissionRun) bool {
		return plain.class.Variant == "" && plain.class.Shape == nil && maps.Equal(plain.class.Uncertain, t.class.Uncertain) &&
			!slices.ContainsFunc(t.class.Namespaces, func(ns string) bool { return !slices.Contains(plain.class.Namespaces, ns) })
	})
}

// isIn reports whether one of the gaps is that of the class's canary.
func (t admissionRun) isIn(gaps []facts.Gap) bool {
	return slices.ContainsFunc(gaps, func(g facts.Gap) bool { return g.Instance.Class == t.class.ID && g.Instance.Part == "" })
}

// uncertain are the gaps of webhooks that might not have seen the canary.
func (t admissionRun) uncertain(s *facts.Snapshot) []facts.Gap {
	var out []facts.Gap
	for _, name := range t.actors() {
		if why := t.class.Uncertain[name]; why != "" {
			g := facts.NewGap(facts.Canaries, t.class.Instance(), "it is not certain that the canary met "+name+": "+why,
				howToSee(s, name))
			g.Scope += " " + name
			out = append(out, g)
		}
	}
	return out
}

// howToSee is how to see what a webhook or policy does that a canary may not have met. Where a condition asks for
// dryRun, and for a policy, whose expressions are not kept, no dry run tells.
func howToSee(s *facts.Snapshot, name string) facts.Remedy {
	w := findWebhook(s, name)
	if w == nil || slices.ContainsFunc(w.MatchConditions, func(c admissionregistrationv1.MatchCondition) bool { return strings.Contains(c.Expression, "dryRun") }) {
		return lookAtPod
	}
	return facts.Do("look for restartPolicy in a pod of your own that it is meant for:", "kubectl create --dry-run=server -o yaml -f POD")
}

// gap says why a class's canary is no answer, and what would make it one.
func (t admissionRun) gap() facts.Gap {
	switch {
	case t.canary == nil:
		return facts.NewGap(facts.Canaries, t.class.Instance(), "no canary was sent", facts.HowToGet(facts.Canaries))
	case t.canary.Refusal == nil, t.serverDropsIt():
		return facts.NewGap(facts.Canaries, t.class.Instance(),
			"the API server itself drops restartPolicy ("+t.serverDrops()+"), so a canary cannot show what webhooks do",
			turnItOn)
	}
	reason, remedy := "the canary was refused: "+t.canary.Refusal.OneLine(), refusalRemedy(t.cause())
	if cause, _ := t.cause(); cause == facts.CauseNoAnswer && t.canary.Refusal.TookTooLong() && len(t.class.Webhooks) > 0 {
		reason += "; the API server calls " + prose.List(t.class.Webhooks, "and") + " for it, one after the other"
		remedy = facts.Do("see which of them is slow (apiserver_admission_webhook_admission_duration_seconds), and " + remedy.Text)
	}
	return facts.NewGap(facts.Canaries, t.class.Instance(), reason, remedy)
}

// turnItOn is what to do where the API server itself drops the field.
var turnItOn = facts.Do("turn the feature on in the API servers first (kubectl sidecar explain apiserver-gate-off), then run this again")

// refusalRemedy is what would let a canary through, by why it was refused and by whom.
func refusalRemedy(cause facts.Cause, name string) facts.Remedy {
	switch cause {
	case facts.CauseNoDryRun:
		return facts.Do(fmt.Sprintf("run this again once %s declares sideEffects None or NoneOnDryRun:", name), "kubectl sidecar explain webhook-refuses-dry-run")
	case facts.CauseDenied, facts.CausePolicy:
		return facts.Do(fmt.Sprintf("let %s admit pods with the label app.kubernetes.io/name=kubectl-sidecar-canary, or name a namespace that it accepts: --namespace NAME", name))
	case facts.CauseFailed:
		return facts.Do(fmt.Sprintf("repair %s (kubectl sidecar explain webhook-breaks-canary), then run this again", name))
	case facts.CauseNoAnswer:
		return facts.Do("give it more time: --request-timeout 30s --timeout 5m")
	}
	return facts.Do("create a pod there by hand to see what refuses it:", "kubectl create --dry-run=server -f POD")
}

// serverDrops says how it is known that the API server itself drops the field.
func (t admissionRun) serverDrops() string {
	if t.canary.Template == facts.TemplateLost {
		return "a PodTemplate, which webhooks on pods do not see, lost it as well"
	}
	return "the canary lost it where no webhook and no policy is called"
}

// triedClasses says how much was tried: "2 of 2 classes, 50 namespaces; 31 of 31 shapes of pods".
func triedClasses(all []admissionRun, decides func(admissionRun) bool) string {
	classes, allClasses, shapes, allShapes, namespaces := 0, 0, 0, 0, 0
	for _, t := range all {
		n := map[bool]int{true: 1}[decides(t)]
		if t.class.Shape != nil {
			shapes, allShapes = shapes+n, allShapes+1
			continue
		}
		if t.class.Variant != "" {
			continue // its namespaces are in another class as well
		}
		classes, allClasses, namespaces = classes+n, allClasses+1, namespaces+n*len(t.class.Namespaces)
	}
	out := fmt.Sprintf("%d of %d classes, %s", classes, allClasses, prose.Counted(namespaces, "namespace"))
	if allShapes > 0 {
		out += fmt.Sprintf("; %d of %d shapes of pods", shapes, allShapes)
	}
	return out
}
