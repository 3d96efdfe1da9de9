package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var podSandboxFailing = podCheck(checks.Check{
	ID:    "pod-sandbox-failing",
	Title: "every pod's sandbox can be created",
	Uses:  witnessed,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.untouched() {
		return nil, nil
	}
	if events := p.events("FailedPrepareDynamicResources"); len(events) > 0 {
		return p.devicesFinding(events), nil
	}
	events := p.events("FailedCreatePodSandBox", "FailedCreatePodContainer", "NetworkNotReady")
	if len(events) == 0 {
		return nil, nil // volume-not-mounted says that there are no events
	}
	return &checks.Finding{
		Message: fmt.Sprintf("no container can be created, %s: node %s cannot create the pod's sandbox: %s%s",
			p.born().words(), p.Spec.NodeName, prose.Clause(events[0].Message), p.runtimeClause(events[0].Message)),
		Evidence: append(newest(p.s.Snapshot, events, 3), p.runtimeEvidence()...),
		Steps:    p.sandboxSteps(events[0].Message),
	}, nil
})

// devicesFinding: before the sandbox, the kubelet has the drivers prepare the devices that the pod's claims have.
func (p subject) devicesFinding(events []corev1.Event) *checks.Finding {
	return &checks.Finding{
		Message: fmt.Sprintf("no container can be created, %s: the devices that the pod claims cannot be prepared on node %s: %s",
			p.born().words(), p.Spec.NodeName, prose.Clause(events[0].Message)),
		Evidence: newest(p.s.Snapshot, events, 3),
		Steps: []checks.Step{{
			Text:    "Repair the driver of the devices on that node: its DaemonSet has to run there, and to have registered with the kubelet, which tries again. Sidecars are not to blame. See the claims, and which pods run there:",
			Command: prose.Shell("kubectl get resourceclaims -n %s -o yaml\nkubectl get pods -A -o wide --field-selector %s", p.Namespace, "spec.nodeName="+p.Spec.NodeName),
		}},
	}
}

func (p subject) sandboxSteps(text string) []checks.Step {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	fix := "Check the container runtime of that node. Sidecars are not to blame."
	class := ptr.Deref(p.Spec.RuntimeClassName, "")
	switch {
	case unknownHandler(text) && class != "":
		return []checks.Step{
			{
				Text:    fmt.Sprintf("Configure the handler of RuntimeClass %s in the container runtime of node %s, which does not know it; the kubelet tries again. Sidecars are not to blame. See the handler:", class, p.Spec.NodeName),
				Command: prose.Shell("kubectl get runtimeclass %s", class),
			},
			p.defaultRuntimeStep(),
			p.avoidStep("Or keep the pod on nodes that have the handler, away from this one"),
		}
	case classGone(text) && class != "":
		return p.noRuntimeClassSteps(class)
	case says("cni", "CNI", "network"):
		fix = "Check the network plugin of that node: its pods, its configuration in /etc/cni/net.d, free addresses. Sidecars are not to blame."
	}
	return []checks.Step{
		{Text: fix},
		{Text: "See whether other pods start there:", Command: prose.Shell("kubectl get pods -A -o wide --field-selector %s", "spec.nodeName="+p.Spec.NodeName)},
	}
}

// unknownHandler reports whether the container runtime does not know the handler of a RuntimeClass, classGone whether there is
// no such class.
func unknownHandler(text string) bool {
	return strings.Contains(text, "no runtime for") || strings.Contains(text, "RuntimeHandler")
}

func classGone(text string) bool {
	return runtimeClassMissing.MatchString(text) || strings.Contains(text, "runtimeclass.node.k8s.io")
}

// runtimeClause names what is missing; "" where it is something else.
func (p subject) runtimeClause(text string) string {
	class := ptr.Deref(p.Spec.RuntimeClassName, "")
	switch {
	case class == "":
		return ""
	case unknownHandler(text):
		return fmt.Sprintf("; the container runtime there does not know the handler of RuntimeClass %s", class)
	case classGone(text):
		return fmt.Sprintf("; there is no RuntimeClass %s anymore", class)
	}
	return ""
}

// runtimeEvidence is with what the pod is to run.
func (p subject) runtimeEvidence() []string {
	if class := ptr.Deref(p.Spec.RuntimeClassName, ""); class != "" {
		return []string{"spec.runtimeClassName: " + class}
	}
	return nil
}
