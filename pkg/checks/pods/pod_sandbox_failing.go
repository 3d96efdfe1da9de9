package pods

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var podSandboxFailing = podCheck(checks.Check{
	ID:    "pod-sandbox-failing",
	Title: "the sandbox of every pod can be created",
	Uses:  witnessed,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.untouched() {
		return nil, nil
	}
	events := p.events("FailedCreatePodSandBox", "FailedCreatePodContainer", "NetworkNotReady")
	if len(events) == 0 {
		return nil, nil // volume-not-mounted says that there are no events
	}
	return &checks.Finding{
		Message:  fmt.Sprintf("no container can be created, %s: node %s cannot make the pod's sandbox: %s", p.born().words(), p.Spec.NodeName, prose.Clause(events[0].Message)),
		Evidence: newest(p.s.Snapshot, events, 3),
		Fix:      p.sandboxFix(events[0].Message),
	}, nil
})

func (p subject) sandboxFix(text string) string {
	fix := "Look at the container runtime of that node."
	switch {
	case strings.Contains(text, "no runtime for") || strings.Contains(text, "RuntimeHandler"):
		fix = fmt.Sprintf("The node's container runtime does not know the handler of RuntimeClass %s: configure it there, or keep the pod on nodes that have it.", prose.OrNone(deref(p.Spec.RuntimeClassName)))
	case strings.Contains(text, "cni") || strings.Contains(text, "CNI") || strings.Contains(text, "network"):
		fix = "Look at the network plugin of that node: its pods, its configuration in /etc/cni/net.d, free addresses."
	}
	return "Not a matter of sidecars. " + fix + " See whether other pods start there:\n\n" +
		prose.Indent(prose.Shell("kubectl get pods -A -o wide --field-selector %s", "spec.nodeName="+p.Spec.NodeName))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
