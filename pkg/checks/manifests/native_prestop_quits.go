package manifests

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The kubelet runs the preStop hooks of all containers as soon as the pod terminates; only the SIGTERM of a native
// sidecar waits for its turn (pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer).
var nativePrestopQuits = podCheck(checks.Check{
	ID:       "native-prestop-quits",
	Title:    "preStop hooks of native sidecars neither stop them nor sleep",
	Severity: checks.Warning,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.natives {
		if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
			continue
		}
		does := ""
		switch hook := c.Lifecycle.PreStop; {
		case software.HookQuits(hook):
			does = fmt.Sprintf("stops %s while %s", c.Name, p.stillWork())
		case software.HookSleeps(hook):
			does = fmt.Sprintf("only uses up the grace period: SIGTERM reaches %s after the regular containers have exited anyway", c.Name)
		default:
			continue
		}
		out = append(out, p.finding(c, p.at(c, "lifecycle", "preStop"),
			"the preStop hook of a native sidecar runs as soon as the pod is deleted: this one "+does,
			[]string{c.field("lifecycle.preStop") + ": " + software.Handler(c.Lifecycle.PreStop)}, preStopSteps(c)...))
	}
	return out
})

// stillWork is who is left when the pod begins to terminate.
func (p *pod) stillWork() string {
	if len(p.mains) == 1 {
		return p.mains[0].Name + " still works"
	}
	return "the regular containers still work"
}

func preStopSteps(c *container) []checks.Step {
	out := []checks.Step{do("Remove the preStop hook: the kubelet sends SIGTERM to a native sidecar after the last regular container has exited.")}
	if k := software.Of(c.Container); k != nil && k.Quit != nil && usesEndpoint(c.Lifecycle.PreStop, k.Quit.Path) {
		out = append(out, do("What opens the endpoint for it can go, too, unless somebody else calls it: %s.", orWords(k.Quit.Needs, "nothing is known to")))
	}
	return out
}

func usesEndpoint(h *corev1.LifecycleHandler, path string) bool {
	return h.HTTPGet != nil && h.HTTPGet.Path == path
}

func orWords(text, none string) string {
	if text == "" {
		return none
	}
	return text
}
