package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// createPods is the right that a canary needs. A dry run asks for the same right as a real create.
var createPods = Rule{
	PolicyRule: rule("create", "", "pods"),
	Kind:       facts.Canaries,
	Why:        "create canaries with dryRun=All; one namespace of each class is enough",
}

// createTemplates tells the API server's own gate from webhooks, after a canary lost its field.
var createTemplates = Rule{
	PolicyRule: rule("create", "", "podtemplates"), Optional: true,
	Kind: facts.Canaries,
	Why:  "where a canary lost its field: see with dryRun=All whether the API server itself drops it",
}

// canaryRules are the rights that canaries need.
var canaryRules = append([]Rule{createPods, createTemplates, proxyServices, getWebhook, impersonateControllers}, slices.Concat(shapeRules, workloadRules(), updateRules)...)

const (
	// canaryConcurrency is how many canaries are under way at once: each may keep an API server
	// busy for as long as the webhooks' time-outs allow.
	canaryConcurrency = 8
	// canaryTries is in how many namespaces of a class a canary is tried before the class is a gap.
	canaryTries = 20
)

// canaries creates pods with dryRun=All: one for each class of namespaces, and one for each shape of
// the cluster's own pods. The namespaces, the webhooks and the policies are in the snapshot already,
// or are gaps there.
func (c *collector) canaries(ctx context.Context) {
	p := c.plan(ctx)
	if len(p.classes) == 0 {
		return
	}
	var before *calls
	if len(c.failingOpen(p.classes)) > 0 {
		before = c.counted(ctx)
	}
	results := c.sendAll(ctx, p.chain, p.classes)
	// Whose plain pods come to harm needs no other proof.
	owned := c.bounded(numbered(c.owned(p.senders, p.unharmed(results), p.classes), p.numbered()), len(p.classes))
	more := c.sendAll(ctx, p.chain, owned)
	if before != nil {
		c.noteCalls(before, c.counted(ctx), c.failingOpen(slices.Concat(p.classes, owned)))
	}
	c.prove(ctx, p.classes, results)
	c.prove(ctx, owned, more)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p.classes {
		c.snapshot.Classes = append(c.snapshot.Classes, p.classes[i].fact)
		c.snapshot.Canaries = append(c.snapshot.Canaries, results[i]...)
	}
	for i := range owned {
		if !owned[i].untried && unharmed(more[i]) && owned[i].metBy(p.classes) {
			continue // it tells nothing new
		}
		c.snapshot.Classes = append(c.snapshot.Classes, owned[i].fact)
		c.snapshot.Canaries = append(c.snapshot.Canaries, more[i]...)
	}
}

// sendAll sends the canaries of classes.
func (c *collector) sendAll(ctx context.Context, chain *admission.Chain, classes []class) [][]facts.Canary {
	var (
		results = make([][]facts.Canary, len(classes))
		done    atomic.Int32
	)
	if len(classes) > 0 {
		c.step("canaries", 0, len(classes))
	}
	each(canaryConcurrency, len(classes), func(i int) {
		if !classes[i].untried {
			results[i] = c.canaryFor(ctx, chain, &classes[i])
		}
		c.step("canaries", int(done.Add(1)), len(classes))
	})
	return results
}

// numbered is how many classes of namespaces have a number.
func (p *plan) numbered() int {
	n := 0
	for i := range p.classes {
		if p.classes[i].fact.Shape == nil {
			n++
		}
	}
	return n
}

// unharmed reports whether a canary came back as it was sent.
func unharmed(canaries []facts.Canary) bool {
	return len(canaries) == 1 && canaries[0].Returned != nil && len(canaries[0].Changes()) == 0 && (canaries[0].Fields == nil || len(canaries[0].Fields.Lost) == 0)
}

// unharmed are the namespaces whose plain canaries came back as they were sent.
func (p *plan) unharmed(results [][]facts.Canary) []corev1.Namespace {
	var out []corev1.Namespace
	for i := range p.classes {
		if p.classes[i].fact.Shape == nil && p.classes[i].fact.Variant == "" && unharmed(results[i]) {
			for _, ns := range p.classes[i].namespaces {
				out = append(out, *ns)
			}
		}
	}
	return out
}

// canaryFor sends the canary of one class, and the control where the canary was refused for a
// reason that may have nothing to do with sidecars. The last namespace's refusal stands for the
// class when every namespace refuses for reasons of its own.
func (c *collector) canaryFor(ctx context.Context, chain *admission.Chain, class *class) []facts.Canary {
	var (
		canary        facts.Canary
		tried, denied int
		why           string
	)
	for _, t := range class.tries {
		if tried == canaryTries || denied == canaryTries || ctx.Err() != nil {
			break
		}
		if ok, reason := c.mayCreate(ctx, class, t.ns.Name); !ok {
			denied, why = denied+1, reason
			continue
		}
		tried++
		t, canary = c.sendOwned(ctx, class, t)
		cause := facts.Cause("")
		if canary.Refusal != nil {
			cause, _ = canary.Refusal.Cause()
		}
		switch cause {
		case facts.CauseNamespace, facts.CauseAccess:
			continue
		case "":
			class.answered = t.pod
			noteShifted(chain, class, t)
			noteShiftedValidators(chain, class, t)
			c.attribute(ctx, chain, class, t, &canary)
			return []facts.Canary{canary}
		}
		if slices.Contains(whateverThePod, cause) {
			return []facts.Canary{canary}
		}
		control := c.send(ctx, class, admission.ControlOf(t.pod))
		control.Control = true
		c.attribute(ctx, chain, class, t, &canary)
		return []facts.Canary{canary, control}
	}
	if tried == 0 {
		c.noCanary(ctx, class, why)
		return nil
	}
	c.gap(facts.Canaries, class.instance(), fmt.Sprintf("every namespace tried (%d of %d) refuses pods for reasons of its own; the last said: %s",
		tried, len(class.namespaces), oneLine(canary.Refusal.Message)),
		facts.Do("make room for one more pod in a namespace of this class, or name one that takes pods: --namespace NAME"))
	return []facts.Canary{canary}
}

