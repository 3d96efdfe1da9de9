package pods

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// What a pod was made from is the nearest template: of its ReplicaSet, Revision or Job. The topmost owner is where
// to change it, but may look otherwise by now, and may not have been seen.

// nearest is the maker nearest to the pod whose template was seen; false where none was.
func (p subject) nearest() (maker, bool) {
	if len(p.makers) == 0 || p.makers[0].template == nil || len(p.makers[0].template.Spec.Containers) == 0 {
		return maker{}, false
	}
	return p.makers[0], true
}

// injected reports whether a webhook put a container into the pod: the template that the pod was made from does not
// have it, or whoever created the pod did not send it.
func (p subject) injected(name string) bool {
	if m, ok := p.nearest(); ok {
		found, _, _ := m.container(name)
		return found == nil
	}
	return facts.NotSent(&p.ObjectMeta, name)
}

// injectedEvidence is how that is known; none for a container that is not injected.
func (p subject) injectedEvidence(name string) []string {
	if !p.injected(name) {
		return nil
	}
	if m, ok := p.nearest(); ok {
		return []string{fmt.Sprintf("%s is not in the template of %s %s: an injector put it into the pod", name, m.resource, m.Name)}
	}
	return []string{fmt.Sprintf("%s is not in managedFields of pod %s: it was not sent, an injector put it into the pod", name, p.Name)}
}

// injectorSteps say where to change a container that no template has. A patch of the owner would add a second,
// broken container of that name to its template.
func (p subject) injectorSteps(c container, edits ...edit) []checks.Step {
	where := fmt.Sprintf("%s was not sent by whoever created the pod", c.Name)
	if m, ok := p.nearest(); ok {
		if top := p.target(); top.template != nil {
			m = top
		}
		where = fmt.Sprintf("%s is not in the template of %s %s/%s", c.Name, m.resource, m.Namespace, m.Name)
	}
	text := where + ": a webhook puts it into the pod, so the webhook's configuration has to change."
	return []checks.Step{{Text: text + injectorSwitches(c, edits)}}
}

// afterInjector says where else an injected server can have lost its restartPolicy; none for one that a template has.
func (p subject) afterInjector(c container) []checks.Step {
	if !p.injected(c.Name) {
		return nil
	}
	return []checks.Step{{
		Text:    "If the injector does send restartPolicy: Always, a webhook after it strips the field. See what each of them does:",
		Command: "kubectl sidecar webhooks",
	}}
}

// policyBefore reports whether a container was sent with restartPolicy Always, as far as that is known: by the
// nearest template, else by managedFields of the pod.
func (p subject) policyBefore(c container) (always, known bool) {
	if m, ok := p.nearest(); ok {
		found, _, _ := m.container(c.Name)
		return found != nil && facts.RestartsAlways(found), true
	}
	sent := len(facts.SentAlways(&p.ObjectMeta, c.Name)) > 0
	return sent, sent || facts.Sent(&p.ObjectMeta, c.Name) || facts.NotSent(&p.ObjectMeta, c.Name)
}

// movedFrom is the init container that has the restartPolicy which server c was meant to have, because a patch by
// index hit another container than its author meant; nil when nothing shows that.
func (p subject) movedFrom(c container) *container {
	wrong := p.misplaced(c)
	if wrong == nil {
		return nil
	}
	if always, known := p.policyBefore(*wrong); always || !known {
		return nil // it was sent like that
	}
	if p.lossOf(c) == nil && !p.injected(c.Name) {
		return nil
	}
	return wrong
}
