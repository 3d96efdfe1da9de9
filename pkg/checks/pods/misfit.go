package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A misfit is why an init container of a mesh cannot succeed where its pod is.
type misfit struct {
	why      string
	evidence []string
	steps    []checks.Step
}

// misfit is nil for a container of no mesh, and for one that may succeed.
func (p subject) misfit(c container) *misfit {
	m := known.MeshOfInit(c.Name)
	if m == nil || !c.init {
		return nil
	}
	if os, evidence := p.os(); os != "" && os != m.OS {
		return &misfit{
			why:      fmt.Sprintf("it sets up %s's redirection, which works on %s only, and the node runs %s", m.Name, m.OS, os),
			evidence: []string{evidence},
			steps: []checks.Step{{Text: fmt.Sprintf("Keep %s out of pods on such nodes: %s in the template, or a namespaceSelector or objectSelector of its injector's webhook that leaves them out.",
				m.Name, m.Skip)}},
		}
	}
	if !slices.Contains(m.Checks, c.Name) || !c.failed() || c.ended().ExitCode != m.Code {
		return nil
	}
	if p.Spec.HostUsers != nil && !*p.Spec.HostUsers && m.HostUsers != "" {
		return &misfit{
			why:      "the pod has a user namespace (hostUsers: false), and " + m.HostUsers,
			evidence: []string{"spec.hostUsers: false"},
			steps:    []checks.Step{p.hostUsersStep(), {Text: fmt.Sprintf("Or keep %s out of the pod: %s.", m.Name, m.Skip)}},
		}
	}
	return &misfit{why: fmt.Sprintf("%s's CNI plugin did not set it up", m.Name), steps: []checks.Step{
		{Text: "See whether the plugin's pod on this node is ready:", Command: prose.Shell("kubectl get pods -A -l %s --field-selector spec.nodeName=%s", m.Agent, p.Spec.NodeName)},
		p.recreateStep("Once it is, recreate the pod: its network is set up only when it is created"),
	}}
}

// os is the operating system of the pod's node, as far as it is known.
func (p subject) os() (os, evidence string) {
	switch {
	case p.node != nil && p.node.Status.NodeInfo.OperatingSystem != "":
		os = p.node.Status.NodeInfo.OperatingSystem
		return os, fmt.Sprintf("node %s: status.nodeInfo.operatingSystem: %s", p.node.Name, os)
	case p.Spec.OS != nil:
		return string(p.Spec.OS.Name), "spec.os.name: " + string(p.Spec.OS.Name)
	case p.Spec.NodeSelector["kubernetes.io/os"] != "":
		os = p.Spec.NodeSelector["kubernetes.io/os"]
		return os, "spec.nodeSelector: kubernetes.io/os: " + os
	}
	return "", ""
}

// hostUsersStep takes the user namespace from the owner's pods.
func (p subject) hostUsersStep() checks.Step {
	m, text := p.target(), "Do without the user namespace"
	if m.custom {
		return checks.Step{Text: text + ": remove hostUsers: false from the template."}
	}
	return p.changeStep(text, p.command(m, "strategic", encode(nest(m.path, map[string]any{"hostUsers": nil}))))
}
