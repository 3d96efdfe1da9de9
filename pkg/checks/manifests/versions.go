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

// meets is the oldest version that a workload meets: of the API servers and of the nodes that its pods can go to, or the
// one that was named.
func (s *scene) meets(w *workload.Workload) (minor int, oldest string) {
	minor = s.Minor
	if s.view == nil {
		return minor, ""
	}
	for _, a := range s.view.APIServers().Seen {
		if m := a.Minor(); m > 0 && m < minor {
			minor, oldest = m, "API server "+a.Version()
		}
	}
	canLand := cluster.Landing(w.Spec())
	for _, n := range s.view.Nodes() {
		if n.Version == nil || n.Virtual != "" || !canLand(n) {
			continue
		}
		if m := gate.Minor(n.Version); m < minor {
			minor, oldest = m, fmt.Sprintf("node %s has kubelet %s", n.Name, n.Status.NodeInfo.KubeletVersion)
		}
	}
	return minor, oldest
}

// meantFor is the version that decides, as evidence.
func (p *pod) meantFor() string {
	if p.oldest != "" {
		return p.oldest
	}
	return "for Kubernetes " + gate.Release(p.minor)
}
