package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// unsignaledRef is the bug of kubelets that wait for the next sidecar to exit before they send SIGTERM to one, also
// when that next one does not run (kuberuntime_termination_order.go of 1.29.7). They write the event Killing
// before they wait: it is no proof that a signal was sent.
const unsignaledRef = "kubernetes#125935"

// unsignaledIssue is where it was reported.
const unsignaledIssue = "kubernetes#125880"

// An unsignaled is a running sidecar of a deleted pod, to which a kubelet with that bug does not send SIGTERM.
type unsignaled struct {
	sidecar, later container
	// certain is that later is a sidecar too. It was also reported of plain init containers, which the source
	// of the kubelet does not explain.
	certain bool
}

// unsignaled is nil for a pod that is not being deleted, or whose sidecars every kubelet stops. It does not look at
// the kubelet's version.
func (p subject) unsignaled() *unsignaled {
	if !p.deleting() || p.nodeGone() {
		return nil
	}
	var next *container // the sidecar after
	for i := len(p.inits) - 1; i >= 0; i-- {
		c := p.inits[i]
		if !c.sidecar() {
			continue
		}
		if next != nil && c.running() && p.wasDown(*next) {
			return &unsignaled{c, *next, true}
		}
		next = &p.inits[i]
	}
	last := slices.IndexFunc(p.inits, func(c container) bool { return c.sidecar() && c.running() })
	if last < 0 || slices.ContainsFunc(p.mains, container.ran) {
		return nil
	}
	for _, c := range p.inits[last+1:] {
		if !c.ran() && !c.sidecar() {
			return &unsignaled{p.inits[last], c, false}
		}
	}
	return nil
}

// wasDown reports whether a container did not run when the pod was deleted.
func (p subject) wasDown(c container) bool {
	if c.status == nil || c.running() {
		return false
	}
	end := c.ended()
	return end == nil || end.FinishedAt.Time.Before(p.deleted().at.Time)
}

// kubeletVersion is nil when it is not known.
func (p subject) kubeletVersion() *version.Version {
	if p.node == nil {
		return nil
	}
	return p.node.Version
}

func bugByRef(ref string) known.Bug {
	list := known.Bugs("kubelet")
	return list[slices.IndexFunc(list, func(b known.Bug) bool { return b.Ref == ref })]
}

// deletionBug is the answer of known-kubelet-bug about a pod that is being deleted.
func (p subject) deletionBug() (*checks.Finding, []facts.Gap) {
	u := p.unsignaled()
	if u == nil || !u.certain && p.deleted().below(quickly) {
		return nil, nil
	}
	switch v := p.kubeletVersion(); {
	case v == nil:
		return nil, []facts.Gap{p.unsignaledGap(*u)}
	case !bugByRef(unsignaledRef).In(v):
		return nil, nil
	case !u.certain && !p.deleted().atLeast(quickly):
		return nil, p.noClock("the pod has been terminating")
	}
	return p.unsignaledFinding(*u), nil
}

func (p subject) unsignaledFinding(u unsignaled) *checks.Finding {
	b, never := bugByRef(unsignaledRef), "never sends SIGTERM to"
	if !u.certain {
		never = "probably never sends SIGTERM to"
	}
	f := &checks.Finding{
		Container: u.sidecar.Name,
		Message: fmt.Sprintf("the pod was deleted %s and uses up its grace period of %ds: a bug of kubelet %s (%s) %s %s, because it waits for %s, which %s",
			p.deleted().ago(), p.grace(), p.node.Status.NodeInfo.KubeletVersion, unsignaledIssue, never, u.sidecar.role(), u.later.Name, whyDown(u.later)),
		Evidence: append([]string{p.deadline(), p.stateEvidence(u.sidecar)}, u.laterEvidence(p)...),
	}
	for _, line := range newest(p.s.Snapshot, p.eventsAbout(u.sidecar, "Killing"), 1) {
		f.Evidence = append(f.Evidence, line+" (the kubelet writes this before it waits: no proof of SIGTERM)")
	}
	f.Evidence = append(f.Evidence, "node "+p.node.Name+": "+p.node.VersionEvidence(), "fixed in "+strings.Join(b.Fixed, ", ")+" ("+b.Ref+")")
	if ageOf(p.s.Snapshot, *p.DeletionTimestamp).atLeast(settle) {
		f.Evidence = append(f.Evidence, "the grace period is over: the kubelet has killed the sidecar by now, so something else keeps the pod since: finalizers: "+prose.OrNone(strings.Join(p.Finalizers, ", ")))
	}
	f.Steps = append(p.waitOrForce(), cluster.NodeUpgrade(known.FirstWithout(known.Bugs("kubelet"), p.node.Version)+" or later", []cluster.Node{*p.node})...)
	return f
}

// waitOrForce is for a pod whose kubelet does not stop its sidecars. A shorter grace period does not help: that kubelet
// does not look up while it waits.
func (p subject) waitOrForce() []checks.Step {
	return []checks.Step{{
		Text: fmt.Sprintf("Wait until the grace period is over, at %s: then the kubelet kills the sidecar. To remove the pod from the API now, while the sidecar runs on until then:",
			p.DeletionTimestamp.UTC().Format(time.RFC3339)),
		Command: p.forceDelete(),
	}}
}

// unsignaledGap names the candidate where the kubelet's version is not known.
func (p subject) unsignaledGap(u unsignaled) facts.Gap {
	return p.gap(facts.Nodes, fmt.Sprintf("whether %s was sent SIGTERM: not by a kubelet of version %s (%s), and the version on node %s is not known",
		u.sidecar.role(), bugByRef(unsignaledRef).Versions(), unsignaledIssue, p.Spec.NodeName), facts.Do("see it:", p.versionCommand()))
}

func (p subject) versionCommand() string {
	return prose.Shell("kubectl get node %s -o wide", p.Spec.NodeName)
}

// oddUnsignaled is the state of a pod that has probably met that bug; "" where the version of its kubelet is known.
func (p subject) oddUnsignaled() (state string, next checks.Step) {
	u := p.unsignaled()
	if u == nil || p.kubeletVersion() != nil || p.deleted().below(quickly) {
		return "", next
	}
	state = fmt.Sprintf("the pod was deleted %s, before %s ran, and %s still runs: probably known-kubelet-bug (%s); certain if the kubelet of node %s is %s, which never sends it SIGTERM",
		p.deleted().ago(), u.later.Name, u.sidecar.role(), unsignaledIssue, p.Spec.NodeName, bugByRef(unsignaledRef).Versions())
	return state, checks.Step{Text: "See the version of the kubelet:", Command: p.versionCommand()}
}

func whyDown(c container) string {
	if c.ended() == nil {
		return "never started"
	}
	return "was not running"
}

func (u unsignaled) laterEvidence(p subject) []string {
	return append(waitingEvidence(u.later), p.ending(u.later)...)
}
