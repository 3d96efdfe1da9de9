package pods

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var jobHeldBySidecar = podCheck(checks.Check{
	ID:      "job-held-by-sidecar",
	Title:   "every Job completes once its work is done",
	Uses:    slices.Concat(timed, []facts.Kind{facts.Jobs, facts.CronJobs, facts.CustomWorkloads}),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() || p.Spec.RestartPolicy == corev1.RestartPolicyAlways || !p.ofJob() {
		return nil, nil
	}
	done, running, other := p.split(p.mains)
	if len(done) == 0 || len(running) == 0 || len(other) > 0 {
		return nil, nil
	}
	since := ageOf(p.s.Snapshot, lastEnd(done))
	for _, c := range running {
		list := signs(c.Container)
		if len(list) == 0 || since.below(young(list)) {
			return nil, nil // may be at work
		}
		if since.untold(young(list)) && !strong(list) {
			return nil, p.noClock("container " + c.Name + " has run alone")
		}
	}
	return p.heldFinding(done, running, since), nil
})

// split separates the containers that have exited and will not be started again, those that run, and all others.
func (p subject) split(list []container) (done, running, other []container) {
	for _, c := range list {
		switch {
		case c.running():
			running = append(running, c)
		case p.over(c):
			done = append(done, c)
		default:
			other = append(other, c)
		}
	}
	return done, running, other
}

func (p subject) heldFinding(done, running []container, since age) *checks.Finding {
	f := &checks.Finding{
		Container: running[0].Name,
		Message: fmt.Sprintf("the Job is held open by container %s: %s exited %s (%s), and a regular container that still runs keeps the Job from completing",
			containerNames(running), containerNames(done), since.ago(), exit(done[0].ended())),
		Steps: p.moveSteps("Make it a native sidecar, which the kubelet stops when the last regular container has exited", running[0], -1, nil),
	}
	for _, c := range done {
		f.Evidence = append(f.Evidence, p.ending(c)...)
	}
	for _, c := range running {
		f.Evidence = append(f.Evidence, fmt.Sprintf("status of %s: running %s", c.Name, p.startedAt(c).words()))
	}
	for _, c := range running {
		f.Evidence = append(f.Evidence, texts(signs(c.Container))...)
	}
	f.Evidence = append(f.Evidence, p.jobEvidence()...)
	f.Steps = append(f.Steps, p.stopSteps(running[0])...)
	return f
}

// over reports whether a container has exited and will not be started again.
func (p subject) over(c container) bool {
	return c.status != nil && c.status.State.Terminated != nil &&
		(c.status.State.Terminated.ExitCode == 0 || p.Spec.RestartPolicy == corev1.RestartPolicyNever)
}

func lastEnd(list []container) metav1.Time {
	var out metav1.Time
	for _, c := range list {
		if at := c.ended().FinishedAt; out.Before(&at) {
			out = at
		}
	}
	return out
}

func containerNames(list []container) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

func (p subject) jobEvidence() []string {
	i := slices.IndexFunc(p.s.Jobs, func(j batchv1.Job) bool { return j.Namespace == p.Namespace && j.Name == p.makers[0].Name })
	if i < 0 {
		return nil
	}
	status := p.s.Jobs[i].Status
	return []string{fmt.Sprintf("job %s: status.active: %d, succeeded: %d, failed: %d", p.makers[0].Name, status.Active, status.Succeeded, status.Failed)}
}
