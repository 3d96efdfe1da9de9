package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

var quitCallNeverRuns = podCheck(checks.Check{
	ID:       "quit-call-never-runs",
	Title:    "calls that stop a sidecar run whenever the work is done",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	if !p.Completes() {
		return nil
	}
	var out []checks.Finding
	for _, w := range p.judged.Workarounds {
		what := ""
		switch {
		case w.Stale:
			continue // the kubelet stops it
		case slices.Contains(w.Faults, roles.NeverRuns):
			what = fmt.Sprintf("the call that is to stop %s never runs: it is an argument of the command before it, so the %s never completes", theSidecar(w), p.unit())
		case slices.Contains(w.Faults, roles.NotAfterFailure):
			what = fmt.Sprintf("the call that stops %s does not run when the work fails: then the %s never completes", theSidecar(w), p.unit())
		default:
			continue
		}
		out = append(out, p.quitFinding(w, what))
	}
	return out
})

// quitFinding is one about a call that stops a sidecar.
func (p *pod) quitFinding(w roles.Workaround, message string) checks.Finding {
	c := p.named(w.Container)
	place := p.at(c)
	if len(w.Evidence) > 0 {
		place = placeOf(w.Evidence[0].Place)
	}
	steps := []checks.Step{}
	if s := p.named(w.Sidecar); s != nil && !s.native() {
		steps = append(steps, do("Make %s a native sidecar, which the kubelet stops when %s has exited, and remove the call.", s.Name, c.Name))
	}
	steps = append(steps, write("To keep the call, let it run whatever happens, and exit with the code of the work:", "args: [\"WORK; code=$?; QUIT-CALL; exit $code\"]"))
	return p.finding(c, place, message, p.quotes(w.Evidence), steps...)
}

// theSidecar is what a workaround is about.
func theSidecar(w roles.Workaround) string {
	if w.Sidecar == "" {
		return "the sidecar"
	}
	return w.Sidecar
}
