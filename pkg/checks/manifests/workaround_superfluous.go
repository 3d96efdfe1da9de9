package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

var workaroundSuperfluous = podCheck(checks.Check{
	ID:       "workaround-superfluous",
	Title:    "nothing does by hand what the kubelet does for native sidecars",
	Severity: checks.Info,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, w := range p.judged.Workarounds {
		told, ok := workaroundWords[w.Kind]
		c := p.named(w.Container)
		if c == nil {
			c = p.named(w.Sidecar)
		}
		if !w.Stale || !ok || c == nil || len(w.Evidence) == 0 || p.deadlocks(w, c) {
			continue
		}
		place := p.placeIn(w.Evidence[0])
		out = append(out, p.finding(c, place, fmt.Sprintf("%s: %s is a native sidecar, and %s", told.what, w.Sidecar, told.instead),
			p.quotes(w.Evidence), p.removal(w)))
	}
	return out
})

// deadlocks reports whether a workaround in a container keeps a pod from starting: that is worse than superfluous, and said
// elsewhere.
func (p *pod) deadlocks(w roles.Workaround, c *container) bool {
	if !c.native() {
		return false
	}
	switch to := p.named(w.Sidecar); w.Kind {
	case roles.PostStartWait:
		return p.hookNeeds(c) != nil
	case roles.WaitLoop:
		return to != nil && after(c, to)
	}
	return false
}

func (p *pod) removal(w roles.Workaround) checks.Step {
	if w.Understood && len(w.Kept) > 0 {
		k := w.Kept[0]
		return do("Remove it, but leave %s: %s may need it.", workload.FieldName(p.judged.Workload.Spec(), k.Path), k.By)
	}
	if w.Understood {
		return do("Remove it, all of these fields together.")
	}
	return do("Remove what only serves this. Not every line of it is understood here, so look at each.")
}

const (
	insteadOfOrder = "with a startupProbe the next container starts only once it has answered"
	insteadOfEnd   = "the kubelet stops it when the last regular container has exited"
)

// workaroundWords are what people do by hand, and what happens instead.
var workaroundWords = map[roles.WorkaroundKind]struct{ what, instead string }{
	roles.WaitLoop:        {"a loop waits for the sidecar", insteadOfOrder},
	roles.FixedSleep:      {"a sleep gives the sidecar time to start", insteadOfOrder},
	roles.PostStartWait:   {"a postStart hook holds back the next container", insteadOfOrder},
	roles.QuitCall:        {"a call stops the sidecar", insteadOfEnd},
	roles.SharedProcesses: {"a shared process namespace lets one container kill another", insteadOfEnd},
	roles.MarkerFile:      {"a marker file tells of the start or the end", insteadOfEnd},
	roles.Kubexit:         {"kubexit orders start and end", insteadOfOrder + ", and " + insteadOfEnd},
	roles.Scuttle:         {"scuttle waits for the proxy and stops it", insteadOfOrder + ", and " + insteadOfEnd},
	roles.LinkerdAwait:    {"linkerd-await waits for the proxy and stops it", insteadOfOrder + ", and " + insteadOfEnd},
	roles.SidecarRun:      {"sidecar-run waits for the sidecar and stops it", insteadOfOrder + ", and " + insteadOfEnd},
	roles.Kruise:          {"OpenKruise is asked to stop the sidecar", insteadOfEnd},
	roles.ExitZero:        {"a flag hides the exit code of the sidecar", "its exit code does not count"},
	roles.ExitWhenIdle:    {"the sidecar exits when no connection is left", insteadOfEnd},
}
