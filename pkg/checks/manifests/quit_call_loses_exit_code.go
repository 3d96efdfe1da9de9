package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

var quitCallLosesExitCode = podCheck(checks.Check{
	ID:       "quit-call-loses-exit-code",
	Title:    "containers that stop a sidecar exit with the code of their work",
	Severity: checks.Warning,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, w := range p.judged.Workarounds {
		if slices.Contains(w.Faults, roles.LosesExitCode) && p.Completes() {
			out = append(out, p.quitFinding(w, fmt.Sprintf("%s exits with the code of the call that stops %s: the %s succeeds although the work failed", w.Container, theSidecar(w), p.unit())))
		}
	}
	return out
})
