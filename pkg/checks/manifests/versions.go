package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// versions is what decides which version a workload meets in a cluster.
var versions = []facts.Kind{facts.APIServers, facts.Nodes}

// A version is one that a workload meets.
type version struct {
	minor int
	// of is who has it: "API server v1.32.2", "node worker-1 has kubelet v1.28.15"; empty where nobody was asked.
	of string
	// node is the node whose kubelet it is; empty for API servers.
	node string
}

// evidence is where the version is from.
func (v version) evidence() string {
	if v.of != "" {
		return v.of
	}
	return "for Kubernetes " + gate.Release(v.minor)
}

// meets are the oldest version of the API servers, which store a workload, and the oldest of these and of the nodes that
// its pods can go to; or the one that was named, where that is older.
func (s *scene) meets(w *workload.Workload) (server, oldest version) {
	server = version{minor: s.Minor}
	if s.view == nil {
		return server, server
	}
	for _, a := range s.view.APIServers().Seen {
		if m := a.Minor(); m > 0 && m <= server.minor {
			server = version{minor: m, of: "API server " + a.Version()}
		}
	}
	oldest = server
	canLand := cluster.Landing(w.Spec())
	for _, n := range s.view.Nodes() {
		if n.Version == nil || n.Virtual != "" || !canLand(n) {
			continue
		}
		if m := gate.Minor(n.Version); m < oldest.minor {
			oldest = version{m, fmt.Sprintf("node %s has kubelet %s", n.Name, n.Status.NodeInfo.KubeletVersion), n.Name}
		}
	}
	return server, oldest
}
