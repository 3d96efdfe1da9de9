package report

import (
	"cmp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
)

// groupKey is what the nodes of one group have in common.
type groupKey struct{ version, gate, source string }

// nodeGroups groups the nodes by kubelet version and gate, oldest version first.
func nodeGroups(nodes []cluster.Node) []NodeGroup {
	groups := []NodeGroup{}
	index := map[groupKey]int{}
	for _, node := range nodes {
		key := groupKey{node.Status.NodeInfo.KubeletVersion, string(node.Gate), string(node.Source)}
		at, found := index[key]
		if !found {
			at = len(groups)
			index[key] = at
			groups = append(groups, NodeGroup{Version: key.version, Gate: key.gate, Source: key.source})
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
