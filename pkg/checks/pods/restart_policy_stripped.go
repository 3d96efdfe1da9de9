package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The API server notes who wrote which field before it calls webhooks, and before it drops a field
// whose gate is off: the note outlives the field, and proves that it was sent.
var restartPolicyStripped = rule{
	Check: checks.Check{
		ID:       "restart-policy-stripped",
		Title:    "init containers keep the restartPolicy they were sent with",
		Severity: checks.Error,
		Category: checks.Pods,
		Needs:    []facts.Kind{facts.Pods},
		Uses:     slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}, cluster.StripperNeeds),
	},
	Run: func(s *scene) checks.Outcome {
		list := s.subjects()
		o := checks.Outcome{Tried: prose.Counted(len(list), "pod")}
		for _, p := range list {
			if !p.starting() {
				continue
			}
			for _, c := range p.inits {
				if l := p.lossOf(c); l != nil && !c.passed() && p.movedFrom(c) == nil {
					o.Findings = append(o.Findings, p.strippedFinding(c, *l))
					break
				}
			}
		}
		for _, refusal := range s.refusals() {
			if cause, _ := refusal.Cause(); cause == facts.CauseStripped {
				o.Findings = append(o.Findings, refusedFinding(s, refusal))
			}
		}
		o.AddUnread(s.Snapshot, slices.Concat(witnessed, owned, cluster.StripperNeeds))
		var namespaces []string
		for _, f := range o.Findings {
			namespaces = prose.AddOnce(namespaces, f.Object.Namespace)
		}
		o.Missing = append(o.Missing, s.cluster.Unanswered(namespaces)...)
		return o
	},
}

// A loss is an init container that was meant to be a native sidecar, and is not.
type loss struct {
	evidence []string
	// kept is the last object that has the field; "" when none has.
	kept string
	// lost is the first that lacks it.
	lost place
	// pruned is that the first one is of a custom kind.
	pruned bool
	// injected is that a webhook put the container into the pod.
	injected bool
}

// A place is an object on the way of a field, as kubectl names it; name is empty for a pod that was
// never created.
type place struct{ resource, name string }

func (p place) String() string {
	if p.name == "" {
		return "the " + p.resource
	}
	return p.resource + " " + p.name
}

// lossOf is nil for an init container that is as it was sent, as far as can be seen.
func (p subject) lossOf(c container) *loss {
	if !c.init || c.RestartPolicy != nil { // from 1.35 on it may be another one
		return nil
	}
	var l loss
	for _, e := range facts.SentAlways(&p.ObjectMeta, c.Name) {
		l.evidence = append(l.evidence, wroteField("pod "+p.Name, c.Name, e.Manager, string(e.Operation), ageOf(p.s.Snapshot, timeOf(e.Time)).ago()))
	}
	l.lost = place{"pod", p.Name}
	for _, m := range p.makers {
		found, init, _ := m.container(c.Name)
		if found == nil || !init {
			break
		}
		name := m.resource + " " + m.Name
		if facts.RestartsAlways(found) {
			l.kept = name
			l.evidence = append(l.evidence, fmt.Sprintf("%s has initContainers[name=%q].restartPolicy: Always in its template", name, c.Name))
			break
		}
		l.lost, l.pruned = place{m.resource, m.Name}, m.custom
		for _, e := range facts.SentAlways(m.meta, c.Name) {
			l.evidence = append(l.evidence, wroteField(name, c.Name, e.Manager, string(e.Operation), ageOf(p.s.Snapshot, timeOf(e.Time)).ago()))
		}
		if slices.Contains(p.s.applied(m), c.Name) {
			l.evidence = append(l.evidence, fmt.Sprintf("%s was applied with restartPolicy: Always on %s (annotation %s)", name, c.Name, facts.LastAppliedAnnotation))
		}
	}
	if len(l.evidence) == 0 {
		l.addInjected(p, c)
	}
	if len(l.evidence) == 0 {
		return nil
	}
	l.evidence = append(l.evidence, fmt.Sprintf("pod %s has no spec.initContainers[name=%q].restartPolicy", p.Name, c.Name))
	return &l
}

// addInjected recognizes a sidecar that a webhook put into the pod. managedFields have no note of what
// webhooks do; but an injector that knows native sidecars puts its proxy among the init containers
// only as one, and what is there without the field has lost it to somebody after the injector.
func (l *loss) addInjected(p subject, c container) {
	k := software.Of(c.Container)
	if k == nil || !k.Injector || !p.injected(c.Name) {
		return
	}
	l.injected = true
	l.evidence = append(p.injectedEvidence(c.Name), fmt.Sprintf("the injector of %s puts it among the init containers only with restartPolicy: Always", k.Name))
	seen := []string{k.ID}
	for _, other := range p.all() {
		o := known.SidecarOf(other.Name, facts.ImageName(other.Image))
		if o == nil || slices.Contains(seen, o.ID) || !o.Injector || !p.injected(other.Name) {
			continue
		}
		seen = append(seen, o.ID)
		l.evidence = append(l.evidence, fmt.Sprintf("%s was injected too, by the injector of %s (image %s): that one may have stripped the field", other.Name, o.Name, other.Image))
	}
}

func wroteField(object, container, manager, operation, ago string) string {
	return fmt.Sprintf("managedFields of %s: manager %q (%s, %s) sent f:initContainers k:{\"name\":%q} f:restartPolicy", object, manager, operation, ago, container)
}

