package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Groups of what checks on pods read; only the pods themselves are indispensable. What the absence of
// another kind costs a check says itself, pod by pod.
var (
	// owned is for fixes, which change the topmost owner.
	owned = []facts.Kind{
		facts.Deployments, facts.ReplicaSets, facts.StatefulSets, facts.DaemonSets, facts.Jobs, facts.CronJobs, facts.CustomWorkloads,
	}
	timed     = []facts.Kind{facts.Clock}
	witnessed = []facts.Kind{facts.Clock, facts.Events}
)

// A rule is a check on pods.
type rule = checks.Rule[*scene]

// podCheck makes a rule of a question to each pod. Its answer is a finding, or nil. gaps is what
// was missing to answer. uses is what the question reads besides the pods; it judges itself what their
// absence costs.
func podCheck(c checks.Check, ask question) rule {
	c.Severity, c.Category = checks.Error, checks.Pods
	if onClusters, ok := cluster.ByID(c.ID); ok {
		c.Severity = onClusters.Severity // one id, one page
	}
	c.Needs = []facts.Kind{facts.Pods}
	return rule{Check: c, Run: func(sc *scene) checks.Outcome {
		var o checks.Outcome
		list := sc.subjects()
		for _, p := range list {
			f, gaps := p.answer(ask)
			if f != nil {
				f.Object = p.object()
				f.Evidence = slices.Concat(f.Evidence, p.unreadOwner(), p.skewEvidence())
			}
			switch {
			case f != nil && f.CertainIf != nil:
				o.Candidates = append(o.Candidates, *f)
			case f != nil:
				o.Findings = append(o.Findings, *f)
			}
			if f == nil && len(gaps) == 0 && slices.Contains(c.Uses, facts.Clock) && p.ahead() {
				gaps = p.noClock("the pod has been so")
			}
			o.Missing = append(o.Missing, gaps...)
		}
		o.Tried = prose.Counted(len(list), "pod")
		o.AddUnread(sc.Snapshot, c.Reads())
		return o
	}}
}

// unreadOwner says that the object to change is perhaps not the one that a fix names: its own owner, if it
// has one, is not known.
func (p subject) unreadOwner() []string {
	if len(p.makers) == 0 || p.makers[len(p.makers)-1].meta != nil {
		return nil
	}
	m := p.makers[len(p.makers)-1]
	for _, g := range p.s.Gaps {
		if g.Instance == (facts.Instance{Kind: m.Kind, Namespace: m.Namespace, Name: m.Name}) {
			return []string{fmt.Sprintf("not known: whether %s %s has an owner, which would be the one to change: %s", m.resource, m.Name, prose.OneLine(g.Reason))}
		}
	}
	return nil
}

// instance is the pod, for gaps about it.
func (p subject) instance() facts.Instance { return facts.PodInstance(p.Namespace, p.Name) }

// gap is what of a kind is missing to judge the pod.
func (p subject) gap(kind facts.Kind, reason string, remedy facts.Remedy) facts.Gap {
	return facts.NewGap(kind, p.instance(), reason, remedy)
}

// noClock is the gap of a pod whose state would say something if it were known how long it lasts.
func (p subject) noClock(what string) []facts.Gap {
	if !p.ahead() {
		return []facts.Gap{p.gap(facts.Clock, "when the file was taken is not known, and with it how long "+what, facts.HowToGet(facts.Clock))}
	}
	nodes := "the nodes"
	if p.Spec.NodeName != "" {
		nodes = "node " + p.Spec.NodeName
	}
	return []facts.Gap{p.gap(facts.Clock,
		"times of the pod lie in the future, because a clock is wrong; how long "+what+" is not known",
		facts.Do("compare the clocks of "+nodes+" and of the control plane (timedatectl), correct them, and recreate the pod"))}
}

// ahead reports whether the times of a pod that is not where it will stay lie in the future: they are of the
// kubelet's clock, and nothing can be said to be young or to last by one that is ahead.
func (p subject) ahead() bool {
	if p.s.TakenAt.IsZero() || p.finished() || facts.PodSettled(p.Pod) {
		return false
	}
	newest := (&facts.Snapshot{Pods: []corev1.Pod{*p.Pod}, Events: p.events()}).NewestTime()
	return p.s.Age(newest) < -tolerated
}

// noEvents is the gap of a pod whose state only events explain; none when events were read.
func (p subject) noEvents(what string) []facts.Gap {
	gaps := checks.Unread(p.s.Snapshot, facts.Events)
	for i, g := range gaps {
		gaps[i] = p.gap(facts.Events, what+": "+g.Reason, g.HowToClose())
	}
	return gaps
}
