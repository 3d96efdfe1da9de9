package pods

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var sidecarStartRace = podCheck(checks.Check{
	ID:      "sidecar-start-race",
	Title:   "sidecars listen before the containers that need them start",
	Uses:    slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	r := p.startRace()
	if r == nil {
		return nil, nil
	}
	f := &checks.Finding{
		Container: r.early.Name,
		Message:   fmt.Sprintf("container %s exited (%s) because %s did not listen yet: nothing makes it wait", r.early.Name, exit(r.early.ended()), r.proxy.role()),
		Evidence:  slices.Concat([]string{r.proof}, p.ending(r.early), []string{p.startOf(r.proxy), r.listens()}),
		Steps:     p.raceSteps(r),
	}
	if h := p.held(); h != nil && slices.ContainsFunc(h.running, func(c container) bool { return c.Name == r.proxy.Name }) {
		what := "pod"
		if p.ofJob() {
			what = "Job"
		}
		f.Message += fmt.Sprintf(", and the %s is held open by %s, which still runs", what, r.proxy.Name)
	}
	return f, nil
})

// A race is a container that failed because it was too early for a sidecar.
type race struct {
	early, proxy container
	// proof is what shows it, port the one that was asked; 0 where that is not known.
	proof string
	port  int
	// byTimes is that the proof is only when what happened.
	byTimes bool
}

// startRace is the first race of a pod; nil when there is none, or it is history.
func (p subject) startRace() *race {
	if !p.mayRace() {
		return nil
	}
	for _, c := range p.mains {
		if !p.mayHaveRaced(c) {
			continue
		}
		if r := p.raced(c); r != nil {
			return r
		}
	}
	return nil
}

// mayRace reports whether a failure of the pod can be more than history.
func (p subject) mayRace() bool { return !p.deleting() && p.Status.Phase != corev1.PodSucceeded }

// gotOver reports whether the Job of a failed pod has got over the failure of a container: it is complete, or a later
// pod has, or runs for longer than one that is too early does.
func (p subject) gotOver(c container) bool {
	if j := p.job(); j != nil && j.Status.Succeeded > 0 {
		return true
	}
	if len(p.OwnerReferences) == 0 {
		return false
	}
	return slices.ContainsFunc(p.s.siblings[p.OwnerReferences[0].UID], func(o *corev1.Pod) bool {
		if o.Namespace != p.Namespace || !p.CreationTimestamp.Before(&o.CreationTimestamp) {
			return false
		}
		s := facts.ContainerStatusOf(o.Status.ContainerStatuses, c.Name)
		return o.Status.Phase == corev1.PodSucceeded || s != nil && s.State.Running != nil && !ageOf(p.s.Snapshot, s.State.Running.StartedAt).below(shortRun)
	})
}

// mayHaveRaced reports whether a regular container failed not long ago, and not again and again.
func (p subject) mayHaveRaced(c container) bool {
	if !c.failed() || software.Of(c.Container) != nil || p.Status.Phase == corev1.PodFailed && p.gotOver(c) {
		return false
	}
	if c.restarts() > fewRestarts && !(c.running() && c.status.Ready) {
		return false // it fails whether the sidecar listens or not
	}
	return !c.running() || ageOf(p.s.Snapshot, c.ended().FinishedAt).below(recent) // else it got over it: history
}

// raced is the sidecar that a container was too early for, with the proof: what it says itself, or else the times.
func (p subject) raced(c container) *race {
	said, silent := p.said(c)
	list := p.proxiesFor(c)
	for _, proxy := range list {
		if port, proof := refusedBy(said, c, proxy, list); proof != "" {
			return &race{early: c, proxy: proxy, proof: proof, port: port}
		}
	}
	for _, proxy := range list {
		if proof := endedTooSoon(c, proxy); silent && proof != "" {
			return &race{early: c, proxy: proxy, proof: proof, byTimes: true}
		}
	}
	return nil
}

// proxiesFor are the containers that one may have been too early for: nothing makes it wait for them, and they had not
// failed by then.
func (p subject) proxiesFor(c container) []container {
	return slices.DeleteFunc(p.all(), func(o container) bool {
		waited := o.init && !o.sidecar() || o.sidecar() && o.StartupProbe != nil
		crashed := o.failed() && !o.ended().FinishedAt.IsZero() && o.ended().FinishedAt.Before(&c.ended().FinishedAt)
		return o.Name == c.Name || waited || !o.ran() || crashed
	})
}

// endedTooSoon is that a container whose log was not seen exited right after the start of known software, which has
// not failed, and has run since; "" when it is not so.
func endedTooSoon(c, proxy container) string {
	begin, end := firstStart([]container{proxy}), c.ended().FinishedAt
	if software.Of(proxy.Container) == nil || proxy.failed() || !c.running() || c.restarts() > fewRestarts || begin.IsZero() || end.IsZero() {
		return ""
	}
	apart := end.Sub(begin)
	if apart >= headStart {
		return ""
	}
	return fmt.Sprintf("times: %s exited %s after %s was started, and has run since it was restarted; its log was not seen",
		c.Name, max(apart, 0).Round(time.Second), proxy.Name)
}

func (p subject) startOf(c container) string {
	return fmt.Sprintf("%s was started %s", c.Name, ageOf(p.s.Snapshot, metav1.NewTime(firstStart([]container{c}))).ago())
}

func (r *race) listens() string {
	switch ports, k := software.Ports(r.proxy.Container), software.Of(r.proxy.Container); {
	case len(ports) > 0:
		return fmt.Sprintf("%s listens on %s", r.proxy.Name, portText(ports))
	case k != nil:
		return fmt.Sprintf("%s is %s", r.proxy.Name, k.Name)
	}
	return fmt.Sprintf("%s declares no port, and no other container runs next to %s that could listen", r.proxy.Name, r.early.Name)
}

// raceSteps add a startup probe to a native sidecar, or make one of a regular container.
func (p subject) raceSteps(r *race) []checks.Step {
	proxy := r.proxy
	probe := p.probeOf(proxy, r.port)
	if proxy.sidecar() {
		return p.editWithProbe("Give it a startupProbe, so the next container starts only when it listens", proxy, probe, map[string]any{})
	}
	native := "Make it a native sidecar with a startupProbe, for which the next container waits"
	if !probe.known() {
		native = "Make it a native sidecar. It also needs a startupProbe: without one the next container does not wait until it listens"
	}
	if h := p.held(); h != nil { // others that are left would hold the pod still
		others := slices.DeleteFunc(h.sidecars(), func(c container) bool { return c.Name == proxy.Name })
		if len(others) > 0 {
			return p.moveAll(native+"; the same of "+containerNames(others)+", which would hold the pod open", h, append([]container{proxy}, others...), probe)
		}
	}
	return p.moveWithProbe(native, proxy, -1, probe)
}
