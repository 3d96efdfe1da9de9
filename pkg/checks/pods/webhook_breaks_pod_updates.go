package pods

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The Job controller counts a pod that has terminated, and then removes its finalizer from the pod. It does so within
// seconds; where it cannot, the Job never completes, and the pod is never deleted. On the cluster the check of the
// same id is about the risk, here it has hit a pod.
var webhookBreaksPodUpdates = podCheck(checks.Check{
	ID:    checks.WebhookBreaksPodUpdates,
	Title: "every Job lets go of its pods when they have terminated",
	Uses:  slices.Concat(timed, []facts.Kind{facts.Jobs, facts.Canaries, facts.MutatingPolicies}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.finished() || !p.tracked() {
		return nil, nil
	}
	since := p.failedAt() // when the last container exited, whatever its exit code
	switch {
	case since.at.IsZero(), since.below(settle):
		return nil, nil
	case since.untold(settle):
		return nil, p.noClock("it has kept its finalizer since it terminated")
	}
	return p.unreleased(since), nil
})

// tracked reports whether its Job has not let go of the pod.
func (p subject) tracked() bool { return slices.Contains(p.Finalizers, batchv1.JobTrackingFinalizer) }

func (p subject) unreleased(since age) *checks.Finding {
	f := &checks.Finding{Evidence: []string{
		fmt.Sprintf("status.phase: %s, its last container exited %s", p.Status.Phase, since.ago()),
		"metadata.finalizers: " + prose.Some(p.Finalizers, 5),
	}}
	what := "the pod terminated"
	if j := p.job(); j != nil {
		if !facts.JobIs(j, batchv1.JobComplete) && !facts.JobIs(j, batchv1.JobFailed) {
			what = "the Job does not complete: its pod terminated"
		}
		f.Evidence = append(f.Evidence, p.jobEvidence()...)
		if u := j.Status.UncountedTerminatedPods; u != nil && slices.Contains(slices.Concat(u.Succeeded, u.Failed), p.UID) {
			f.Evidence = append(f.Evidence, fmt.Sprintf("job %s: status.uncountedTerminatedPods has the pod: the controller has seen that it terminated, and waits for its finalizer to be gone", j.Name))
		}
	}
	what = fmt.Sprintf("%s %s and still has the finalizer %s", what, since.ago(), batchv1.JobTrackingFinalizer)
	try := checks.Step{
		Text:    "See what the API server says to an update of the pod; nothing is stored. If it is accepted, kube-controller-manager is what does not remove the finalizer: see its log:",
		Command: prose.Shell("kubectl label pod %s -n %s --dry-run=server canary=update", p.Name, p.Namespace),
	}
	switch told, tried := p.s.cluster.UpdateOf(p.Namespace); {
	case tried && told.Name != "":
		f.Message = what + ", because " + told.Name + " " + told.Does
		f.Evidence, f.Steps, f.Because = append(f.Evidence, told.Evidence...), told.Steps, []string{checks.WebhookBreaksPodUpdates}
	case tried:
		f.Message = what + ", which kube-controller-manager has not removed, though updates of pods are accepted"
		f.Evidence, f.Steps = append(f.Evidence, told.Evidence...), []checks.Step{try}
	default:
		f.Message = what + "; a webhook or policy makes the API server reject updates of the pod, or kube-controller-manager does not work"
		f.Steps = append([]checks.Step{try}, cluster.UpdateFix("the webhook")...)
	}
	return f
}
