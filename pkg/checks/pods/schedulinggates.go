package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// heldBack is the finding about a pod that the scheduler does not look at before somebody has removed its scheduling
// gates; nil for one that has none, or that is young: a controller may be about to.
func (p subject) heldBack() (*checks.Finding, []facts.Gap) {
	if len(p.Spec.SchedulingGates) == 0 || p.Spec.NodeName != "" || p.finished() || p.deleting() {
		return nil, nil
	}
	switch age := p.born(); {
	case age.untold(settle):
		return nil, p.noClock("the pod has been held back by scheduling gate " + p.Spec.SchedulingGates[0].Name)
	case !age.atLeast(settle):
		return nil, nil
	}
	f := &checks.Finding{Evidence: []string{"spec.schedulingGates: " + strings.Join(p.schedulingGates(), ", ")}}
	if c := facts.PodConditionOf(p.Pod, corev1.PodScheduled); c != nil && c.Reason != "" {
		f.Evidence = append(f.Evidence, fmt.Sprintf("condition PodScheduled: %s, %s: %s", c.Status, c.Reason, prose.OneLine(c.Message)))
	}
	noun, it := "scheduling gate ", "it"
	if len(p.Spec.SchedulingGates) > 1 {
		noun, it = "scheduling gates ", "them"
	}
	var who string
	for i, name := range p.schedulingGates() {
		remover, evidence := p.gateOwner(name, it)
		f.Evidence = append(f.Evidence, evidence...)
		if i == 0 {
			who = remover
		}
	}
	f.Message = fmt.Sprintf("the pod is held back by %s%s, %s: the scheduler does not look at it until %s", noun, strings.Join(p.schedulingGates(), ", "), p.born().words(), who)
	f.Steps = p.gateSteps()
	return f, nil
}

func (p subject) schedulingGates() []string {
	var out []string
	for _, g := range p.Spec.SchedulingGates {
		out = append(out, g.Name)
	}
	return out
}

// gateOwner says who should remove a scheduling gate, as the rest of a sentence after "until", and how that is known.
func (p subject) gateOwner(name, it string) (who string, evidence []string) {
	if k := known.SchedulingGateOf(name); k != nil {
		return fmt.Sprintf("%s removes %s, %s", k.Software, it, k.Removes), []string{fmt.Sprintf("%s is a scheduling gate of %s", name, k.Software)}
	}
	for _, m := range slices.Backward(p.makers) {
		if m.template == nil || !slices.Contains(m.template.Spec.SchedulingGates, corev1.PodSchedulingGate{Name: name}) {
			continue
		}
		object := m.resource + " " + m.Name
		evidence = append(evidence, fmt.Sprintf("%s has it in its template", object))
		if m.meta != nil {
			if set, line := p.gateManager(m.meta, object, name); set != "" {
				return fmt.Sprintf("somebody removes %s: ask whoever wrote the template of %s as %s", it, object, set), append(evidence, line)
			}
		}
		return fmt.Sprintf("somebody removes %s: ask whoever wrote the template of %s", it, object), evidence
	}
	if set, line := p.gateManager(&p.ObjectMeta, "pod "+p.Name, name); set != "" {
		return fmt.Sprintf("%s, which set %s, removes %s", set, it, it), append(evidence, line)
	}
	domain, _, found := strings.Cut(name, "/")
	if !found {
		return fmt.Sprintf("whoever set %s removes %s", it, it), evidence
	}
	if facts.ContainersSent(&p.ObjectMeta) {
		evidence = append(evidence, fmt.Sprintf("%s is not in managedFields of pod %s: a webhook set it", name, p.Name))
	}
	return fmt.Sprintf("the software of %s removes %s", domain, it), evidence
}

// gateManager is who wrote a scheduling gate into an object, and the proof; "" where managedFields do not tell.
func (p subject) gateManager(m *metav1.ObjectMeta, object, name string) (who, evidence string) {
	for _, e := range facts.GateManagers(m, name) {
		return fmt.Sprintf("%q", e.Manager), fmt.Sprintf("managedFields of %s: manager %q (%s, %s) set scheduling gate %s",
			object, e.Manager, e.Operation, ageOf(p.s.Snapshot, timeOf(e.Time)).ago(), name)
	}
	return "", ""
}

func (p subject) gateSteps() []checks.Step {
	var out []checks.Step
	for _, name := range p.schedulingGates() {
		k := known.SchedulingGateOf(name)
		switch {
		case k != nil && k.Look != "":
			out = append(out, checks.Step{Text: fmt.Sprintf("See what %s waits for:", k.Software), Command: prose.Shell("kubectl describe %s -n %s", k.Look, p.Namespace)})
		case k != nil:
			out = append(out, checks.Step{Text: fmt.Sprintf("See in the logs of %s why it has not.", k.Software)})
		default:
			out = append(out, checks.Step{Text: fmt.Sprintf("Find the controller that removes %s, and see in its log why it has not. It has to run, and to be allowed to update pods.", name)})
		}
	}
	patch, gates := []op{{Op: "remove", Path: "/spec/schedulingGates"}}, "them"
	if len(p.Spec.SchedulingGates) == 1 {
		at := "/spec/schedulingGates/0"
		patch, gates = []op{{Op: "test", Path: at + "/name", Value: p.Spec.SchedulingGates[0].Name}, {Op: "remove", Path: at}}, "it"
	}
	return append(out, checks.Step{
		Text:    fmt.Sprintf("If nobody is to remove %s, remove %s from the pod; what the pod was to wait for is skipped then:", gates, gates),
		Command: prose.Shell("kubectl patch pod %s -n %s --type=json -p %s", p.Name, p.Namespace, encode(patch)),
	})
}
