package report

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// groupKey is what the nodes of one group have in common.
type groupKey struct {
	version string
	gate    checks.Gate
	source  string
}

// nodeGroups groups the nodes by kubelet version and gate, oldest version first.
func nodeGroups(s *facts.Snapshot) []NodeGroup {
	readings := map[string][]facts.FeatureReading{}
	for _, r := range s.Kubelets {
		readings[r.Instance] = append(readings[r.Instance], r)
	}
	groups := []NodeGroup{}
	index := map[groupKey]int{}
	parse := facts.VersionParser()
	for i := range s.Nodes {
		node := &s.Nodes[i]
		key := groupKey{version: node.Status.NodeInfo.KubeletVersion}
		key.gate, key.source = kubeletGate(parse(key.version), readings[node.Name])
		at, found := index[key]
		if !found {
			at = len(groups)
			index[key] = at
			groups = append(groups, NodeGroup{Version: key.version, Gate: string(key.gate), Source: key.source})
		}
		groups[at].Names = append(groups[at].Names, node.Name)
	}
	for i := range groups {
		slices.Sort(groups[i].Names)
	}
	slices.SortFunc(groups, func(a, b NodeGroup) int {
		return cmp.Or(compareVersions(a.Version, b.Version), cmp.Compare(a.Gate, b.Gate), cmp.Compare(a.Source, b.Source))
	})
	return groups
}

// kubeletGate is the gate of one kubelet and what tells it: the source of the reading that agrees,
// else its version. v is nil for what is no Kubernetes 1.x: only a reading decides then.
func kubeletGate(v *version.Version, readings []facts.FeatureReading) (gate checks.Gate, source string) {
	gate = checks.JudgeGate(v, nil, readings...)
	for _, r := range readings {
		if r.Enabled != nil && gate != checks.GateUnsupported && checks.JudgeGate(v, nil, r) == gate {
			return gate, string(r.Source)
		}
	}
	if gate == checks.GateUnknown {
		return gate, ""
	}
	return gate, "version"
}

// compareVersions orders what can be parsed by number and puts the rest first.
func compareVersions(a, b string) int {
	va, errA := version.ParseGeneric(a)
	vb, errB := version.ParseGeneric(b)
	switch {
	case errA != nil && errB != nil:
		return strings.Compare(a, b)
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	case va.LessThan(vb):
		return -1
	case vb.LessThan(va):
		return 1
	}
	return strings.Compare(a, b)
}
