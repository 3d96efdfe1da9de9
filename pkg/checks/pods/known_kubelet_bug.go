package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// A symptom of a bug is not proof of it: the kubelet's version must have it too.
var knownKubeletBug = podCheck(checks.Check{
	ID:    checks.KnownKubeletBug,
	Title: "pods are free of symptoms of known kubelet bugs",
	Uses:  slices.Concat(witnessed, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() {
		return nil, nil
	}
	if p.deleting() {
		return p.deletionBug()
	}
	for _, c := range p.all() {
		if f := p.bugged(c); f != nil {
			return f, nil
		}
		if gap := p.perhapsBugged(c); gap != nil {
			return nil, []facts.Gap{*gap}
		}
	}
	return nil, nil
})

// bugSigns tells, for some of kubeletBugs, by their pull request, how a pod looks that has met it.
// Each returns evidence, none when the container does not look like that.
var bugSigns = map[string]func(p subject, c container) []string{
	"kubernetes#133072":          neverStarted,
	"kubernetes#126543, #127162": stuckInCreated,
	"kubernetes#123323":          stuckTerminated,
	"kubernetes#137146":          notRestarted,
}

// bugged is the finding about a container that looks like a known bug of its kubelet; nil when the
// kubelet's version is not known.
func (p subject) bugged(c container) *checks.Finding {
	if p.node == nil || p.node.Version == nil {
		return nil
	}
	for _, b := range known.Bugs("kubelet") {
		look := bugSigns[b.Ref]
		if look == nil || !b.In(p.node.Version) {
			continue
		}
		evidence := look(p, c)
		if len(evidence) == 0 {
			continue
		}
		return &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("%s shows a known bug of kubelet %s (%s): %s", c.role(), p.node.Status.NodeInfo.KubeletVersion, b.Ref, b.Text),
			Evidence:  append(evidence, "node "+p.node.Name+": "+p.node.VersionEvidence(), "fixed in "+strings.Join(b.Fixed, ", ")),
			Steps: append([]checks.Step{
				p.recreateStep("Recreate the pod (a workaround: the bug can recur)"),
			}, cluster.NodeUpgrade(known.FirstWithout(known.Bugs("kubelet"), p.node.Version)+" or later", []cluster.Node{*p.node})...),
		}
	}
	return nil
}

// perhapsBugged names the bug that a container looks like where the version of its kubelet is not known; nil where it
// is, and for one that looks like none.
func (p subject) perhapsBugged(c container) *facts.Gap {
	if p.kubeletVersion() != nil {
		return nil
	}
	for _, b := range known.Bugs("kubelet") {
		if look := bugSigns[b.Ref]; look == nil || len(look(p, c)) == 0 {
			continue
		}
		gap := p.gap(facts.Nodes, fmt.Sprintf("whether %s has met a known bug of kubelet %s (%s: %s): the version on node %s is not known",
			c.role(), b.Versions(), b.Ref, b.Text, p.Spec.NodeName), facts.Do("see it:", p.versionCommand()))
		return &gap
	}
	return nil
}

// neverStarted: the startup probe of a sidecar that has exited once does not run again.
func neverStarted(p subject, c container) []string {
	if p.Spec.RestartPolicy != corev1.RestartPolicyNever || !c.sidecar() || c.StartupProbe == nil || !c.running() ||
		c.restarts() == 0 || started(c) || p.startedAt(c).below(min(budget(c.StartupProbe), settle)) {
		return nil
	}
	for _, e := range p.probeEvents(c, "Startup probe failed") {
		if at := eventTime(e); at.After(p.startedAt(c).at.Time) {
			return nil // it runs: the probe fails, not the kubelet
		}
	}
	return append([]string{"spec.restartPolicy: Never", p.stateEvidence(c), "startupProbe of " + c.Name + ": " + probeText(c.Container, c.StartupProbe)}, p.ending(c)...)
}

// stuckInCreated: an event says that the container was created, none that it was started.
func stuckInCreated(p subject, c container) []string {
	if !c.init || !p.hanging(c) {
		return nil
	}
	created, started := p.eventsAbout(c, "Created"), p.eventsAbout(c, "Started", "Failed")
	if len(created) == 0 || len(started) > 0 || !ageOf(p.s.Snapshot, eventTime(created[0])).atLeast(hangTime) {
		return nil
	}
	return append(newest(p.s.Snapshot, created, 1), waitingEvidence(c)...)
}

// stuckTerminated: a sidecar is always restarted, whatever the pod's restartPolicy.
func stuckTerminated(p subject, c container) []string {
	if p.Spec.RestartPolicy == corev1.RestartPolicyAlways || !c.sidecar() || c.status == nil || c.status.State.Terminated == nil ||
		!ageOf(p.s.Snapshot, c.status.State.Terminated.FinishedAt).atLeast(hangTime) || p.mainsDone() {
		return nil
	}
	return append([]string{"spec.restartPolicy: " + string(p.Spec.RestartPolicy)}, p.ending(c)...)
}

// notRestarted: a regular container that has exited and should have been restarted.
func notRestarted(p subject, c container) []string {
	probed := slices.ContainsFunc(p.sidecars(), func(x container) bool { return x.StartupProbe != nil && x.running() })
	if c.init || !probed || c.status == nil || c.status.State.Terminated == nil {
		return nil
	}
	end := c.status.State.Terminated
	if !p.restartsAfter(c, end.ExitCode) || !ageOf(p.s.Snapshot, end.FinishedAt).atLeast(hangTime) {
		return nil
	}
	return append([]string{"spec.restartPolicy: " + string(p.Spec.RestartPolicy)}, p.ending(c)...)
}

// mainsDone reports whether every regular container has exited.
func (p subject) mainsDone() bool {
	return !slices.ContainsFunc(p.mains, func(c container) bool { return c.status == nil || c.status.State.Terminated == nil })
}
