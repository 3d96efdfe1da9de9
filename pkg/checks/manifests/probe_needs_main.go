package manifests

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The startupProbe and the postStart hook of a native sidecar hold back everything after it: what they need must not be any
// of that.
var probeNeedsMain = openCheck(checks.Check{
	ID:       "probe-needs-main",
	Title:    "startupProbes and hooks of native sidecars need nothing that starts after them",
	Severity: checks.Error,
}, func(p *pod) checks.Outcome {
	var out checks.Outcome
	for _, c := range p.natives {
		if f := p.hookNeeds(c); f != nil {
			out.Findings = append(out.Findings, *f)
			continue
		}
		if c.StartupProbe == nil {
			continue
		}
		if later, evidence := p.servedLater(c, probePorts(c)); later != nil {
			out.Findings = append(out.Findings, p.finding(c, p.at(c, "startupProbe"),
				fmt.Sprintf("the startupProbe of native sidecar %s asks %s, which starts only once it has succeeded: neither ever does", c.Name, later.Name),
				append([]string{c.field("startupProbe") + ": " + probeText(c.StartupProbe)}, evidence...),
				do("Ask an endpoint that %s serves on its own, or remove the startupProbe. If %s needs %s to start, leave it among containers.", c.Name, c.Name, later.Name)))
			continue
		}
		p.waitsForLater(c, &out)
	}
	return out
})

// waitsForLater is about a native sidecar whose own script begins its work when a container answers that starts after it:
// before that nothing answers its startupProbe.
func (p *pod) waitsForLater(c *container, out *checks.Outcome) {
	for _, e := range p.judged.Edges {
		later := p.named(e.To)
		if e.From != c.Name || e.Kind != roles.Waits || later == nil || !after(c, later) {
			continue
		}
		if c.StartupProbe.Exec != nil || e.Certainty != roles.High || inBackground.MatchString(software.CommandLine(c.Container)) {
			out.Missing = append(out.Missing, facts.NewGap(facts.Workloads, p.instance(),
				fmt.Sprintf("%s waits for %s, which starts only once the startupProbe of %s has succeeded: nothing says whether that can be before", c.Name, later.Name, c.Name),
				facts.Do(fmt.Sprintf("let %s answer its startupProbe before it waits, and accept the gap, or remove the startupProbe", c.Name))))
			return
		}
		out.Findings = append(out.Findings, p.finding(c, p.placeIn(e.Evidence[0]),
			fmt.Sprintf("native sidecar %s waits for %s before it answers its startupProbe, and %s starts only once that has succeeded: neither ever does", c.Name, later.Name, later.Name),
			append(p.quotes(e.Evidence), c.field("startupProbe")+": "+probeText(c.StartupProbe)),
			do("Remove the startupProbe, or let %s answer it before it waits. If %s needs %s to start, leave it among containers.", c.Name, c.Name, later.Name)))
		return
	}
}

// hookNeeds is about a postStart hook that returns only when a container answers that starts after that; nil for none.
func (p *pod) hookNeeds(c *container) *checks.Finding {
	if c.Lifecycle == nil || c.Lifecycle.PostStart == nil || c.Lifecycle.PostStart.Exec == nil {
		return nil
	}
	text := strings.Join(c.Lifecycle.PostStart.Exec.Command, " ")
	later, evidence := p.servedLater(c, localPorts(untilAnswered.FindString(text)))
	if later == nil {
		return nil
	}
	f := p.finding(c, p.at(c, "lifecycle", "postStart"),
		fmt.Sprintf("the postStart hook of native sidecar %s waits for %s, which starts only once it has returned: neither ever happens", c.Name, later.Name),
		append([]string{c.field("lifecycle", "postStart") + ": " + prose.OneLine(text)}, evidence...),
		do("Remove the hook, or let it wait for what %s serves on its own. If %s needs %s to start, leave it among containers.", c.Name, c.Name, later.Name))
	return &f
}

var (
	localPort = pattern.New(`(?i)(?:127\.0\.0\.1|localhost|\[::1\])[: ](\d{2,5})\b`)
	// untilAnswered is what a loop asks until that succeeds.
	untilAnswered = pattern.New(`(?s)\b(?:until|while\s+!)\s.*?[;\n]\s*do\b`)
	// inBackground is a command that the script does not wait for.
	inBackground = pattern.New(`(?:^|[^&>])&(?:[^&>]|$)`)
)

// probePorts are those that a startupProbe asks.
func probePorts(c *container) []int {
	var out []int
	if port := software.ProbePort(c.Container, c.StartupProbe); port > 0 {
		out = append(out, port)
	}
	if exec := c.StartupProbe.Exec; exec != nil {
		out = append(out, localPorts(strings.Join(exec.Command, " "))...)
	}
	return out
}

func localPorts(text string) []int {
	var out []int
	for _, m := range localPort.FindAllStringSubmatch(text, -1) {
		out = append(out, software.PortNumber(m[1]))
	}
	return out
}

// after reports whether a container starts after a native sidecar, and keeps running.
func after(c, later *container) bool {
	return later != c && (!later.init || later.index > c.index && later.native())
}

// servedLater is the container after a native sidecar that serves one of some ports; nil where there is none.
func (p *pod) servedLater(c *container, ports []int) (*container, []string) {
	if len(ports) == 0 {
		return nil, nil
	}
	own := p.served(c)
	for _, later := range p.all() {
		if !after(c, later) {
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