// applied is the init containers that had restartPolicy Always when an object was last applied.
func (s *scene) applied(m maker) []string {
	if m.meta == nil {
		return nil
	}
	for i := range s.CustomWorkloads {
		if c := &s.CustomWorkloads[i]; c.Kind == m.Kind && c.Namespace == m.Namespace && c.Name == m.Name {
			return c.Applied
		}
	}
	return facts.AppliedAlways(m.meta)
}

func (p subject) strippedFinding(c container, l loss) checks.Finding {
	since := p.born().words()
	if c.running() {
		since = p.startedAt(c).words()
	}
	where := "the stored " + l.lost.String() + " lacks it"
	if l.kept != "" {
		where = l.kept + " has it, " + l.lost.String() + " lacks it"
	}
	f := checks.Finding{Object: p.object(), Container: c.Name, Evidence: l.evidence}
	if l.pruned {
		f.Message = fmt.Sprintf("%s was sent with restartPolicy: Always, but %s: the pod waits forever for it to exit, %s", c.Name, where, since)
		f.Steps = []checks.Step{{Text: fmt.Sprintf("Make the CRD of %s keep the field. How:", l.lost), Command: "kubectl sidecar explain crd-prunes-restart-policy"}}
		f.Because = []string{checks.CRDPrunesRestartPolicy}
		return f
	}
	who := p.s.stripper(p.Namespace, l)
	f.Message = fmt.Sprintf("restartPolicy: Always of %s was stripped by %s: %s, so the pod waits forever for %s to exit, %s", c.Name, who.Name, where, c.Name, since)
	if c.running() {
		f.Evidence = append(f.Evidence, p.stateEvidence(c))
	}
	f.Evidence = slices.Concat(f.Evidence, who.Evidence, p.unreadOwner())
	f.Because = append(who.Because, p.s.endless(p.top())...)
	f.Steps = slices.Concat(who.Steps, p.again(c, l))
	return f
}

// again says how to get the field back once nobody strips it: what is stored stays without it.
func (p subject) again(c container, l loss) []checks.Step {
	m := p.target()
	if l.injected {
		return p.recreateSteps()
	}
	set := func(what string) []checks.Step {
		return p.editSteps("Then set the field again, because "+what+" stays without it", c, setAlways(c.Name)...)
	}
	if l.kept == "" && m.Kind != "Pod" {
		return set(l.lost.String())
	}
	if m.Kind == "Pod" {
		return set("the pod")
	}
	return p.recreateSteps()
}

// recreateSteps replace pods that webhooks have damaged, when those are repaired.
func (p subject) recreateSteps() []checks.Step {
	m := p.target()
	const recreate = "Then recreate the pods"
	switch {
	case m.Kind == "Deployment" && m.rollout.paused:
		return []checks.Step{{
			Text:    recreate + ". The rollout is paused: the first command resumes it, with whatever has been changed since:",
			Command: prose.Shell("kubectl rollout resume %s %s -n %s\nkubectl rollout restart %s %s -n %s", m.resource, m.Name, m.Namespace, m.resource, m.Name, m.Namespace),
		}}
	case m.Kind == "Deployment", m.Kind == "DaemonSet" && !m.rollout.manual:
		return []checks.Step{{Text: recreate + ":", Command: prose.Shell("kubectl rollout restart %s %s -n %s", m.resource, m.Name, m.Namespace)}}
	case p.static():
		return []checks.Step{p.recreateStatic(recreate)}
	}
	switch m.Kind {
	case "CronJob":
		return []checks.Step{{
			Text:    recreate + ". This deletes the Job with their logs, and its work runs at the next time of the schedule:",
			Command: prose.Shell("kubectl delete job %s -n %s", p.makers[0].Name, m.Namespace),
		}}
	case "Pod":
		return []checks.Step{{Text: "Then delete the pod, and create it again from its own manifest, without what was injected."}}
	}
	return []checks.Step{p.recreateStep("Then recreate the pod")}
}

var fieldIndex = regexp.MustCompile(`spec\.initContainers\[(\d+)\]`)

// refusedFinding is about an owner whose pods are rejected because the field is gone and the probes
// of the sidecar are not.
func refusedFinding(s *scene, r refusal) checks.Finding {
	name := "an init container"
	if m := fieldIndex.FindStringSubmatch(r.Message); m != nil && r.maker.template != nil {
		i, _ := strconv.Atoi(m[1])
		if inits := r.maker.template.Spec.InitContainers; i < len(inits) && facts.RestartsAlways(&inits[i]) {
			name = inits[i].Name
		} else {
			name = fmt.Sprintf("init container number %d", i+1)
		}
	}
	l := loss{lost: place{resource: "pod"}}
	if len(alwaysOf(r.maker)) > 0 {
		l.kept = r.maker.resource + " " + r.maker.Name
		l.evidence = append(l.evidence, fmt.Sprintf("%s has restartPolicy: Always on %s in its template", l.kept, strings.Join(alwaysOf(r.maker), ", ")))
	}
	who := s.stripper(r.maker.Namespace, l)
	return checks.Finding{
		Object:   s.topOf(r.maker.Object),
		Message:  fmt.Sprintf("%s: restartPolicy: Always of %s is stripped by %s, and without it probes are not allowed", r.lead(), name, who.Name),
		Evidence: slices.Concat(r.evidence, l.evidence, who.Evidence),
		Steps:    who.Steps,
		Because:  append(who.Because, s.endless(s.topOf(r.maker.Object))...),
	}
}

// alwaysOf are the native sidecars of a template.
func alwaysOf(m maker) []string {
	var out []string
	if m.template != nil {
		for i := range m.template.Spec.InitContainers {
			if facts.RestartsAlways(&m.template.Spec.InitContainers[i]) {
				out = append(out, m.template.Spec.InitContainers[i].Name)
			}
		}
	}
	return out
}
