package cluster

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The bugs are about what these components do not count now that an init container can stay.
var knownControlPlaneBug = rule{
	Check: checks.Check{
		ID:       "known-control-plane-bug",
		Title:    "control plane components are free of known bugs with native sidecars",
		Severity: checks.Warning,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		var o checks.Outcome
		for _, name := range []string{controllerManager, Scheduler} {
			c, bugs := componentOf(s, name), known.Bugs(name)
			if o.Tried != "" {
				o.Tried += "; "
			}
			if c.visible() {
				o.Tried += name + ": " + c.tried()
				if len(o.Missing) == 0 { // both components share it
					o.Missing = c.partly(s.Snapshot)
				}
				visibleBugs(&o, c, bugs, s.Server)
			} else {
				o.Tried += c.tried()
				invisibleBugs(&o, c, bugs, s.Snapshot)
			}
		}
		return o
	},
}

func visibleBugs(o *checks.Outcome, c component, list []known.Bug, server string) {
	for _, p := range c.seen {
		if p.v == nil {
			o.Missing = append(o.Missing, noVersion(facts.ControlPlane, p, lookAt(p)))
			continue
		}
		bugs := known.BugsIn(list, p.v)
		if len(bugs) == 0 {
			continue
		}
		o.Findings = append(o.Findings, checks.Finding{
			Object:   p.Object,
			Message:  fmt.Sprintf("%s %s has %s with native sidecars", c.name, p.version, prose.Counted(len(bugs), "known bug")),
			Evidence: append([]string{p.VersionEvidence()}, described(bugs)...),
			Steps:    bugFix(list, p.v, p, server),
		})
	}
}

// invisibleBugs goes by the versions that it can have: a bug that all of them have is
// found, one that some have is unknown.
func invisibleBugs(o *checks.Outcome, c component, list []known.Bug, s *facts.Snapshot) {
	if c.ceiling == 0 {
		o.Missing = append(o.Missing, c.invisible(s, facts.Do("let it get /metrics or /version of the API servers (kubectl sidecar rbac prints the role)"))...)
		return
	}
	var certain, possible []known.Bug
	for _, b := range list {
		switch {
		case c.floor >= b.Since && c.ceiling < gate.Minor(b.FirstFixed()):
			certain = append(certain, b)
		case c.ceiling >= b.Since && c.floor < gate.Minor(b.Gone()):
			possible = append(possible, b)
		}
	}
	if len(certain) > 0 {
		oldest := version.MajorMinor(1, uint(c.floor))
		o.Findings = append(o.Findings, checks.Finding{
			Object:   c.object(),
			Message:  fmt.Sprintf("%s has %s with native sidecars", c.name, prose.Counted(len(certain), "known bug")),
			Evidence: slices.Concat([]string{c.bounds()}, described(certain)),
			Steps:    bugFix(list, oldest, Process{version: c.beside}, s.Server),
		})
	}
	if len(possible) > 0 {
		g := c.invisible(s, facts.Do("upgrade the control plane to "+gate.Release(gate.Minor(possible[len(possible)-1].Gone())+1)+", next to which no version has it, or ask the provider for its exact version"))
		for i := range g {
			g[i].Reason += fmt.Sprintf(" about: %s", possible[0].Text)
		}
		o.Missing = append(o.Missing, g...)
	}
}

func bugFix(list []known.Bug, v *version.Version, p Process, server string) []checks.Step {
	return planeUpgrade("Upgrade the control plane to "+known.FirstWithout(list, v)+" or later, one minor version at a time", p, server)
}

// described is bugs as evidence.
func described(bugs []known.Bug) []string {
	var out []string
	for _, b := range bugs {
		out = append(out, fmt.Sprintf("%s (%s; fixed in %s)", b.Text, b.Ref, strings.Join(b.Fixed, ", ")))
	}
	return out
}
