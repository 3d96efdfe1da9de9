package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var kubeletTooOld = podCheck(checks.Check{
	ID:    checks.KubeletTooOld,
	Title: "no pod with a native sidecar waits on a kubelet that does not know them",
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
		Message:   fmt.Sprintf("the kubelet of %s does not know native sidecars: it runs %s as an ordinary init container and waits for it to end, %s", p.Spec.NodeName, held.Name, p.startedAt(*held).words()),
		Evidence: []string{
			fmt.Sprintf("spec.initContainers[name=%q].restartPolicy: Always", held.Name), p.stateEvidence(*held),
			"started is absent: kubelets of 1.28 and later always write it",
		},
		Fix: prose.Paragraphs(checks.FixOf(cluster.NodeUpgrade("1.29 or later", nil)), "Until then keep these pods away from that node:", prose.Indent(p.avoidNode())),
	}
	if p.node != nil {
		f.Evidence = append(f.Evidence, "node "+p.node.Name+": "+p.node.Evidence()[0])
		f.Fix = prose.Paragraphs(checks.FixOf(cluster.NodeUpgrade("1.29 or later", []cluster.Node{*p.node})), "Until then keep these pods away from that node:", prose.Indent(p.avoidNode()))
	}
	return f, nil
})
