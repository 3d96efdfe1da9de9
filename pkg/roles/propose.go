package roles

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A Doubt is why a probe that could be given to a container is not, or may not pass.
type Doubt string

const (
	// MayBeLoopback: a declared port does not prove that the container listens on the pod's IP.
	MayBeLoopback Doubt = "may-be-loopback"
	// MayNeedMain: what answers may be the main, which starts later. The probe would never pass.
	MayNeedMain Doubt = "may-need-main"
	// NotNeeded: it follows files, and nobody waits for it.
	NotNeeded Doubt = "not-needed"
	// OwnCannotPass: its own probes ask the pod's IP, where it does not listen.
	OwnCannotPass Doubt = "own-cannot-pass"
)

// A Proposal is the startup probe to give to a container.
type Proposal struct {
	software.Probe
	// Exec is a command that waits until it can be used, from a hook that does so now.
	Exec []string
	// Doubt is why there is no probe, or what is not certain about it; empty for none.
	Doubt Doubt
	// Evidence says why.
	Evidence []Evidence
}

// Given reports whether a probe is to be added: one that the kubelet can pass, as far as the manifest tells, without
// other changes.
func (p Proposal) Given() bool {
	return p.Known() && len(p.Words) == 0 && p.Doubt != MayNeedMain && p.Doubt != NotNeeded
}

// propose finds the startup probe for a container.
func (j *judge) propose(c *Container) Proposal {
	if j.followsOnly(c) {
		return Proposal{Doubt: NotNeeded}
	}
	out := Proposal{Probe: software.FindProbe(j.question(c))}
	switch {
	case c.Role == Ask && out.Own != "" && j.httpOf(c, out.Own) && !c.asksSoftware(out.Port):
		out.Doubt, out.Evidence = MayNeedMain, []Evidence{j.evidence(c, out.Own, out.Own)}
	case out.Basis == software.FromUnsurePort:
		out.Doubt = MayBeLoopback
	default:
		if own := j.cannotPass(c); len(own) > 0 {
			out.Doubt, out.Evidence = OwnCannotPass, own
		}
	}
	if exec := j.held(c); exec != nil && !out.Given() {
		out = Proposal{Probe: software.Probe{Basis: software.FromProbe, Fields: software.NewExec(exec)}, Exec: exec}
	}
	return out
}

// question is what is known when a probe for a container is looked for.
func (j *judge) question(c *Container) software.Question {
	q := software.Question{Container: c.Container, Template: c.Container, Binds: j.bindsOf(c)}
	q.Elsewhere = func(port int) bool {
		return slices.ContainsFunc(j.Containers, func(o Container) bool {
			return o.Name != c.Name && slices.ContainsFunc(o.Ports, func(p corev1.ContainerPort) bool { return int(p.ContainerPort) == port })
		})
	}
	for _, e := range j.Edges {
		if e.To == c.Name && (e.Kind == Calls || e.Kind == Waits) {
			q.Wanted = append(q.Wanted, e.Port)
		}
	}
	return q
}

// followsOnly reports whether a container follows files, and nobody connects to it.
func (j *judge) followsOnly(c *Container) bool {
	return !j.DependedOn(c.Name) && slices.ContainsFunc(j.Edges, func(e Edge) bool { return e.Kind == Reads && e.From == c.Name })
}

func (j *judge) httpOf(c *Container, own string) bool {
	p := c.ReadinessProbe
	if own == "livenessProbe" {
		p = c.LivenessProbe
	}
	return p != nil && (p.HTTPGet != nil || p.GRPC != nil)
}

// asksSoftware reports whether a port is the health endpoint of the container's software.
func (c *Container) asksSoftware(port int) bool {
	return c.Software != nil && c.Software.Ready != nil && c.Software.Ready.Port == port
}

// cannotPass are the container's own probes that ask where it listens for its own pod only, or the node.
func (j *judge) cannotPass(c *Container) []Evidence {
	var out []Evidence
	binds := j.bindsOf(c)
	for _, p := range []struct {
		name  string
		probe *corev1.Probe
	}{{"startupProbe", c.StartupProbe}, {"readinessProbe", c.ReadinessProbe}, {"livenessProbe", c.LivenessProbe}} {
		if p.probe == nil {
			continue
		}
		switch miss, because := software.MissOf(j.Workload.Spec(), c.Container, binds, p.probe); miss {
		case software.AtNode:
			out = append(out, j.evidence(c, "host: "+software.ProbeHost(p.probe), p.name))
		case software.OnLoopback:
			out = append(out, j.evidence(c, because.From, p.name))
		}
	}
	return out
}

// ProbesOnLoopback are the probes of a container that ask where it listens for its own pod only, or the node: none of
// them can pass.
func (j *Judgment) ProbesOnLoopback(c *Container) []Evidence {
	return (&judge{Judgment: *j}).cannotPass(c)
}

// held is the command of a postStart loop without the loop: what it asks until it succeeds.
func (j *judge) held(c *Container) []string {
	t, ok := j.holds(j.place(c.Name))
	if !ok {
		return nil
	}
	m := waitLoop.FindStringSubmatch(t.value)
	if m == nil {
		return nil
	}
	hook := c.Lifecycle.PostStart.Exec.Command
	return append(slices.Clone(hook[:len(hook)-1]), m[1])
}

