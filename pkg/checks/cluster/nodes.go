package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A Node is a Node with what its kubelet does with native sidecars.
type Node struct {
	*corev1.Node
	Version *version.Version
	// virtual names the kind of a virtual node, whose version and gate say little; "" for others.
	Virtual string
	Gate    gate.State
	// Source is what decides Gate: that of a reading, [gate.ByVersion], or "" while it is not known.
	Source facts.Source
	// reading is the most direct one, nil when there is none.
	reading *facts.FeatureReading
}

// nodesOf returns all nodes, by name.
func nodesOf(s *facts.Snapshot) []Node {
	readings := map[string][]facts.FeatureReading{}
	for _, r := range s.Kubelets {
		readings[r.Instance] = append(readings[r.Instance], r)
	}
	parse := gate.VersionParser()
	out := make([]Node, 0, len(s.Nodes))
	for i := range s.Nodes {
		n := Node{Node: &s.Nodes[i], Version: parse(s.Nodes[i].Status.NodeInfo.KubeletVersion)}
		n.Virtual, _ = facts.VirtualNode(n.Node)
		n.Gate, n.Source = gate.StateAndSource(n.Version, nil, readings[n.Name]...) // a kubelet cannot emulate another version
		if known := gate.ByDirectness(readings[n.Name]); len(known) > 0 {
			n.reading = &known[0]
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// byRequest reports whether pods run on a virtual node only when they tolerate its taint. Where a
// virtual node has no such taint, the scheduler treats it as any other, and so do the checks.
func (n Node) byRequest() bool {
	return n.Virtual != "" && slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	})
}

// Sidecars is whether its kubelet runs native sidecars: its gate, or where that was not read its default. Unknown is
// a version that is none.
func (n Node) Sidecars() gate.State { return gate.OrDefault(n.Gate, n.Version) }

func (n Node) object() checks.Object { return checks.Object{Kind: "Node", Name: n.Name} }

// VersionEvidence is the version of a node's kubelet, quoted.
func (n Node) VersionEvidence() string {
	return "status.nodeInfo.kubeletVersion: " + prose.OrNone(n.Status.NodeInfo.KubeletVersion)
}

// Evidence is what is known of a node's kubelet: its version, and its gate where that was read.
func (n Node) Evidence() []string {
	out := []string{n.VersionEvidence()}
	if n.Virtual != "" {
		out = append(out, "virtual node: "+n.Virtual)
	}
	if n.reading != nil {
		out = append(out, gate.Quote(*n.reading))
	}
	return out
}

// noVersionGap is the gap of a node that does not say which version its kubelet has.
func (n Node) noVersionGap() facts.Gap {
	return facts.NewGap(facts.Nodes, facts.NodeInstance(n.Name),
		fmt.Sprintf("its kubeletVersion is %q, which is not a Kubernetes version", n.Status.NodeInfo.KubeletVersion),
		facts.Do("see whether its kubelet ever started, and whether the node is still needed:", prose.Shell("kubectl describe node %s", n.Name)))
}

// ordinary leaves out the virtual nodes to which pods go only when they ask for it.
func ordinary(list []Node) []Node {
	return slices.DeleteFunc(slices.Clone(list), Node.byRequest)
}

// gated returns the nodes whose gate is in the given state.
func gated(list []Node, state gate.State) []Node {
	return slices.DeleteFunc(slices.Clone(list), func(n Node) bool { return n.Gate != state })
}

// unreadKubelets are the gaps of nodes whose version leaves the gate open and whose kubelet could not
// be asked. Those without a reason of their own share that of the whole kind, if there is one.
func unreadKubelets(s *facts.Snapshot, open []Node) []facts.Gap {
	recorded := map[facts.Instance][]facts.Gap{}
	for _, g := range s.GapsOf(facts.Kubelets, "*") {
		recorded[g.Instance] = append(recorded[g.Instance], g)
	}
	var out []facts.Gap
	open = slices.DeleteFunc(slices.Clone(open), func(n Node) bool {
		known := recorded[facts.NodeInstance(n.Name)]
		out = append(out, known...)
		return len(known) > 0
	})
	if len(open) == 0 {
		return out
	}
	if whole := checks.Unread(s, facts.Kubelets); len(whole) > 0 {
		g := whole[0]
		g.Reason = fmt.Sprintf("the SidecarContainers gate of %s (%s) can be on or off: %s", prose.Counted(len(open), "kubelet"), kubeletVersions(open), g.Reason)
		return append(out, g)
	}
	for _, n := range open {
		reason := fmt.Sprintf("kubelet %s can have the SidecarContainers gate on or off, and was not asked", n.Status.NodeInfo.KubeletVersion)
		if n.reading != nil {
			reason = fmt.Sprintf("kubelet %s does not list the SidecarContainers gate, which every kubelet of 1.28 to 1.32 has: %s", n.Status.NodeInfo.KubeletVersion, n.reading.Evidence)
		}
		out = append(out, facts.NewGap(facts.Kubelets, facts.NodeInstance(n.Name), reason, facts.HowToGet(facts.Kubelets)))
	}
	return out
}

// kubeletVersions lists the versions of nodes, each once.
func kubeletVersions(list []Node) string {
	var out []string
	for _, n := range list {
		out = prose.AddOnce(out, prose.OrNone(n.Status.NodeInfo.KubeletVersion))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// triedNodes says how many nodes were checked, and how many were left to another check.
func triedNodes(all, checked []Node, verb string) string {
	out := fmt.Sprintf("%d of %s %s", len(checked), prose.Counted(len(all), "node"), verb)
	if aside := len(all) - len(ordinary(all)); aside > 0 {
		out += fmt.Sprintf("; %s left to node-cannot-run-sidecars", prose.Counted(aside, "virtual node"))
	}
	return out
}

// triedGates says how the gates of nodes were decided.
func triedGates(all, list []Node) string {
	byReading, byVersion := 0, 0
	for _, n := range list {
		switch {
		case n.Gate == gate.Unknown:
		case n.reading != nil && n.reading.Enabled != nil && n.Gate != gate.Unsupported:
			byReading++
		default:
			byVersion++
		}
	}
	return triedNodes(all, list[:byReading+byVersion], fmt.Sprintf("(%d by version, %d by asking the kubelet)", byVersion, byReading))
}
