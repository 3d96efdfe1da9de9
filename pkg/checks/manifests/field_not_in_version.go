package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// preStopSleepMinor is the first version with the sleep action of hooks on by default (KEP-3960).
const preStopSleepMinor = 30

var fieldNotInVersion = podCheck(checks.Check{
	ID:       "field-not-in-version",
	Title:    "the target version knows the fields of native sidecars",
	Severity: checks.Error,
	Uses:     versions,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.all() {
		for _, f := range p.unknownFields(c) {
			out = append(out, p.finding(c, p.at(c, f.path...), f.message, []string{c.field(f.text), f.version.evidence()}, f.step))
		}
	}
	return out
})

// An unknownField is one that a version does not have.
type unknownField struct {
	path          []string
	text, message string
	step          checks.Step
	version       version
}

func (p *pod) unknownFields(c *container) []unknownField {
	var out []unknownField
	if c.native() && !(p.judged.Twin(c.Name) && !p.rejected()) {
		if f, ok := p.nativeIn(c, p.oldest); ok {
			out = append(out, f)
		}
	}
	release := gate.Release(p.server.minor)
	add := func(first int, text, what string, path ...string) {
		out = append(out, unknownField{path, text, what, leaveOut(first), p.server})
	}
	if len(c.RestartPolicyRules) > 0 && p.server.minor < restartRulesOnMinor {
		add(restartRulesOnMinor, "restartPolicyRules", fmt.Sprintf("Kubernetes %s has restartPolicyRules of containers not, or off by default: the rules of %s are dropped", release, c.Name), "restartPolicyRules")
	}
	if h := c.Lifecycle; c.init && h != nil && h.PreStop != nil && h.PreStop.Sleep != nil && p.server.minor < preStopSleepMinor {
		add(preStopSleepMinor, "lifecycle.preStop.sleep", fmt.Sprintf("Kubernetes %s has the sleep action of hooks not, or off by default: the preStop hook of %s is invalid there", release, c.Name), "lifecycle", "preStop", "sleep")
	}
	return out
}

// rejected reports whether a kubelet may reject the pod for its native sidecars. All else the old one of a universal
// sidecar lives with.
func (p *pod) rejected() bool { return p.oldest.node != "" && p.oldest.minor >= gate.FirstMinor }

func leaveOut(first int) checks.Step {
	return do("Leave it out below Kubernetes %s, or raise the target with --kubernetes-version.", gate.Release(first))
}

// nativeIn is what becomes of a native sidecar in a version that does not run it by default; ok is false in one that does.
func (p *pod) nativeIn(c *container, v version) (f unknownField, ok bool) {
	if gate.ByDefault(v.minor) {
		return f, false
	}
	f = unknownField{path: []string{"restartPolicy"}, text: "restartPolicy: Always", step: leaveOut(gate.FirstMinor + 1), version: v}
	knows, release := v.minor >= gate.FirstMinor, gate.Release(v.minor)
	switch {
	case v.node != "" && knows:
		f.message = fmt.Sprintf("node %s, on which the pod can land, has kubelet %s: it rejects the pod unless its SidecarContainers gate is on", v.node, release)
	case v.node != "":
		f.message = fmt.Sprintf("node %s, on which the pod can land, has kubelet %s, which does not know native sidecars: the pod waits forever for %s to exit", v.node, release, c.Name)
	case knows:
		f.message = fmt.Sprintf("Kubernetes %s has native sidecars off by default: the API server drops the field, and the pod waits forever for %s to exit", release, c.Name)
	default:
		f.message = fmt.Sprintf("Kubernetes %s does not know native sidecars: %s is a plain init container there, and the pod waits forever for it to exit", release, c.Name)
	}
	if v.node != "" {
		f.step = do("Keep the pod away from that node with a nodeSelector or an affinity, or upgrade the kubelet.")
	}
	return f, true
}
