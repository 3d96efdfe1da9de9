package checks

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var podSandboxFailing = podCheck(Check{
	ID:    "pod-sandbox-failing",
	Title: "the sandbox of every pod can be created",
	Needs: witnessed,
}, func(p subject) (*Finding, []facts.Gap) {
	if !p.untouched() {
		return nil, nil
	}
	events := p.events("FailedCreatePodSandBox", "FailedCreatePodContainer", "NetworkNotReady")
	if len(events) == 0 {
		return nil, nil // volume-not-mounted says that there are no events
	}
	return &Finding{
		Message:  fmt.Sprintf("no container can be created, %s: node %s cannot make the pod's sandbox: %s", p.born().words(), p.Spec.NodeName, clause(events[0].Message)),
		Evidence: newest(p.s.Snapshot, events, 3),
		Fix:      p.sandboxFix(events[0].Message),
	}, nil
})

func (p subject) sandboxFix(text string) string {
	fix := "Look at the container runtime of that node."
	switch {
	case strings.Contains(text, "no runtime for") || strings.Contains(text, "RuntimeHandler"):
		fix = fmt.Sprintf("The node's container runtime does not know the handler of RuntimeClass %s: configure it there, or keep the pod on nodes that have it.", orNone(deref(p.Spec.RuntimeClassName)))
	case strings.Contains(text, "cni") || strings.Contains(text, "CNI") || strings.Contains(text, "network"):
		fix = "Look at the network plugin of that node: its pods, its configuration in /etc/cni/net.d, free addresses."
	}
	return "Not a matter of sidecars. " + fix + " See whether other pods start there:\n\n" +
		indent(shell("kubectl get pods -A -o wide --field-selector %s", "spec.nodeName="+p.Spec.NodeName))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