// neededBy is the first init container that needs a container of the pod: it has to come after it.
func (j *judge) neededBy(c *Container) string {
	for _, o := range j.Containers {
		if o.Init && o.Name != c.Name && slices.ContainsFunc(j.Edges, func(e Edge) bool {
			return e.From == o.Name && e.To == c.Name && (e.Kind == Calls || e.Kind == Waits)
		}) {
			return o.Name
		}
	}
	return ""
}

// An ObstacleKind is what stands in the way of a native sidecar, or has to change with it.
type ObstacleKind string

const (
	// WrapperStays: a wrapper waits for the container's status where it does not look for a native sidecar.
	WrapperStays ObstacleKind = "wrapper-waits"
	// PreStopQuits: the hook stops it while the others still work.
	PreStopQuits ObstacleKind = "pre-stop-quits"
	// PreStopSleeps: the hook only uses up the grace period.
	PreStopSleeps ObstacleKind = "pre-stop-sleeps"
	// NamedPort: a Service finds the port by its name only from Kubernetes 1.33 on.
	NamedPort ObstacleKind = "named-port"
	// FailurePolicy: a rule of podFailurePolicy also matches the exit code of a sidecar that is stopped.
	FailurePolicy ObstacleKind = "failure-policy"
	// InjectorsOwn: a webhook puts it into pods, and its setting makes it native.
	InjectorsOwn ObstacleKind = "injected"
	// InitOrder: an init container prepares what it needs, behind one that needs it.
	InitOrder ObstacleKind = "init-order"
	// LastMain: no regular container would be left.
	LastMain ObstacleKind = "last-container"
)

// An Obstacle is one of them.
type Obstacle struct {
	Kind ObstacleKind `json:"kind"`
	// Forbids is set where the container must not be moved before that is solved.
	Forbids  bool       `json:"forbids,omitempty"`
	Evidence []Evidence `json:"evidence"`
}

// obstacles are what stands in the way of making a native sidecar of a container, or, of one that is native, what is
// wrong with it.
func (j *judge) obstacles(c *Container) []Obstacle {
	out := append(j.wrapped(c), j.stopHook(c)...)
	if e := j.policy(c); e != nil {
		out = append(out, Obstacle{FailurePolicy, false, []Evidence{*e}})
	}
	if c.Init {
		return out
	}
	for i, p := range c.Ports {
		if p.Name != "" {
			out = append(out, Obstacle{NamedPort, false, []Evidence{j.evidence(c, p.Name, "ports", itoa(i), "name")}})
		}
	}
	name := []Evidence{j.evidence(c, c.Name, "name")}
	if k := c.Software; k != nil && k.Injector {
		out = append(out, Obstacle{InjectorsOwn, false, name})
	}
	if _, e := j.FedTooLate(c); e != nil {
		out = append(out, Obstacle{InitOrder, true, e})
	}
	if j.regular() == 1 {
		out = append(out, Obstacle{LastMain, true, name})
	}
	return out
}

// wrapped: kubexit waits for the status of a regular container.
func (j *judge) wrapped(c *Container) []Obstacle {
	var out []Obstacle
	for _, e := range j.Edges {
		if e.Kind == Waits && e.To == c.Name && e.Port == 0 && software.HasEnv(j.Container(e.From).Container, "KUBEXIT_BIRTH_DEPS") {
			out = append(out, Obstacle{WrapperStays, true, e.Evidence})
		}
	}
	return out
}

// stopHook: the preStop hooks of all containers run at once.
func (j *judge) stopHook(c *Container) []Obstacle {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return nil
	}
	hook := c.Lifecycle.PreStop
	e := []Evidence{j.evidence(c, software.Handler(hook), "lifecycle", "preStop")}
	switch {
	case software.HookQuits(hook):
		return []Obstacle{{PreStopQuits, false, e}}
	case software.HookSleeps(hook):
		return []Obstacle{{PreStopSleeps, false, e}}
	}
	return nil
}

func (j *judge) regular() int { return len(j.Workload.Spec().Containers) }

// policy is the rule of a Job's podFailurePolicy that also matches the exit codes of a sidecar that was stopped.
func (j *judge) policy(c *Container) *Evidence {
	p := failurePolicy(j.Workload.Object)
	if p == nil {
		return nil
	}
	i, _ := software.CatchesStop(p, c.Name)
	if i < 0 {
		return nil
	}
	e := j.specEvidence("", "podFailurePolicy")
	e.Path, e.Quote = []string{"podFailurePolicy", "rules", itoa(i)}, string(p.Rules[i].Action)
	way := j.Workload.Way
	e.Place = j.Workload.AtObject(append(slices.Clone(way[:len(way)-2]), "podFailurePolicy", "rules", itoa(i))...)
	return &e
}

// failurePolicy is the one of a Job, or of a CronJob.
func failurePolicy(object map[string]any) *batchv1.PodFailurePolicy {
	spec, _ := object["spec"].(map[string]any)
	if inner, ok := spec["jobTemplate"].(map[string]any); ok {
		spec, _ = inner["spec"].(map[string]any)
	}
	var out *batchv1.PodFailurePolicy
	if spec["podFailurePolicy"] == nil || decode(spec["podFailurePolicy"], &out) != nil {
		return nil
	}
	return out
}
