package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A kubelet looks at a pod once more before it runs it, and does not run one that does not fit its node: the pod has
// failed then, for good, before any container of it was created. Whoever owns it makes another one.
var kubeletRejectsPod = podCheck(checks.Check{
	ID:    "kubelet-rejects-pod",
	Title: "kubelets admit the pods that are assigned to their node",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.rejected() || p.superseded() {
		return nil, nil
	}
	r := p.rejection()
	f := &checks.Finding{
		Container: r.container,
		Message:   fmt.Sprintf("the kubelet of %s rejected the pod (%s): %s", p.Spec.NodeName, p.Status.Reason, r.why+p.replacedText()),
		Evidence:  slices.Concat([]string{p.failureEvidence()}, newest(p.s.Snapshot, p.events(p.Status.Reason), 1), r.evidence),
		Steps:     r.steps,
	}
	return f, nil
})

// failureEvidence is what the status says of a pod that is over.
func (p subject) failureEvidence() string {
	if p.Status.Reason == "" {
		return fmt.Sprintf("status.phase: %s, and no status.reason", p.Status.Phase)
	}
	return fmt.Sprintf("status.phase: %s, status.reason: %s, status.message: %s", p.Status.Phase, p.Status.Reason, prose.OneLine(p.Status.Message))
}

// rejectionReasons are the kubelet's for a pod that it did not admit (k8s.io/kubernetes v1.36.3 pkg/kubelet/kubelet.go,
// admissionRejectionReasons); refusedByKubelet, Evicted and NodeShutdown have checks of their own. NodeAffinity, NodeName and
// NodePorts are predicates of the scheduler that the kubelet applies again.
var rejectionReasons = []string{
	appArmorRefused, "PodOSSelectorNodeLabelDoesNotMatch", "PodOSNotSupported", "InvalidNodeInfo", "SupplementalGroupsPolicyNotSupported",
	devicesRefused, "UnknownReason", "UnexpectedPredicateFailureType", "PodLevelResourcesNotSupported", "PodFeatureUnsupported",
	"node(s) had taints that the pod didn't tolerate", sysctlRefused, "TopologyAffinityError", "EmptyPodSharedPoolError",
	"VolumeAttachmentLimitExceeded", "NodeAffinity", "NodeName", "NodePorts",
}

const (
	appArmorRefused = "AppArmor"
	devicesRefused  = "UnexpectedAdmissionError"
	sysctlRefused   = "SysctlForbidden"
	noRoomPrefix    = "OutOf"
)

// rejected reports whether the kubelet did not admit the pod.
func (p subject) rejected() bool {
	if p.Status.Phase != corev1.PodFailed || p.deleting() || p.Status.Reason == refusedByKubelet {
		return false
	}
	return slices.Contains(rejectionReasons, p.Status.Reason) || strings.HasPrefix(p.Status.Reason, noRoomPrefix)
}

// A rejection is why a kubelet did not admit a pod.
type rejection struct {
	why, container string
	evidence       []string
	steps          []checks.Step
}

// rejectedWords are the kubelet's, without what it puts before them.
func (p subject) rejectedWords() string {
	text := strings.TrimPrefix(p.Status.Message, "Pod was rejected: ")
	return prose.Clause(strings.TrimPrefix(text, "Pod "))
}

func (p subject) rejection() rejection {
	switch reason := p.Status.Reason; {
	case reason == appArmorRefused:
		return p.noAppArmor()
	case reason == devicesRefused:
		return p.noDevices()
	case reason == sysctlRefused:
		return p.forbiddenSysctl()
	case strings.HasPrefix(reason, noRoomPrefix):
		return p.noRoom()
	case slices.Contains([]string{"NodeAffinity", "NodePorts", "node(s) had taints that the pod didn't tolerate"}, reason):
		return rejection{why: p.rejectedWords(), steps: p.letSchedule("Let the scheduler choose a node that fits")}
	}
	return rejection{why: p.rejectedWords(), steps: []checks.Step{
		p.avoidStep("Correct what the message names, or keep these pods away from that node"),
		p.nodeStep("See what the node is and has:"),
	}}
}

// letSchedule has the scheduler place the pod: whoever sets spec.nodeName in a template goes around it. Where the pod
// was scheduled, something else has changed in between, and its next pod may fit.
func (p subject) letSchedule(text string) []checks.Step {
	m := p.target()
	if m.template != nil && m.template.Spec.NodeName != "" {
		const byName = ": spec.nodeName goes around the scheduler, which would have known"
		if m.Kind == "Pod" {
			return []checks.Step{p.recreateStep(text)}
		}
		if command := p.fixSpec(map[string]any{"nodeName": nil}); command != "" {
			return []checks.Step{p.changeStep(text+byName, command)}
		}
	}
	return []checks.Step{
		p.nodeStep("See what the node has, and who has it:"),
		p.nextPodStep(),
	}
}

// nextPodStep makes a pod in the place of one that has failed for good.
func (p subject) nextPodStep() checks.Step {
	if len(p.OwnerReferences) == 0 {
		return p.recreateStep("Create the pod again: the scheduler may choose another node")
	}
	return checks.Step{
		Text:    fmt.Sprintf("%s %s makes another pod in its place. This one is done for; delete it when you have seen what you need:", p.makers[0].Kind, p.makers[0].Name),
		Command: prose.Shell("kubectl delete pod %s -n %s", p.Name, p.Namespace),
	}
}

// noRoom: what the kubelet counts is more than the node has. The scheduler counts the same, so somebody went around it or
// something else was placed there at the same moment.
func (p subject) noRoom() rejection {
	r := rejection{why: p.rejectedWords()}
	if sum := requests(p.Pod); sum != "" {
		r.evidence = append(r.evidence, strings.Replace(sum, "the scheduler counts", "scheduler and kubelet count", 1))
	}
	r.steps = p.letSchedule("Let the scheduler choose a node that has room")
	short := strings.TrimPrefix(p.Status.Reason, noRoomPrefix)
	if steps := p.lessSteps("Insufficient " + short); steps != nil {
		r.steps = append(r.steps, steps...)
	}
	return r
}

var sysctlName = regexp.MustCompile(`forbidden sysctl: "([^"]+)"`)

func (p subject) forbiddenSysctl() rejection {
	r := rejection{why: p.rejectedWords()}
	m := sysctlName.FindStringSubmatch(p.Status.Message)
	if m == nil || p.Spec.SecurityContext == nil {
		r.steps = []checks.Step{p.avoidStep("Allow it on the node (allowedUnsafeSysctls of the kubelet), or keep these pods away from that node")}
		return r
	}
	var left []any
	for _, s := range p.Spec.SecurityContext.Sysctls {
		if s.Name != m[1] {
			left = append(left, map[string]any{"name": s.Name, "value": s.Value})
		}
	}
	var value any
	if left != nil {
		value = left
	}
	r.evidence = []string{fmt.Sprintf("spec.securityContext.sysctls has %s; native sidecars share it with all containers of the pod", m[1])}
	r.steps = []checks.Step{
		{Text: fmt.Sprintf("Allow it on the nodes for these pods, in allowedUnsafeSysctls of the kubelet's configuration (%s).", m[1])},
		p.specStep("Or do without "+m[1], map[string]any{"securityContext": map[string]any{"sysctls": value}}),
	}
	return r
}
