package plan

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// BlockKinds are the facts that [BlocksOf] decides by.
var BlockKinds = []facts.Kind{facts.APIServers, facts.Nodes, facts.CRDs}

// BlocksOf tells of each workload what keeps its native sidecars from running in the cluster that s describes: its API
// servers, the nodes that the pods may land on, and the schema of its kind. What webhooks do is not among it, since that
// takes canaries. Open blocks are what was not read.
func BlocksOf(s *facts.Snapshot) func(*workload.Workload) []Block {
	p := New("")
	p.meet(s)
	return p.blocks
}

// blocks goes by the gates themselves: the defaults of versions are for advice, not for what is to be done at once.
func (p *Planner) blocks(w *workload.Workload) []Block {
	row := Row{Object: checks.Object{Kind: w.Kind}}
	c := candidateOf(w, &roles.Judgment{}, row)
	p.servers(&row, func(a cluster.Process) gate.State { return a.Gate })
	if len(row.Blocks) == 0 && len(p.s.GapsOf(facts.APIServers, "")) > 0 {
		row.Blocks = append(row.Blocks, Block{Kind: ServerUnread, Open: true})
	}
	p.landing(&c.spec, &row, func(n cluster.Node) gate.State { return n.Gate })
	if c.served != "" {
		p.schema(&c, &row)
	}
	return row.Blocks
}

// Default reports whether the version of the block has the gate on when nobody sets it; known is false where there is no
// version.
func (b Block) Default() (on, known bool) {
	minor, known := gate.MinorOf(b.Version)
	return known && gate.ByDefault(minor), known
}
