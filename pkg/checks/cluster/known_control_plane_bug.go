package cluster

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// controlPlaneBugs is from the release notes of Kubernetes, checked against the source of 1.28.15,
// 1.32.2 and 1.36.3: what these components forgot to count when sidecars became containers that stay.
var controlPlaneBugs = []struct {
	component string
	table     []bug
}{
	{controllerManager, []bug{
		{28, []string{"1.29.0"}, "HorizontalPodAutoscalers do not count what sidecars use", "kubernetes#120001"},
		{28, []string{"1.33.0"}, "a Service whose targetPort is the name of a sidecar's port sends nothing there (its number works)", "kubernetes#127976, #128850"},
	}},
	{Scheduler, []bug{
		{28, []string{"1.33.6", "1.34.0"}, "host ports of sidecars are not counted: two pods with the same one can be sent to one node", "kubernetes#132040"},
	}},
}

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
		for _, row := range controlPlaneBugs {
			c := componentOf(s, row.component)
			if o.Tried != "" {
				o.Tried += "; "
			}
			if c.visible() {
				o.Tried += row.component + ": " + c.tried()
				if len(o.Missing) == 0 { // both components share it
					o.Missing = c.partly(s.Snapshot)
				}
				visibleBugs(&o, c, row.table, s.Server)
			} else {
				o.Tried += c.tried()
				invisibleBugs(&o, c, row.table, s.Snapshot)
			}
		}
		return o
	},
}

func visibleBugs(o *checks.Outcome, c component, table []bug, server string) {
	for _, p := range c.seen {
		if p.v == nil {
			o.Missing = append(o.Missing, noVersion(facts.ControlPlane, p, lookAt(p)))
			continue
		}
		bugs := bugsIn(table, p.v)
		if len(bugs) == 0 {
			continue
		}
		o.Findings = append(o.Findings, checks.Finding{
			Object:   p.Object,
			Message:  fmt.Sprintf("%s %s has %s with native sidecars", c.name, p.version, prose.Counted(len(bugs), "known bug")),
			Evidence: append([]string{p.VersionEvidence()}, described(bugs)...),
			Steps:    bugFix(table, p.v, p, server),
		})
	}
}

// invisibleBugs goes by the versions that it can have: a bug that all of them have is
// found, one that some have is unknown.
func invisibleBugs(o *checks.Outcome, c component, table []bug, s *facts.Snapshot) {
	if c.ceiling == 0 {
		o.Missing = append(o.Missing, c.invisible(s, "let it get /metrics or /version of the API servers (kubectl sidecar rbac prints the role)")...)
		return
	}
	var certain, possible []bug
	for _, b := range table {
		switch {
		case c.floor >= b.since && c.ceiling < gate.Minor(b.first()):
			certain = append(certain, b)
		case c.ceiling >= b.since && c.floor < gate.Minor(b.gone()):
			possible = append(possible, b)
		}
	}
	if len(certain) > 0 {
		oldest := version.MajorMinor(1, uint(c.floor))
		o.Findings = append(o.Findings, checks.Finding{
			Object:   c.object(),
			Message:  fmt.Sprintf("%s has %s with native sidecars", c.name, prose.Counted(len(certain), "known bug")),
			Evidence: slices.Concat([]string{c.bounds()}, described(certain)),
			Steps:    bugFix(table, oldest, Process{version: c.beside}, s.Server),
		})
	}
	if len(possible) > 0 {
		g := c.invisible(s, "upgrade the control plane to "+gate.Release(gate.Minor(possible[len(possible)-1].gone())+1)+", next to which no version has it, or ask the provider for its exact version")
		for i := range g {
			g[i].Reason += fmt.Sprintf(" about: %s", possible[0].Text)
		}
		o.Missing = append(o.Missing, g...)
	}
}

func bugFix(table []bug, v *version.Version, p Process, server string) []checks.Step {
	return planeUpgrade("Upgrade the control plane to "+FirstWithout(table, v)+" or later, one minor version at a time", p, server)
}
