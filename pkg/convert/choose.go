package convert

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// trusted is how many kinds of certain signals are enough to move a container unasked.
const trusted = 2

// choose decides which containers become native sidecars: those that are named, or else those that enough says are
// sidecars. The others that may be are asked about.
func (p *Plan) choose(j *roles.Judgment, o Options) {
	for i := range j.Containers {
		c := &j.Containers[i]
		named, remembered := o.names(c.Name)
		if o.only && !named {
			continue
		}
		place := p.Workload.At(c.Path()...)
		switch reason, about := p.forbidden(j, c, o); {
		case c.Role == roles.Native && o.Strategy == Native: // as it should be
		case reason != "" && (named || reason.solvable() && sure(c)):
			p.Refused = append(p.Refused, Refused{Container: c.Name, Place: place, Reason: reason, About: about})
		case reason != "":
		case named, sure(c) && !o.changesPolicy(c): // where it is named a remark says what it loses
			p.Moves = append(p.Moves, moveOf(c, place, named, remembered))
		case sure(c):
			p.Refused = append(p.Refused, Refused{Container: c.Name, Place: place, Reason: OwnPolicy, About: ownPolicy(c)})
		case likely(c):
			p.Asks = append(p.Asks, Ask{Container: c.Name, Place: place, Signals: c.Signals})
		}
	}
	p.inOrder(j)
	p.leaveOne()
}

// dropRules drops what the API server rejects of native sidecars: rules on when they are restarted, which they always are.
func (p *Plan) dropRules(j *roles.Judgment) {
	for _, m := range p.Moves {
		if c := j.Container(m.Container); len(c.RestartPolicyRules) > 0 {
			p.Change.Drops = append(p.Change.Drops, edit.Drop{Path: c.Path("restartPolicyRules")})
		}
	}
}

// restartsAll reports whether rules of a container restart the whole pod.
func restartsAll(c *roles.Container) bool {
	return slices.ContainsFunc(c.RestartPolicyRules, func(r corev1.ContainerRestartRule) bool {
		return r.Action != corev1.ContainerRestartRuleActionRestart
	})
}

// needs reports whether one container certainly calls another one, or waits for it.
func needs(j *roles.Judgment, from, to string) bool {
	return slices.ContainsFunc(j.Edges, func(e roles.Edge) bool {
		return e.From == from && e.To == to && e.Certainty == roles.High && (e.Kind == roles.Calls || e.Kind == roles.Waits)
	})
}

// inOrder puts what moves behind what it needs, and leaves what needs a container that stays an ordinary one: that starts
// later.
func (p *Plan) inOrder(j *roles.Judgment) {
	if p.Strategy != Native {
		return
	}
	needs := func(from, to string) bool { return needs(j, from, to) }
	moved := func(name string) int {
		return slices.IndexFunc(p.Moves, func(m Move) bool { return m.Container == name })
	}
	for i := 0; i < len(p.Moves); i++ {
		m := p.Moves[i]
		at := slices.IndexFunc(j.Containers, func(c roles.Container) bool {
			return !c.Init && needs(m.Container, c.Name) && moved(c.Name) < 0
		})
		if at >= 0 && !m.Init && !m.Named {
			p.Refused = append(p.Refused, Refused{Container: m.Container, Place: m.Place, Reason: CallsMain, About: j.Containers[at].Name})
			p.Moves, i = slices.Delete(p.Moves, i, i+1), -1 // others may need this one
		}
	}
	for i := 1; i < len(p.Moves); i++ { // each goes before the first that needs it, unless it needs that one itself
		m := p.Moves[i]
		to := slices.IndexFunc(p.Moves[:i], func(o Move) bool {
			return needs(o.Container, m.Container) && !needs(m.Container, o.Container) && o.Before == m.Before
		})
		if to >= 0 {
			p.Moves = slices.Insert(slices.Delete(p.Moves, i, i+1), to, m)
		}
	}
}

// solvable reports whether a container can move once something else has changed: that is worth telling unasked.
func (r Reason) solvable() bool { return r == Wrapped || r == InitOrder }

// likely reports whether a container may be a sidecar, and it is worth asking: a name alone is no reason to.
func likely(c *roles.Container) bool {
	return (c.Role == roles.Sidecar || c.Role == roles.Ask) && slices.ContainsFunc(c.Signals, func(s roles.Signal) bool { return s.Certainty != roles.Low })
}

// names reports whether a container is named, and whether only by what another strategy has left.
func (o Options) names(name string) (named, remembered bool) {
	remembered = slices.Contains(o.remembered, name)
	return remembered || slices.Contains(o.Containers, name), remembered
}

