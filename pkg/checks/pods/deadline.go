package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// deadlineExceeded is the kubelet's reason for a pod that it ended because of activeDeadlineSeconds.
const deadlineExceeded = "DeadlineExceeded"

// heldToDeadline is how a pod was held open until its activeDeadlineSeconds were over: its work was done long before, and
// nothing but sidecars ran on. nil for any other pod.
func (p subject) heldToDeadline() *held {
	if p.Status.Phase != corev1.PodFailed || p.Status.Reason != deadlineExceeded || p.deleting() || p.retried() {
		return nil
	}
	last := lastEnd(slices.DeleteFunc(slices.Clone(p.mains), func(c container) bool { return c.ended() == nil }))
	killed := last.Add(-seconds(p.ownGrace()) - settle)
	h := &held{runner: p.runner()}
	for _, c := range p.mains {
		switch end := c.ended(); {
		case end == nil:
			return nil
		case end.FinishedAt.Time.Before(killed):
			h.done = append(h.done, c)
		default:
			h.running = append(h.running, c)
		}
	}
	if len(h.done) == 0 || len(h.running) == 0 || h.failed() != nil || len(h.silent()) > 0 || h.reader() != nil || p.work(h) != nil {
		return nil
	}
	h.since = ageOf(p.s.Snapshot, lastEnd(h.done))
	return h
}

func (p subject) deadlineFinding(h *held) *checks.Finding {
	c := h.blamed()
	deadline := "its deadline"
	if s := p.Spec.ActiveDeadlineSeconds; s != nil {
		deadline = fmt.Sprintf("its deadline (activeDeadlineSeconds: %d)", *s)
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("the pod failed at %s, though its work was done: %s exited %s (%s), and container %s, a regular one, kept the pod from completing until then",
			deadline, containerNames(h.done), h.since.ago(), exit(h.last().ended()), containerNames(h.running)),
		Steps: p.endingSteps(h, c),
	}
	for _, x := range slices.Concat(h.done, h.running) {
		f.Evidence = append(f.Evidence, p.ending(x)...)
	}
	for _, x := range h.running {
		f.Evidence = append(f.Evidence, software.Texts(sidecarSigns(x))...)
	}
	f.Evidence = append(f.Evidence, p.jobEvidence()...)
	return f
}
