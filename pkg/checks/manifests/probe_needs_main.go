package manifests

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The startupProbe of a native sidecar holds back everything after it: what it asks must not need any of that.
var probeNeedsMain = podCheck(checks.Check{
	ID:       "probe-needs-main",
	Title:    "startupProbes of native sidecars ask nothing that starts after them",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.natives {
		if c.StartupProbe == nil {
			continue
		}
		if later, evidence := p.asksLater(c); later != nil {
			out = append(out, p.finding(c, p.at(c, "startupProbe"),
				fmt.Sprintf("the startupProbe of native sidecar %s asks %s, which starts only once it has succeeded: neither ever does", c.Name, later.Name),
				append([]string{c.field("startupProbe") + ": " + probeText(c.StartupProbe)}, evidence...),
				do("Ask an endpoint that %s serves on its own, or remove the startupProbe. If %s needs %s to start, leave it among containers.", c.Name, c.Name, later.Name)))
		}
	}
	return out
})

var localPort = pattern.New(`(?i)(?:127\.0\.0\.1|localhost|\[::1\])[: ](\d{2,5})\b`)

// asksLater is the container after a native sidecar that answers its startupProbe; nil where there is none.
func (p *pod) asksLater(c *container) (*container, []string) {
	var ports []int
	if port := software.ProbePort(c.Container, c.StartupProbe); port > 0 {
		ports = append(ports, port)
	}
	if exec := c.StartupProbe.Exec; exec != nil {
		for _, m := range localPort.FindAllStringSubmatch(strings.Join(exec.Command, " "), -1) {
			ports = append(ports, software.PortNumber(m[1]))
		}
	}
	own := p.served(c)
	for _, later := range p.all() {
		if later == c || later.init && (later.index <= c.index || !later.native()) {
			continue
		}
		for i, port := range later.Ports {
			n := int(port.ContainerPort)
			if slices.Contains(ports, n) && !slices.Contains(own, n) {
				return later, []string{later.field(fmt.Sprintf("ports[%d].containerPort: %d", i, n)), fmt.Sprintf("%s serves no port %d, as far as it says", c.Name, n)}
			}
		}
	}
	return nil, nil
}

// served are the ports that a container says it serves, its probes apart.
func (p *pod) served(c *container) []int {
	plain := *c.Container
	plain.StartupProbe = nil
	return software.Ports(&plain)
}