// attribute looks for who changed or refused a canary, if anybody did.
func (c *collector) attribute(ctx context.Context, chain *admission.Chain, class *class, t try, canary *facts.Canary) {
	lost := canary.Fields != nil && len(canary.Fields.Lost) > 0
	if canary.Refusal == nil && len(canary.Changes()) == 0 && !lost {
		if !mayHideLoss(class, canary) {
			return
		}
		canary.Reviews = c.replay(ctx, class, t.pod).reviews
		if len(canary.Changes()) == 0 {
			return
		}
	}
	if (canary.Refusal == nil || refusedAsStripped(canary.Refusal)) && !c.serverKeeps(ctx, class, t, canary, lost) {
		return
	}
	var missing []*missingRight
	if canary.Reviews == nil {
		asked := c.replay(ctx, class, t.pod)
		canary.Reviews, missing = asked.reviews, asked.missing
	}
	if len(unexplained(canary)) > 0 {
		canary.Exempted = c.exempt(ctx, chain, class, t, canary)
	}
	c.noReviews(class, canary, missing)
}

// serverKeeps tells by a PodTemplate whether the API server itself keeps what the canary lost; false where it is
// known that it does not.
func (c *collector) serverKeeps(ctx context.Context, class *class, t try, canary *facts.Canary, lost bool) bool {
	spec, err := c.defaulted(ctx, t.pod)
	canary.Template = templateOf(t.pod, spec, err)
	if canary.Template == facts.TemplateLost && c.templatesSeen() {
		canary.Template = facts.TemplateUnknown // the PodTemplate may have lost it to the same webhook
	}
	if err == nil && lost {
		canary.Fields.ServerKeeps = kept(canary.Fields.Lost, spec)
	}
	if err != nil && canary.Template == facts.TemplateUnknown {
		c.noTemplate(ctx, class, err)
	}
	return canary.Template != facts.TemplateLost
}

// noCanary records that no canary could be sent for a class.
func (c *collector) noCanary(ctx context.Context, class *class, why string) {
	if ctx.Err() != nil {
		c.gap(facts.Canaries, class.instance(), "the run ended before its canary was sent", facts.Do("give it more time: --timeout 5m"))
		return
	}
	namespace := class.tries[0].ns.Name
	r := createPods.In(namespace)
	reason := fmt.Sprintf("you are not allowed to create pods in namespace %s", namespace)
	if n := len(class.namespaces); n > 1 {
		reason = fmt.Sprintf("you are not allowed to create pods in any namespace of this class that was asked for (%d of %d)", min(n, canaryTries), n)
	}
	if why != "" {
		reason += ": " + oneLine(why)
	}
	c.gap(facts.Canaries, class.instance(), reason, r.remedy())
}

// mayCreate reports whether pods of a class may be created in a namespace. That a controller may, nobody asks.
func (c *collector) mayCreate(ctx context.Context, class *class, namespace string) (bool, string) {
	if class.fact.User != "" {
		return true, ""
	}
	return c.mayIn(ctx, createPods, namespace)
}

// mayIn asks for the whole cluster first, so administrators cost one review.
func (c *collector) mayIn(ctx context.Context, r Rule, namespace string) (bool, string) {
	if ok, _ := c.may(ctx, r); ok {
		return true, ""
	}
	return c.may(ctx, r.In(namespace))
}

// A class is a facts.Class with what it takes to try it.
type class struct {
	fact       facts.Class
	namespaces []*corev1.Namespace
	webhooks   []admission.Call
	validating []admission.Call
	// untried: its canary is not sent, and a gap says why.
	untried bool
	// tries are the pods that speak for the class, in the order in which they are tried.
	tries []try
	// answered is the one that came back, as it was sent; nil before.
	answered *corev1.Pod
	// returned is the pod that came back last, as a whole.
	returned *corev1.Pod
}

// A try is one pod in one namespace.
type try struct {
	ns  *corev1.Namespace
	pod *corev1.Pod
	// own is a pod with the containers of a workload, rather than a canary's.
	own bool
}

// instance is the class, for gaps: a namespace is named in which it is tried.
func (c *class) instance() facts.Instance {
	out := c.fact.Instance()
	if c.fact.Shape == nil {
		out.Namespace = c.tries[0].ns.Name
	}
	return out
}

// plainTries are canaries in the namespaces of a class, those of the system last: their quotas
// and webhooks are more often special.
func plainTries(namespaces []*corev1.Namespace, canary func(namespace string) *corev1.Pod) []try {
	sorted := slices.Clone(namespaces)
	slices.SortStableFunc(sorted, func(a, b *corev1.Namespace) int { return systemRank(a.Name) - systemRank(b.Name) })
	out := make([]try, 0, len(sorted))
	for _, ns := range sorted {
		if len(out) == canaryTries {
			break
		}
		out = append(out, try{ns: ns, pod: canary(ns.Name)})
	}
	return out
}

func systemRank(name string) int {
	if strings.HasPrefix(name, "kube-") || strings.HasPrefix(name, "openshift-") {
		return 1
	}
	return 0
}
