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
			out = append(out, p.finding(c, p.at(c, f.path...), f.message, []string{c.field(f.text), p.meantFor()}, f.step))
		}
	}
	return out
})

// An unknownField is one that the target version does not have.
type unknownField struct {
	path          []string
	text, message string
	step          checks.Step
}

func (p *pod) unknownFields(c *container) []unknownField {
	var out []unknownField
	minor, release := p.minor, gate.Release(p.minor)
	add := func(first int, text, what string, path ...string) {
		out = append(out, unknownField{path, text, what, do("Leave it out below Kubernetes %s, or raise the target with --kubernetes-version.", gate.Release(first))})
	}
	switch {
	case c.native() && minor < gate.FirstMinor:
		add(gate.FirstMinor+1, "restartPolicy: Always", fmt.Sprintf("Kubernetes %s does not know native sidecars: %s is a plain init container there, and the pod waits forever for it to exit", release, c.Name), "restartPolicy")
	case c.native() && !gate.ByDefault(minor):
		add(gate.FirstMinor+1, "restartPolicy: Always", fmt.Sprintf("Kubernetes %s has native sidecars off by default: the API server drops the field, and the pod waits forever for %s to exit", release, c.Name), "restartPolicy")
	}
	if len(c.RestartPolicyRules) > 0 && minor < restartRulesOnMinor {
		add(restartRulesOnMinor, "restartPolicyRules", fmt.Sprintf("Kubernetes %s has restartPolicyRules of containers not, or off by default: the rules of %s are dropped", release, c.Name), "restartPolicyRules")
	}
	if h := c.Lifecycle; c.init && h != nil && h.PreStop != nil && h.PreStop.Sleep != nil && minor < preStopSleepMinor {
		add(preStopSleepMinor, "lifecycle.preStop.sleep", fmt.Sprintf("Kubernetes %s has the sleep action of hooks not, or off by default: the preStop hook of %s is invalid there", release, c.Name), "lifecycle", "preStop", "sleep")
	}
	return out
}
