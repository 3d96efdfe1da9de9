package cluster

import (
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

// Admission is what becomes of native sidecars of a kind of workload in a namespace, as the canaries there show, and who
// loses them: "configuration/webhook".
func (v View) Admission(namespace, kind string) (Keeping, []string) {
	out := Untold
	for _, t := range v.s.runs {
		if !slices.Contains(t.class.Namespaces, namespace) {
			continue
		}
		switch {
		case len(changesOf(t, facts.Stripped)) > 0, showsStripping(t) && !cameBack(t):
			return Loses, culpritNames(t)
		case t.class.Shape != nil || t.class.Variant != "":
		case cameBack(t):
			out = Keeps
		}
	}
	for _, trial := range v.s.Snapshot.Workloads {
		if trial.Kind != kind || trial.Canary == nil || !slices.Contains(trial.Class.Namespaces, namespace) {
			continue
		}
		if slices.ContainsFunc(trial.Canary.Changes(), func(c facts.Change) bool { return c.Kind == facts.Stripped }) {
			return Loses, trial.Class.Webhooks
		}
	}
	return out, nil
}

func culpritNames(t admissionRun) []string {
	var out []string
	for _, c := range t.culprits(facts.Stripped) {
		out = append(out, c.name)
	}
	if len(out) == 0 {
		out = t.actors()
	}
	return out
}
