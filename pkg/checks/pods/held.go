package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A held pod is one whose work is done, as far as its regular containers show, and in which some of them still run.
type held struct {
	// done have exited and will not be started again, running still run; neither is empty.
	done, running []container
	// since is when the last of done exited.
	since age
	// runner is the software that made the pod; nil where that is not known.
	runner *known.Runner
}

// runsOn is a pod in which some regular containers have exited for good, and all others run; nil for any other.
func (p subject) runsOn() *held {
	if p.finished() || p.deleting() || p.Spec.RestartPolicy == corev1.RestartPolicyAlways {
		return nil
	}
	done, running, other := p.split(p.mains)
	if len(done) == 0 || len(running) == 0 || len(other) > 0 {
		return nil
	}
	return &held{done: done, running: running, since: ageOf(p.s.Snapshot, lastEnd(done)), runner: p.runner()}
}

// held is how a pod is held open; nil when it is not, or what runs is known to be the work. It says nothing of whether
// that is wrong yet: see mayRunOn.
func (p subject) held() *held {
	if h := p.runsOn(); h != nil && p.work(h) == nil {
		return h
	}
	return nil
}

// work is a running container that is known to do the work; nil when none is.
func (p subject) work(h *held) *container {
	if i := slices.IndexFunc(h.running, func(c container) bool { return p.works(h, c) }); i >= 0 {
		return &h.running[i]
	}
	return nil
}

// heldSoFar is what a pod waits for some of whose regular containers have exited: that the others do.
func (p subject) heldSoFar() *pending {
	h := p.runsOn()
	if h == nil || h.failed() != nil {
		return nil
	}
	w := &pending{wait: WaitContainer, since: h.since, next: p.logStep(h.running[0])}
	if c := p.work(h); c != nil { // how long that takes, only it knows
		w.container, w.since, w.next = c.Name, p.startedAt(*c), p.logStep(*c)
		w.state = fmt.Sprintf("container %s has exited, and container %s, which does the work, still runs", containerNames(h.done), c.Name)
		return w
	}
	w.container, w.allowed, w.limit = h.blamed().Name, p.mayRunOn(h), usually
	w.state = fmt.Sprintf("container %s has exited, and container %s still runs", containerNames(h.done), containerNames(h.running))
	if len(h.silent()) > 0 {
		w.state += "; does it exit on its own?"
		w.limit = noBudget
	}
	return w
}

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

// over reports whether a container has exited and will not be started again.
func (p subject) over(c container) bool {
	return c.status != nil && c.status.State.Terminated != nil && !p.restartsAfter(c, c.status.State.Terminated.ExitCode)
}

func lastEnd(list []container) metav1.Time {
	var out metav1.Time
	for _, c := range list {
		out = later(out, c.ended().FinishedAt)
	}
	return out
}

// works reports whether a running container is known to be the work itself, rather than what runs next to it.
func (p subject) works(h *held, c container) bool {
	if h.reads(c) || len(sidecarSigns(c)) > 0 {
		return false
	}
	isServer := func(c container) bool { return software.Of(c.Container) != nil }
	return h.runner != nil && h.runner.Works(c.Name) || p.namesake(c) || !slices.ContainsFunc(h.done, func(c container) bool { return !isServer(c) }) ||
		p.exitsElsewhere(c)
}

// namesake reports whether a container is called as what it is part of: such a one does the work.
func (p subject) namesake(c container) bool {
	return c.Name == "main" || c.Name == p.Name || slices.ContainsFunc(p.makers, func(m maker) bool { return m.Name == c.Name })
}

// exitsElsewhere reports whether a container is known to exit in the end: another pod of the same owner has completed.
func (p subject) exitsElsewhere(c container) bool {
	if j := p.job(); j != nil && j.Status.Succeeded > 0 {
		return true
	}
	if len(p.OwnerReferences) == 0 {
		return false
	}
	return slices.ContainsFunc(p.s.siblings[p.OwnerReferences[0].UID], func(o *corev1.Pod) bool {
		s := facts.ContainerStatusOf(o.Status.ContainerStatuses, c.Name)
		return o.Namespace == p.Namespace && o.Status.Phase == corev1.PodSucceeded && s != nil && s.State.Terminated != nil
	})
}

// runner is the software that made the pod, where it has a hand in how the pod ends.
func (p subject) runner() *known.Runner {
	var owners []string
	for _, ref := range p.OwnerReferences {
		group, _, _ := strings.Cut(ref.APIVersion, "/")
		owners = append(owners, ref.Kind+"."+group)
	}
	if r := known.RunnerOf(owners, p.Labels); r != nil {
		return r
	}
	for _, c := range p.mains {
		if r := known.RunnerReading(c.Name); r != nil {
			return r
		}
	}
	return nil
}

// reads reports whether the software that made the pod needs a container after the work.
func (h *held) reads(c container) bool {
	return h.runner != nil && slices.Contains(h.runner.Readers, c.Name)
}

// reader is the running container that somebody needs after the work; nil when there is none.
func (h *held) reader() *container {
	if i := slices.IndexFunc(h.running, h.reads); i >= 0 {
		return &h.running[i]
	}
	return nil
}

// silent are the running containers without any sign that they are more than a part of the work.
func (h *held) silent() []container {
	return slices.DeleteFunc(slices.Clone(h.running), func(c container) bool { return h.reads(c) || len(sidecarSigns(c)) > 0 })
}

// sidecars are the running containers that look like one.
func (h *held) sidecars() []container {
	return slices.DeleteFunc(slices.Clone(h.running), func(c container) bool { return h.reads(c) || len(sidecarSigns(c)) == 0 })
}

// failed is the first container that exited with an error; nil when the work is done.
func (h *held) failed() *container {
	if i := slices.IndexFunc(h.done, container.failed); i >= 0 {
		return &h.done[i]
	}
	return nil
}

// mayRunOn is how long a pod may be held open before that is wrong: a sidecar that is told to stop takes seconds, and
// what shows no sign of one may still be at work.
func (p subject) mayRunOn(h *held) time.Duration {
	switch {
	case len(h.silent()) > 0 || h.reader() != nil || h.runner != nil && h.runner.Stops != "":
		return hangTime
	case p.endsSidecars():
		return settle
	}
	return soonStopped
}

// sidecarSigns are why a container that still runs is taken for a sidecar: those of a server, and what people call it.
func sidecarSigns(c container) []software.Sign {
	out := software.Signs(c.Container)
	if len(out) == 0 && c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		out = append(out, software.Sign{Text: fmt.Sprintf("%s has a preStop hook", c.Name), Strong: true})
	}
	if software.HasEnv(c.Container, "KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT") {
		out = append(out, software.Sign{Text: fmt.Sprintf("%s has env KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT", c.Name), Strong: true})
	}
	if m := software.SidecarNames.FindString(c.Name); m != "" && len(out) == 0 {
		out = append(out, software.Sign{Text: fmt.Sprintf("the name of container %s is one of a sidecar", c.Name), Strong: false})
	}
	return out
}
