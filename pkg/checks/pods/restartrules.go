package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// restartsAfter reports whether the kubelet starts a container again that has exited with a code. From 1.34 on (gate
// ContainerRestartRules) a container may have a restartPolicy of its own, and rules by exit code before it, which then count
// instead of the pod's (ContainerShouldRestart in pkg/api/v1/pod/util.go of 1.36). Only on an init container does
// Always make a sidecar.
func (p subject) restartsAfter(c container, code int32) bool {
	policy := string(p.Spec.RestartPolicy)
	if c.RestartPolicy != nil {
		if restartRule(c.Container, code) {
			return true
		}
		policy = string(*c.RestartPolicy)
	}
	switch {
	case policy == string(corev1.RestartPolicyNever):
		return false
	case policy == string(corev1.RestartPolicyOnFailure), c.init && !c.sidecar():
		return code != 0
	}
	return true
}

// policyOf is the restartPolicy that decides about a container, as a clause's subject.
func (p subject) policyOf(c container) string {
	if c.RestartPolicy != nil {
		return "its own restartPolicy: " + string(*c.RestartPolicy)
	}
	return "restartPolicy: " + string(p.Spec.RestartPolicy)
}

// restartRule reports whether the first rule that fits an exit code restarts the container.
func restartRule(c *corev1.Container, code int32) bool {
	action := ruleFor(c, code)
	return action == corev1.ContainerRestartRuleActionRestart || action == corev1.ContainerRestartRuleActionRestartAllContainers
}

// ruleFor is what the first rule that fits an exit code does; "" where none fits.
func ruleFor(c *corev1.Container, code int32) corev1.ContainerRestartRuleAction {
	for _, r := range c.RestartPolicyRules {
		if r.ExitCodes == nil {
			continue
		}
		in := slices.Contains(r.ExitCodes.Values, code)
		if in == (r.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn) {
			return r.Action
		}
	}
	return ""
}

// restartsAll reports whether a container exited in a way for which its rules have all containers of the pod restarted.
func (c container) restartsAll() bool {
	end := c.ended()
	return end != nil && ruleFor(c.Container, end.ExitCode) == corev1.ContainerRestartRuleActionRestartAllContainers
}

// restartedBy is the container whose rules had this one stopped and started again, with all others of the pod; nil where
// it exited on its own.
func (p subject) restartedBy(c container) *container {
	end := c.ended()
	if end == nil || c.restartsAll() {
		return nil
	}
	within := seconds(p.ownGrace()) + rounding
	for _, other := range p.all() {
		if other.Name == c.Name || !other.restartsAll() {
			continue
		}
		if later := end.FinishedAt.Sub(other.ended().FinishedAt.Time); later >= -rounding && later <= within {
			return &other
		}
	}
	return nil
}

// restarter is the regular container of a pod that is meant to complete whose own restartPolicy does not let it: the
// kubelet starts it again whenever it exits. dropped is that the API server does not have the field, which was sent.
func (p subject) restarter() (c *container, dropped bool) {
	if p.finished() || p.deleting() || p.Spec.RestartPolicy == corev1.RestartPolicyAlways {
		return nil, false
	}
	for i, c := range p.mains {
		if facts.RestartsAlways(c.Container) {
			return &p.mains[i], false
		}
		if c.RestartPolicy == nil && len(facts.SentRegularPolicy(&p.ObjectMeta, c.Name)) > 0 {
			return &p.mains[i], true
		}
	}
	return nil, false
}

// regularFinding is about a regular container that was meant to be a sidecar, or to be started again, and keeps its
// pod from completing; nil while the others are at work.
func (p subject) regularFinding() *checks.Finding {
	c, dropped := p.restarter()
	if c == nil {
		return nil
	}
	others := slices.DeleteFunc(slices.Clone(p.mains), func(x container) bool { return x.Name == c.Name })
	if slices.ContainsFunc(others, func(x container) bool { return !p.over(x) }) {
		return nil
	}
	if len(others) == 0 {
		return p.aloneFinding(*c, dropped)
	}
	if p.over(*c) {
		return nil
	}
	field := "restartPolicy: Always is on container " + c.Name + ", a regular one, where it makes no sidecar"
	if dropped {
		field = "restartPolicy was sent on container " + c.Name + ", a regular one, where it makes no sidecar, and was dropped"
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("%s: the %s cannot complete while %s runs; %s exited %s (%s)", field, p.unit(), c.Name,
			containerNames(others), ageOf(p.s.Snapshot, lastEnd(others)).ago(), exit(others[0].ended())),
		Evidence: p.policyEvidence(*c, dropped),
	}
	for _, x := range others {
		f.Evidence = append(f.Evidence, p.ending(x)...)
	}
	var probe newProbe
	if slices.ContainsFunc(others, func(x container) bool { return x.ended().ExitCode != 0 }) {
		probe = p.probeOf(*c) // the work may have been too early for it
	}
	f.Steps = p.moveWithProbe("Move it to initContainers, where restartPolicy: Always makes a native sidecar, which the kubelet stops when the work is done", *c, -1, probe)
	return f
}

// aloneFinding: the work itself is started again after it has succeeded.
func (p subject) aloneFinding(c container, dropped bool) *checks.Finding {
	end := c.ended()
	if dropped || end == nil || end.ExitCode != 0 {
		return nil
	}
	return &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("container %s has restartPolicy: Always of its own: the kubelet starts it again after it has succeeded, so the %s never completes",
			c.Name, p.unit()),
		Evidence: append(p.policyEvidence(c, false), p.ending(c)...),
		Steps:    p.editSteps("Remove its restartPolicy, so the pod's counts", c, edit{c.Name, map[string]any{"restartPolicy": nil}}),
	}
}

// unit is what is meant to complete.
func (p subject) unit() string {
	if p.ofJob() {
		return "Job"
	}
	return "pod"
}

func (p subject) policyEvidence(c container, dropped bool) []string {
	pod := "spec.restartPolicy: " + string(p.Spec.RestartPolicy)
	if !dropped {
		out := []string{fmt.Sprintf("spec.containers[name=%q].restartPolicy: Always", c.Name), pod}
		if c.running() {
			out = append(out, p.stateEvidence(c))
		}
		return out
	}
	e := facts.SentRegularPolicy(&p.ObjectMeta, c.Name)[0]
	return []string{
		fmt.Sprintf("managedFields of pod %s: manager %q (%s, %s) sent f:containers k:{\"name\":%q} f:restartPolicy", p.Name, e.Manager, e.Operation,
			ageOf(p.s.Snapshot, timeOf(e.Time)).ago(), c.Name),
		fmt.Sprintf("pod %s has no spec.containers[name=%q].restartPolicy: before 1.35 the API server drops it there, unless its gate ContainerRestartRules is on", p.Name, c.Name), pod,
	}
}
