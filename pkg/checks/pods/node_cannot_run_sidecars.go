package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var nodeCannotRunSidecars = podCheck(checks.Check{
	ID:    checks.NodeCannotRunSidecars,
	Title: "pods with native sidecars run on real kubelets (no virtual nodes)",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	// Fargate has kubelets, whose version says what they do: kubelet-too-old.
	if len(p.sidecars()) == 0 || p.deleting() || p.node == nil || p.node.Virtual == "" || p.node.Virtual == "EKS Fargate" {
		return nil, nil
	}
	refused := p.Status.Phase == corev1.PodFailed && p.Status.Reason != ""
	if !refused && (!p.starting() || p.blocker().status != nil && p.blocker().status.Started != nil || p.born().below(settle)) {
		return nil, nil
	}
	if !refused && p.born().untold(settle) {
		return nil, p.noClock("the pod has waited on its virtual node")
	}
	f := &checks.Finding{
		Message: fmt.Sprintf("the pod was assigned to %s, %s: nothing shows that such a node runs native sidecars, and %s has not started (the pod was created %s)",
			p.node.Name, p.node.Virtual, p.sidecars()[0].Name, p.born().ago()),
		Evidence: p.node.Evidence(),
		Steps:    []checks.Step{p.avoidStep("Keep the pod on nodes with a real kubelet: remove its toleration for the virtual ones, or keep it away from this one")},
	}
	if refused {
		f.Evidence = append(f.Evidence, fmt.Sprintf("status.reason: %s, status.message: %s", p.Status.Reason, prose.OneLine(p.Status.Message)))
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.events(), 2)...)
	return f, nil
})