func moveOf(c *roles.Container, place workload.Place, named, remembered bool) Move {
	m := Move{Container: c.Name, Place: place, Named: named && !remembered, Remembered: remembered, Signals: c.Signals, Init: c.Init, Proposal: c.Proposal, Before: c.Before}
	if c.StartupProbe == nil && c.Proposal.Given() {
		m.Probe = probe(c.Proposal, c.Container)
	}
	return m
}

func sure(c *roles.Container) bool { return c.Role == roles.Sidecar && c.Trusted() >= trusted }

// forbidden is why a container must not become a native sidecar; empty for one that may.
func (p *Plan) forbidden(j *roles.Judgment, c *roles.Container, o Options) (reason Reason, about string) {
	switch {
	case c.Role == roles.Native:
		return AlreadyNative, ""
	case c.Role == roles.Helper:
		return CallsMain, called(j, c)
	case c.Role == roles.OneShot:
		return OneShot, ""
	case c.Role == roles.Init:
		return InitExits, ""
	case restartsAll(c) && o.becomesNative():
		return RestartsAll, ""
	}
	return p.obstructed(j, c, o)
}

// ownPolicy is the restartPolicy of a container that is not always restarted; empty where it has none, or Always.
func ownPolicy(c *roles.Container) string {
	if c.RestartPolicy == nil || facts.RestartsAlways(c.Container) {
		return ""
	}
	return string(*c.RestartPolicy)
}

// changesPolicy reports whether a container is restarted more often when it is a native sidecar than its own restartPolicy
// says.
func (o Options) changesPolicy(c *roles.Container) bool {
	return o.becomesNative() && ownPolicy(c) != ""
}

// becomesNative reports whether a strategy makes native sidecars, alone or beside the containers that there are.
func (o Options) becomesNative() bool { return o.Strategy == Native || o.Strategy == Universal }

// obstructed is which of its obstacles forbids it; empty for none.
func (p *Plan) obstructed(j *roles.Judgment, c *roles.Container, o Options) (reason Reason, about string) {
	for _, obstacle := range c.Obstacles {
		switch {
		case !obstacle.Forbids:
		case obstacle.Kind == roles.LastMain:
			return LastContainer, ""
		case obstacle.Kind == roles.InitOrder && o.becomesNative():
			feeder, _ := j.FedTooLate(c)
			return InitOrder, feeder
		case obstacle.Kind == roles.WrapperStays && !(o.RemoveWorkarounds && unwraps(j)):
			return Wrapped, string(roles.Kubexit)
		}
	}
	return "", ""
}

// unwraps reports whether the wrapper that waits for the container can be taken out.
func unwraps(j *roles.Judgment) bool {
	return slices.ContainsFunc(j.Workarounds, func(w roles.Workaround) bool { return w.Kind == roles.Kubexit && w.Understood && len(w.Edits) > 0 })
}

// called is the container that another one calls.
func called(j *roles.Judgment, c *roles.Container) string {
	for _, e := range j.Edges {
		if e.From == c.Name && (e.Kind == roles.Calls || e.Kind == roles.Waits) {
			return e.To
		}
	}
	return "another container"
}

// leaveOne refuses everything where no ordinary container would be left.
func (p *Plan) leaveOne() {
	ordinary := len(p.Workload.Spec().Containers)
	for _, m := range p.Moves {
		if !m.Init {
			ordinary--
		}
	}
	if ordinary > 0 {
		return
	}
	for _, m := range p.Moves {
		if !m.Init {
			p.Refused = append(p.Refused, Refused{Container: m.Container, Place: m.Place, Reason: LastContainer})
		}
	}
	p.Moves = slices.DeleteFunc(p.Moves, func(m Move) bool { return !m.Init })
}

// probe is the startup probe of a proposal. What must not be printed elsewhere is in the manifest already.
func probe(of roles.Proposal, c *corev1.Container) map[string]any {
	if of.Copied == "" {
		return of.Fields
	}
	own := c.ReadinessProbe
	if of.Copied == "livenessProbe" {
		own = c.LivenessProbe
	}
	out := map[string]any{}
	for _, key := range []string{"periodSeconds", "failureThreshold"} {
		if of.Fields[key] != nil {
			out[key] = of.Fields[key]
		}
	}
	maps.Copy(out, software.HandlerOf(own))
	if own.TimeoutSeconds > 1 {
		out["timeoutSeconds"] = own.TimeoutSeconds
	}
	return out
}
