package checks

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var podSandboxFailing = podCheck(Check{
	ID:    "pod-sandbox-failing",
	Title: "the sandbox of every pod can be created",
}, func(p subject) (*Finding, []facts.Gap) {
	if !p.untouched() {
		return nil, nil
	}
	events := p.events("FailedCreatePodSandBox", "FailedCreatePodContainer", "NetworkNotReady")
	if len(events) == 0 {
		return nil, nil // volume-not-mounted says that there are no events
	}
	return &Finding{
		Message:  fmt.Sprintf("no container can be created, %s: the node %s cannot make the pod's sandbox (its network): %s", p.born().words(), p.Spec.NodeName, oneLine(events[0].Message)),
		Evidence: newest(p.s.Snapshot, events, 3),
		Fix: "Not a matter of sidecars. Look at the network plugin on that node; where only this node fails, another one may do:\n\n" +
			indent(fmt.Sprintf("kubectl get pods -A -o wide --field-selector spec.nodeName=%s\nkubectl cordon %s && kubectl delete pod %s -n %s", p.Spec.NodeName, p.Spec.NodeName, p.Name, p.Namespace)),
	}, nil
})
