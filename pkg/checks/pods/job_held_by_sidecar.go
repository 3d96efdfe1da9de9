package pods

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var jobHeldBySidecar = podCheck(checks.Check{
	ID:      "job-held-by-sidecar",
	Title:   "every Job completes once its work is done",
	Uses:    slices.Concat(timed, []facts.Kind{facts.Jobs, facts.CronJobs, facts.CustomWorkloads, facts.Logs}),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if h := p.heldToDeadline(); h != nil {
		return p.deadlineFinding(h), nil
	}
	h := p.held()
	if h == nil {
		return nil, nil
	}
	limit := p.mayRunOn(h)
	certain := limit <= settle && !slices.ContainsFunc(h.running, func(c container) bool { return !software.AnyStrong(sidecarSigns(c)) })
	switch {
	case h.since.below(limit):
		return nil, nil // in progress
	case h.since.untold(limit) && !certain:
		return nil, p.noClock("container " + h.running[0].Name + " has run alone")
	}
	return p.heldFinding(h), nil
})

func (p subject) heldFinding(h *held) *checks.Finding {
	f := &checks.Finding{Container: h.blamed().Name, Message: p.heldMessage(h), Steps: p.heldSteps(h)}
	if p.startRace() != nil {
		f.Because = []string{sidecarStartRace.ID}
	}
	for _, c := range h.done {
		f.Evidence = append(f.Evidence, p.ending(c)...)
	}
	for _, c := range h.running {
		f.Evidence = append(f.Evidence, fmt.Sprintf("status of %s: running %s", c.Name, p.startedAt(c).words()))
	}
	for _, c := range h.running {
		f.Evidence = append(f.Evidence, software.Texts(sidecarSigns(c))...)
	}
	if c := h.failed(); c != nil {
		f.Evidence = append(f.Evidence, p.lastWords(*c, 3)...)
	}
	f.Evidence = append(f.Evidence, p.jobEvidence()...)
	return f
}

// blamed is the container that the answer is about: one that somebody else has to end, else the first without a sign
// of a sidecar, else the first.
func (h *held) blamed() container {
	if c := h.reader(); c != nil {
		return *c
	}
	return append(h.silent(), h.running...)[0]
}

// heldMessage says what holds the pod open, and how sure that is.
func (p subject) heldMessage(h *held) string {
	what := "pod"
	if p.ofJob() {
		what = "Job"
	}
	out := fmt.Sprintf("the %s is held open by container %s: %s exited %s (%s), and ",
		what, containerNames(h.running), containerNames(h.done), h.since.ago(), exit(h.last().ended()))
	switch silent := h.silent(); {
	case h.reader() != nil:
		return out + h.runner.Reads
	case len(silent) > 0:
		return fmt.Sprintf("%s%s, which shows no sign of a sidecar, still runs; if it is still at work, nothing is wrong", out, containerNames(silent))
	}
	return out + "a regular container that still runs keeps the " + what + " from completing"
}

// last is what the exit code is told of: what failed, else the first.
func (h *held) last() container {
	if c := h.failed(); c != nil {
		return *c
	}
	return h.done[0]
}

func containerNames(list []container) string {
	var out []string
	for _, c := range list {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

func (p subject) jobEvidence() []string {
	j := p.job()
	if j == nil {
		return nil
	}
	return []string{fmt.Sprintf("job %s: status.active: %d, succeeded: %d, failed: %d", j.Name, j.Status.Active, j.Status.Succeeded, j.Status.Failed)}
}

// heldSteps say how to end what holds the pod, and how to keep the next one from being held. What somebody else needs
// after the work is never made a native sidecar: that would be stopped before it is read.
func (p subject) heldSteps(h *held) []checks.Step {
	c := h.blamed()
	if h.reads(c) {
		return p.readerSteps(h, c)
	}
	var out []checks.Step
	if len(h.silent()) > 0 {
		out = append(out, checks.Step{Text: fmt.Sprintf("See whether %s is still at work; then there is nothing to do:", c.Name), Command: p.logsCommand(c)})
	}
	if h.runner != nil {
		return append(append(out, p.runnerSteps(h, c)...), p.stopSteps(c)...)
	}
	out = append(out, p.endingSteps(h, c)...)
	return append(out, p.stopSteps(c)...)
}

// endingSteps make native sidecars of what holds the pod: of all of it, since one that is left still does. One that the
// work needs, which the failure of the work may be a sign of, gets a startup probe too: without one the work is as early
// the next time.
func (p subject) endingSteps(h *held, c container) []checks.Step {
	list := h.sidecars()
	text := "Make it a native sidecar"
	switch {
	case len(list) > 1:
		text = "Make native sidecars of " + containerNames(list)
	case len(list) == 1 && list[0].Name != c.Name:
		text = "Make a native sidecar of " + list[0].Name
	case len(list) == 0:
		list, text = []container{c}, "If it is a sidecar, make it a native one"
	}
	text += ", which the kubelet stops when the last regular container has exited"
	c = list[0]
	var probe newProbe
	if failed := h.failed(); failed != nil {
		if probe = p.probeOf(c); probe.fields != nil {
			text += fmt.Sprintf(", with a startupProbe, for which %s waits", failed.Name)
		} else {
			text += fmt.Sprintf(". If %s needs it, it also needs a startupProbe, for which %s waits", failed.Name, failed.Name)
		}
	}
	var out []checks.Step
	if len(p.makers) == 0 {
		out = append(out, p.deleteStep("No controller ends this pod: delete it when its logs and files are not needed anymore"))
	}
	if step := p.injectedStep(c); step != nil && (len(p.makers) == 0 || p.target().template == nil) {
		return append(out, *step)
	}
	if len(p.makers) == 0 && h.failed() == nil {
		text += ". The work of this pod, which is done, runs a second time then"
	}
	return append(out, p.moveAll(text, h, list, probe)...)
}

// injectedStep says how the injector makes a native sidecar of what it injects; nil for what people write themselves.
func (p subject) injectedStep(c container) *checks.Step {
	k := software.Of(c.Container)
	if k == nil || !k.Injector || k.Native == "" {
		return nil
	}
	return &checks.Step{Text: fmt.Sprintf("A webhook puts %s into the pod; to have it as a native sidecar, which the kubelet stops when the work is done: %s.", c.Name, k.Native)}
}
