package pods

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A kubelet that does not report says nothing about its pods any more: what stands in their status is history, whether
// it looks well or not. The node controller sets the condition Ready of the node to Unknown when there was no
// heartbeat for 40 seconds or more (nodeMonitorGracePeriod), and that of its pods to False.
var nodeNotReady = podCheck(checks.Check{
	ID:    "node-not-ready",
	Title: "the nodes of the pods are ready",
	Uses:  slices.Concat(witnessed, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.Spec.NodeName == "" {
		return nil, nil
	}
	ready := p.nodeReady()
	switch {
	case p.nodeDeleted():
		return p.deletedNodeFinding(), nil
	case p.node == nil && !facts.PodReady(p.Pod) && len(p.orphanSigns()) > 0:
		return nil, []facts.Gap{p.gap(facts.Nodes, fmt.Sprintf("whether node %s still reports is not known, and %s", p.Spec.NodeName, p.orphanSigns()[0]), facts.Do("see it:", p.versionCommand()))}
	case ready == nil || ready.Status == corev1.ConditionTrue:
		return nil, nil
	case ready.Status == corev1.ConditionFalse:
		return p.unreadyNodeFinding(ready), nil
	}
	return p.silentNodeFinding(ready), nil
})

// nodeReady is the condition Ready of the pod's node; nil where the node was not seen, or does not say.
func (p subject) nodeReady() *corev1.NodeCondition {
	if p.node == nil {
		return nil
	}
	return facts.NodeReady(p.node.Node)
}

// nodeGone reports whether the node's kubelet does not answer: then nothing that it last said is news.
func (p subject) nodeGone() bool {
	ready := p.nodeReady()
	return p.nodeDeleted() || ready != nil && ready.Status != corev1.ConditionTrue
}

// nodeDeleted reports whether the pod's node is known not to exist any more: the API server said so, or it is not
// among the nodes of a file whose pod also shows that.
func (p subject) nodeDeleted() bool {
	if p.Spec.NodeName == "" || p.node != nil {
		return false
	}
	if slices.Contains(p.s.GoneNodes, p.Spec.NodeName) {
		return true
	}
	return p.s.Has(facts.Nodes) && len(p.s.Nodes) > 0 && len(p.orphanSigns()) > 0
}

// orphanReasons are those for which the control plane deletes pods of nodes that are gone.
var orphanReasons = []string{"DeletionByPodGC", "DeletionByTaintManager"}

// orphanSigns are what the control plane did to a pod whose node is gone, as evidence.
func (p subject) orphanSigns() []string {
	var out []string
	if c := p.disrupted(); c != nil && slices.Contains(orphanReasons, c.Reason) {
		out = append(out, disruptionEvidence(c))
	}
	return append(out, newest(p.s.Snapshot, p.events("NodeNotReady", "TaintManagerEviction"), 2)...)
}

func (p subject) silentNodeFinding(ready *corev1.NodeCondition) *checks.Finding {
	since := ageOf(p.s.Snapshot, ready.LastHeartbeatTime)
	if ready.LastHeartbeatTime.IsZero() {
		since = ageOf(p.s.Snapshot, ready.LastTransitionTime)
	}
	f := &checks.Finding{
		Message:  fmt.Sprintf("the kubelet of node %s has not reported %s: what it last said of the pod is not news%s", p.Spec.NodeName, since.words(), p.stillThere()),
		Evidence: p.nodeEvidence(ready),
		Steps: []checks.Step{
			p.nodeStep("See whether the machine runs and reaches the API server, and restart its kubelet if it does (systemctl restart kubelet). The pod then goes on. See what is known of the node:"),
			{
				Text:    "If the machine is off for good, say so: its pods are then removed, their volumes detached, and their owners make new ones. Not before it is off:",
				Command: prose.Shell("kubectl taint node %s node.kubernetes.io/out-of-service=nodeshutdown:NoExecute", p.Spec.NodeName),
			},
		},
	}
	return f
}

// stillThere says of a deleted pod why it is still there.
func (p subject) stillThere() string {
	if !p.deleting() {
		return ""
	}
	return fmt.Sprintf("; the pod was deleted %s, and nothing confirms that its containers have exited", p.deleted().ago())
}

func (p subject) nodeEvidence(ready *corev1.NodeCondition) []string {
	line := fmt.Sprintf("condition Ready of node %s: %s, %s", p.Spec.NodeName, ready.Status, prose.OrNone(ready.Reason))
	if ready.Message != "" {
		line += ": " + prose.OneLine(ready.Message)
	}
	out := []string{line}
	if !ready.LastHeartbeatTime.IsZero() {
		out = append(out, fmt.Sprintf("last heartbeat of node %s: %s", p.Spec.NodeName, ready.LastHeartbeatTime.UTC().Format(time.RFC3339)))
	}
	if p.deleting() {
		out = append(out, p.deadline())
	}
	return append(out, p.orphanSigns()...)
}

// unreadyNodeFinding: the kubelet does report, and says itself that it is not ready. It is nil for a pod that works, or
// that has trouble of its own: what the kubelet says of it is news.
func (p subject) unreadyNodeFinding(ready *corev1.NodeCondition) *checks.Finding {
	since := ageOf(p.s.Snapshot, ready.LastTransitionTime)
	if facts.PodReady(p.Pod) || !since.atLeast(settle) || slices.ContainsFunc(p.all(), func(c container) bool {
		return c.ended() != nil && c.ended().ExitCode != 0 || c.waiting() != "" && !facts.StartingReason(c.waiting())
	}) {
		return nil
	}
	return &checks.Finding{
		Message:  fmt.Sprintf("node %s is not ready, %s: %s%s", p.Spec.NodeName, since.words(), prose.Clause(cmp.Or(ready.Message, ready.Reason, "its kubelet does not say why")), p.stillThere()),
		Evidence: p.nodeEvidence(ready),
		Steps: []checks.Step{{
			Text:    "Repair what the message names (the network plugin, the container runtime). The pod then goes on. See what is known of the node:",
			Command: prose.Shell("kubectl describe node %s", p.Spec.NodeName),
		}},
	}
}

func (p subject) deletedNodeFinding() *checks.Finding {
	f := &checks.Finding{
		Message:  fmt.Sprintf("node %s does not exist any more: what its kubelet last said of the pod is not news%s", p.Spec.NodeName, p.stillThere()),
		Evidence: append([]string{"spec.nodeName: " + p.Spec.NodeName + ", and there is no such Node"}, p.orphanSigns()...),
	}
	if p.deleting() {
		f.Evidence = append(f.Evidence, p.deadline())
	}
	text := "The control plane removes the pod within a few minutes, and its owner makes a new one. If it does not, make sure that the machine is off, and remove it:"
	if len(p.Finalizers) > 0 {
		f.Evidence = append(f.Evidence, "metadata.finalizers: "+strings.Join(p.Finalizers, ", "))
		text = "Finalizers keep the pod: find out whose they are, and why they are not removed. Then, and only if the machine is off, remove the pod:"
	}
	f.Steps = []checks.Step{{Text: text, Command: p.forceDelete()}}
	return f
}
