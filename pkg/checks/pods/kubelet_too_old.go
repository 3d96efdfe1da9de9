package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

var kubeletTooOld = podCheck(checks.Check{
	ID:    checks.KubeletTooOld,
	Title: "pods with native sidecars run on kubelets that know them",
	Uses:  slices.Concat(timed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if len(p.sidecars()) == 0 || !p.starting() {
		return nil, nil
	}
	// A later kubelet always writes started; an older one never does for init containers.
	var held *container
	for i, c := range p.inits {
		if c.sidecar() && c.ran() && c.status.Started == nil {
			held = &p.inits[i]
			break
		}
	}
	if held == nil || p.node != nil && p.node.Gate != gate.Unsupported {
		return nil, nil
	}
	f := &checks.Finding{
		Container: held.Name,
		Message: fmt.Sprintf("the kubelet of %s does not know native sidecars: it runs %s as a plain init container and waits forever for it to exit, %s",
			p.Spec.NodeName, held.Name, p.startedAt(*held).words()),
		Evidence: []string{
			fmt.Sprintf("spec.initContainers[name=%q].restartPolicy: Always", held.Name), p.stateEvidence(*held),
			"started is absent: kubelets of 1.28 and later always write it",
		},
	}
	var nodes []cluster.Node
	if p.node != nil {
		f.Evidence = append(f.Evidence, "node "+p.node.Name+": "+p.node.VersionEvidence())
		nodes = append(nodes, *p.node)
	}
	f.Steps = append(cluster.NodeUpgrade("1.29 or later", nodes), p.avoidStep("Until then keep these pods away from that node"))
	return f, nil
})
