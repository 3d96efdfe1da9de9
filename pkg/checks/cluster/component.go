package cluster

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A component is kube-scheduler or kube-controller-manager: its instances where they run in static
// pods, else the versions that it can have next to these API servers.
type component struct {
	name string
	seen []Process
	// floor and ceiling are the oldest and the newest minor version that it can have, by the version
	// skew policy: not newer than any API server, and at most one minor version older. Both are 0
	// when no API server's version is known.
	floor, ceiling int
	// beside is the version of an API server, which tells who runs the control plane.
	beside string
	// emulating is set when an API server behaves as an older version: then this can do so too.
	emulating bool
}

func componentOf(s *scene, name string) component {
	c := component{name: name, seen: StaticPods(s.Snapshot, name)}
	f := s.apiServers
	if len(f.Seen) > 0 {
		c.beside = f.Seen[0].version
	}
	if newest := f.newest(); newest > 0 {
		c.floor, c.ceiling, c.emulating = newest-1, f.oldest(), f.emulating()
	}
	return c
}

func (c component) visible() bool { return len(c.seen) > 0 }

// object is the component as a whole, where no instance is visible.
func (c component) object() checks.Object { return checks.Object{Kind: "ControlPlane", Name: c.name} }

// bounds says how the versions of an invisible component follow.
func (c component) bounds() string {
	span := gate.Release(c.floor) + " or " + gate.Release(c.ceiling)
	if c.floor >= c.ceiling {
		span = gate.Release(c.ceiling)
	}
	return fmt.Sprintf("%s is not visible; by the version skew policy it is %s next to these API servers", c.name, span)
}

func (c component) tried() string {
	switch {
	case c.visible():
		return fmt.Sprintf("%s (%s)", prose.Counted(len(c.seen), "static pod"), versions(c.seen))
	case c.ceiling > 0:
		return c.bounds()
	}
	return c.name + " is not visible, and no API server's version is known"
}

// invisible is the gap of a component that neither its flags nor the API servers decide.
func (c component) invisible(s *facts.Snapshot, remedy facts.Remedy) []facts.Gap {
	if !s.Has(facts.ControlPlane) {
		return checks.Unread(s, facts.ControlPlane)
	}
	g := facts.Gap{
		Kind: facts.ControlPlane, Scope: c.name, Instance: facts.Instance{Kind: c.object().Kind, Name: c.name},
		Reason: c.tried() + ", which decides nothing",
	}.ClosedBy(remedy)
	return withWords(g, s.GapsOf(facts.ControlPlane, ""))
}

// partly are the gaps of static pods that were listed in part: others of the component may be missing.
func (c component) partly(s *facts.Snapshot) []facts.Gap {
	if !c.visible() {
		return nil
	}
	return s.GapsOf(facts.ControlPlane, "")
}

// tooOld is the run of a check that finds a component older than 1.28.
func tooOld(name, message string) func(*scene) checks.Outcome {
	return func(s *scene) checks.Outcome { return componentOf(s, name).tooOld(s.Snapshot, message) }
}

func (c component) tooOld(s *facts.Snapshot, message string) checks.Outcome {
	o := checks.Outcome{Tried: c.tried(), Missing: c.partly(s)}
	for _, p := range c.seen {
		switch {
		case p.Gate == gate.Unsupported:
			o.Findings = append(o.Findings, checks.Finding{Object: p.Object, Message: message, Evidence: p.Evidence, Steps: upgradeFix(p, s.Server)})
		case p.v == nil && p.Gate == gate.Unknown:
			o.Missing = append(o.Missing, noVersion(facts.ControlPlane, p, lookAt(p)))
		}
	}
	switch {
	case c.visible() || c.floor >= gate.FirstMinor:
	case c.ceiling > 0 && c.ceiling < gate.FirstMinor:
		o.Findings = append(o.Findings, checks.Finding{
			Object: c.object(), Message: message, Evidence: []string{c.bounds()},
			Steps: upgradeFix(Process{version: c.beside}, s.Server), Because: []string{apiserverTooOld.ID},
		})
	default:
		o.Missing = append(o.Missing, c.invisible(s, facts.Do("finish the upgrade of the control plane: next to API servers of 1.29 it cannot be older than 1.28"))...)
	}
	return o
}

// lookAt is how to see what was not understood of a static pod.
func lookAt(p Process) facts.Remedy {
	return facts.Do("see the image's tag and the command:", "kubectl -n kube-system get pod "+p.Object.Name+" -o yaml")
}

// gateOff is the run of a check that finds a component with the gate off, in a version from minor since on,
// the first that asks for it. remedy is how to find out where the component is not visible.
func gateOff(name string, since int, message string, remedy facts.Remedy) func(*scene) checks.Outcome {
	return func(s *scene) checks.Outcome { return componentOf(s, name).gateOff(s.Snapshot, since, message, remedy) }
}

func (c component) gateOff(s *facts.Snapshot, since int, message string, remedy facts.Remedy) checks.Outcome {
	o := checks.Outcome{Tried: c.tried(), Missing: c.partly(s)}
	for _, p := range c.seen {
		if e := p.effective(); e != nil && gate.Minor(e) < since {
			continue
		}
		switch p.Gate {
		case gate.Off:
			o.Findings = append(o.Findings, checks.Finding{Object: p.Object, Message: message, Evidence: p.Evidence, Steps: GateFix(c.name, p, s.Server)})
		case gate.Unknown:
			o.Missing = append(o.Missing, noGate(facts.ControlPlane, p, lookAt(p)))
		}
	}
	locked := c.floor >= gate.LockedMinor && !c.emulating
	tooOld := c.ceiling > 0 && c.ceiling < since
	if !c.visible() && !locked && !tooOld {
		o.Missing = append(o.Missing, c.invisible(s, remedy)...)
	}
	return o
}
