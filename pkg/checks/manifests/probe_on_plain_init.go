package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

var probeOnPlainInit = podCheck(checks.Check{
	ID:       "probe-on-plain-init",
	Title:    "only init containers with restartPolicy: Always have probes and hooks",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.inits {
		for _, f := range []struct {
			name string
			is   bool
		}{
			{"lifecycle", c.Lifecycle != nil}, {"startupProbe", c.StartupProbe != nil},
			{"readinessProbe", c.ReadinessProbe != nil}, {"livenessProbe", c.LivenessProbe != nil},
		} {
			if !f.is {
				continue
			}
			out = append(out, p.finding(c, p.at(c, f.name),
				fmt.Sprintf("init container %s has a %s and no restartPolicy: Always: the API server rejects it", c.Name, f.name),
				[]string{c.field(f.name) + " is set", c.field("restartPolicy") + " is not"},
				write("If it is to run as long as the pod, write into it:", "restartPolicy: Always"),
				do("Otherwise remove the %s: an init container runs once.", f.name)))
		}
	}
	return out
})
