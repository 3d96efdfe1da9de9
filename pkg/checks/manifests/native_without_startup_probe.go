package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// The next container starts as soon as the process of a native sidecar runs, and its postStart hook has returned; only
// a startupProbe makes it wait until the sidecar answers.
var nativeWithoutStartupProbe = podCheck(checks.Check{
	ID:       "native-without-startup-probe",
	Title:    "native sidecars that others need have a startupProbe",
	Severity: checks.Warning,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.natives {
		if c.StartupProbe != nil || p.judged.Twin(c.Name) || c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
			continue
		}
		users, evidence := p.users(c, func(e roles.Edge, from *container) bool {
			return e.Certainty != roles.Low && !(from.init && from.index < c.index) && !p.waitsItself(e.From, c.Name)
		})
		if len(users) == 0 {
			continue
		}
		out = append(out, p.finding(c, p.at(c),
			fmt.Sprintf("native sidecar %s has no startupProbe: %s, which %s it, %s not wait until it answers", c.Name, prose.List(users, "and"), verb(len(users), "needs", "need"), verb(len(users), "does", "do")),
			append(evidence, c.field("startupProbe")+" is not set"), p.probeSteps(c)...))
	}
	return out
})

// users are the containers that call one, as far as their calls count, and the evidence of these.
func (p *pod) users(c *container, counts func(e roles.Edge, from *container) bool) (names, evidence []string) {
	for _, e := range p.edgesTo(c.Name, roles.Calls) {
		if from := p.named(e.From); from != nil && !slices.Contains(names, e.From) && counts(e, from) {
			names = append(names, e.From)
			evidence = append(evidence, p.quotes(e.Evidence)...)
		}
	}
	return names, evidence
}

// verb is the form that fits the number.
func verb(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// waitsItself reports whether a container waits for another one on its own.
func (p *pod) waitsItself(from, to string) bool {
	return slices.ContainsFunc(p.edgesTo(to, roles.Waits), func(e roles.Edge) bool { return e.From == from })
}
