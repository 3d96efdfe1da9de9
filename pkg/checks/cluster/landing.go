package cluster

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulinghelper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Landing reports whether a pod with that spec can go to a node, as far as labels and taints tell. Taints that say how a
// node is now, not what it is for, do not count.
func Landing(spec *corev1.PodSpec) func(Node) bool {
	wanted := nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: *spec})
	lasting := func(t *corev1.Taint) bool {
		return t.Effect != corev1.TaintEffectPreferNoSchedule && !strings.HasPrefix(t.Key, "node.kubernetes.io/")
	}
	return func(n Node) bool {
		if match, err := wanted.Match(n.Node); err != nil || !match {
			return false
		}
		_, kept := schedulinghelper.FindMatchingUntoleratedTaint(klog.Background(), n.Spec.Taints, spec.Tolerations, lasting, false)
		return !kept
	}
}

// Keeping is what becomes of the field on the way into the cluster.
type Keeping string

const (
	Keeps Keeping = "keeps"
	Loses Keeping = "loses"
	// Untold: nothing was tried there, or what was tried does not tell.
	Untold Keeping = "unknown"
)

// Admission is what becomes of native sidecars of a workload, as the canaries of templates like its own show, else those
// of its namespace, who loses them, and why that is not known.
func (v View) Admission(of Template, kind string) Trial {
	runs, exact := v.speaksFor(of, func(admissionRun) bool { return true })
	out := Trial{Keeping: Untold}
	for _, t := range runs {
		switch {
		case stripped(t):
			return Trial{Keeping: Loses, Culprits: culpritNames(t, facts.Stripped)}
		case t.class.Variant != "":
		case cameBack(t) && len(t.canary.Changes()) == 0:
			out = Trial{Keeping: Keeps}
		case t.canary.Refusal != nil && out.Keeping != Keeps:
			out.Why = "the canary in namespace " + t.canary.Namespace + " was refused: " + t.canary.Refusal.OneLine()
		}
	}
	if !exact && slices.ContainsFunc(v.s.runs, func(t admissionRun) bool { return slices.Contains(t.class.Namespaces, of.Namespace) && stripped(t) }) {
		out = Trial{Keeping: Untold, Why: "other pods of namespace " + of.Namespace + " lose it, and none like these was tried"}
	}
	return v.asObject(of, kind, out)
}

// asObject is what becomes of native sidecars of a workload whose pods were tried, when the workload itself is created.
func (v View) asObject(of Template, kind string, out Trial) Trial {
	for _, r := range workloadRuns(v.s.Snapshot) {
		if r.trial.Kind != kind || !slices.Contains(r.class.Namespaces, of.Namespace) || len(r.happened(facts.Stripped)) == 0 {
			continue
		}
		switch examples := r.trial.Examples; {
		case len(examples) == 0, slices.Contains(examples, of.Object):
			return Trial{Keeping: Loses, Culprits: culpritNames(r.admissionRun, facts.Stripped)}
		case r.trial.Templates > len(examples): // it may be one of the others
			out = Trial{Keeping: Untold, Why: fmt.Sprintf("some of kind %s in namespace %s lose it already as they are created", kind, of.Namespace)}
		}
	}
	return out
}

// A Trial is what became of the canary of one workload.
type Trial struct {
	Keeping Keeping
	// Change is what became of them where they are lost, Container the first of them.
	Change    facts.ChangeKind
	Container string
	// Culprits are who loses the field, "configuration/webhook", or who may have; Evidence is what shows it.
	Culprits, Evidence []string
	// Why is why it is not known; empty where nothing was tried. Remedy is what would tell, where more is known of that
	// than that it has to be tried.
	Why    string
	Remedy facts.Remedy
}

// AdmissionOf is what becomes of the native sidecars of one workload that was given to the collector, by its name,
// "Deployment shop/web": of its pods, and of its own object.
func (v View) AdmissionOf(name, kind string) Trial {
	out := Trial{Keeping: Untold}
	if t := v.runOf(name); t != nil {
		if out = v.trialOf(*t); out.Keeping == Loses {
			return out
		}
	}
	for _, r := range workloadRuns(v.s.Snapshot) {
		if r.trial.Kind != kind || !slices.Contains(r.trial.Examples, name) {
			continue
		}
		for _, c := range changeResults {
			if evidence := r.happened(c.kind); len(evidence) > 0 {
				return r.lost(c.kind, evidence)
			}
		}
		if open := openOf(v.s.Snapshot, nil, []workloadRun{r}); len(open) > 0 {
			out.Keeping, out.Why = Untold, open[0].Reason
		}
	}
	return out
}

// trialOf is what the workload's own pod tells.
func (v View) trialOf(t admissionRun) Trial {
	for _, c := range changeResults {
		evidence := changeEvidence(t, c.kind)
		if c.kind == facts.Stripped {
			evidence = stripEvidence(t)
		}
		if len(evidence) > 0 {
			return t.lost(c.kind, append(evidence, t.chain(v.s.Snapshot)...))
		}
	}
	out := Trial{Keeping: Untold}
	switch {
	case t.canary == nil:
	case t.serverDropsIt():
		out.Why, out.Remedy = "the API server itself drops restartPolicy ("+t.serverDrops()+")", turnItOn
	case cameBack(t):
		out.Keeping, out.Why = v.acquitted(t)
	case t.canary.Refusal != nil:
		out.Why = "its canary was refused: " + t.canary.Refusal.OneLine()
	}
	return out
}

func (t admissionRun) lost(kind facts.ChangeKind, evidence []string) Trial {
	out := Trial{Keeping: Loses, Change: kind, Culprits: culpritNames(t, kind), Evidence: evidence}
	if changes := changesOf(t, kind); len(changes) > 0 {
		out.Container = changes[0].Container
	}
	return out
}

func stripped(t admissionRun) bool { return len(stripEvidence(t)) > 0 }

// acquitted is Keeps where a canary that came back unharmed proves it: every webhook there is known to have seen it.
func (v View) acquitted(t admissionRun) (Keeping, string) {
	for _, name := range t.actors() {
		if why := t.class.Uncertain[name]; why != "" {
			return Untold, "whether " + name + " is called for it is not certain: " + why
		}
		if r := v.s.reservationAbout(t, name); r != nil {
			return Untold, name + ": " + r.reason
		}
	}
	return Keeps, ""
}

// runOf is that of the workload's own pod; nil where it was not tried.
func (v View) runOf(name string) *admissionRun {
	i := slices.IndexFunc(v.s.runs, func(t admissionRun) bool {
		return t.class.Shape != nil && slices.Contains(t.class.Shape.Examples, name)
	})
	if i < 0 {
		return nil
	}
	return &v.s.runs[i]
}

func culpritNames(t admissionRun, kind facts.ChangeKind) []string {
	var out []string
	for _, c := range t.culprits(kind) {
		out = append(out, c.name)
	}
	if len(out) == 0 {
		out = t.actors()
	}
	return out
}
