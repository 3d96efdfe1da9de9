package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// The kubelet starts the regular containers of a pod one after the other, and waits for none of them: only a postStart hook
// holds the next one back, and only where it stands above it.
var regularSidecarStartRace = podCheck(checks.Check{
	ID:       "regular-sidecar-start-race",
	Title:    "what needs a regular sidecar waits for it",
	Severity: checks.Warning,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.mains {
		j := p.of(c)
		if j == nil || j.Role != roles.Sidecar || p.Completes() && p.holds(j) || p.judged.Run != nil {
			continue // that the pod never completes is worse, and has the same fix
		}
		users, evidence := p.users(c, func(e roles.Edge, from *container) bool {
			return e.Certainty == roles.High && !p.heldBack(from, c)
		})
		if len(users) == 0 {
			continue
		}
		out = append(out, p.finding(c, p.at(c),
			fmt.Sprintf("%s %s to %s, a regular container: they start at once, and nothing waits until it answers", prose.List(users, "and"), verb(len(users), "connects", "connect"), c.Name),
			evidence, p.moveSteps(c)...))
	}
	return out
})

// heldBack reports whether a container begins its work only when another one is there: it waits on its own or in a wrapper,
// or a postStart hook of the other one, above it, returns first.
func (p *pod) heldBack(from, to *container) bool {
	if p.waitsItself(from.Name, to.Name) || to.index < from.index && to.Lifecycle != nil && to.Lifecycle.PostStart != nil {
		return true
	}
	return slices.ContainsFunc(p.judged.Workarounds, func(w roles.Workaround) bool {
		return w.Container == from.Name && (w.Sidecar == to.Name || w.Sidecar == "") && slices.Contains(waiting, w.Kind)
	})
}

// waiting are workarounds of a container that waits, for whatever time.
var waiting = []roles.WorkaroundKind{roles.WaitLoop, roles.FixedSleep, roles.Scuttle, roles.LinkerdAwait, roles.Kubexit}
