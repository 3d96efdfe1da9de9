package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var initContainerBeforeSidecar = podCheck(checks.Check{
	ID:      "init-container-before-sidecar",
	Title:   "sidecars start before the init containers that need them",
	Uses:    slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c := p.blocked()
	if c == nil || !c.failed() && !(c.running() && p.startedAt(*c).atLeast(settle)) || c.sidecar() && !p.tooEarly(*c) {
		return nil, nil
	}
	later, port, proof := p.needs(*c)
	if later == nil {
		if to := p.captured(*c); to != nil && !c.sidecar() {
			return p.capturedFinding(*c, to), nil
		}
		return nil, nil
	}
	kind := "sidecar " + later.Name + ", which is declared after it"
	if !later.init {
		kind = later.Name + ", a regular container, which starts after all init containers"
	}
	succeed := "succeed"
	if c.sidecar() {
		succeed = "start"
	}
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("%s needs port %d of %s: it cannot %s before that (%s)", c.role(), port, kind, succeed, p.doing(*c)),
		Evidence:  append([]string{proof}, p.orderEvidence(*c, *later)...),
		Steps:     p.moveBefore("Start the sidecar first", *later, *c),
	}
	f.Evidence = append(f.Evidence, p.ending(*c)...)
	return f, nil
})

// tooEarly reports whether a sidecar that holds up the others exits again and again: it may need one of them.
func (p subject) tooEarly(c container) bool { return c.failed() && !c.running() && p.looping(c) }

// doing is what a container does, in a few words.
func (p subject) doing(c container) string {
	switch {
	case c.running():
		return "it has been running " + p.startedAt(c).words()
	case c.waiting() != "":
		return fmt.Sprintf("%s, %s", c.waiting(), prose.Counted(int(c.restarts()), "restart"))
	case c.ended() != nil:
		return exit(c.ended())
	}
	return "it has not run yet"
}

// needs is the container, started after c, to whose port c cannot connect, with the proof: what it says
// where that is known, else its command line.
func (p subject) needs(c container) (later *container, port int, proof string) {
	after := p.after(c)
	owner := func(port int) *container {
		i := slices.IndexFunc(after, func(x container) bool { return port > 0 && slices.Contains(software.Ports(x.Container), port) })
		if i < 0 {
			return nil
		}
		return &after[i]
	}
	lines := p.logs(c)
	if end := c.ended(); end != nil && end.Message != "" {
		lines = append(slices.Clone(lines), strings.Split(end.Message, "\n")...)
	}
	for _, line := range slices.Backward(lines) {
		if port := refusedPort(line); owner(port) != nil {
			return owner(port), port, "log of " + c.Name + ": " + prose.OneLine(line)
		}
	}
	line := software.EveryCommand(c.Container)
	if c.running() && !p.failsAgain(c) && !waits.MatchString(line) {
		return nil, 0, "" // it may serve that port itself for its work
	}
	for _, found := range local.FindAllStringSubmatch(line, -1) {
		if port := software.PortNumber(found[1]); owner(port) != nil {
			return owner(port), port, fmt.Sprintf("command of %s connects to %s", c.Name, prose.OneLine(found[0]))
		}
	}
	return nil, 0, ""
}

// local finds an address of the pod itself in a command line.
var local = regexp.MustCompile(`(?:127\.0\.0\.1|localhost|\[::1\])[:\s/]+(\d{2,5})\b`)

// waits matches a command that retries until something answers.
var waits = regexp.MustCompile(`\b(?:until|while|wait\S*|retry|retries|pg_isready|nc\s+-\S*z)`)

// after are the containers that are started after c.
func (p subject) after(c container) []container {
	all := p.all()
	i := slices.IndexFunc(all, func(x container) bool { return x.Name == c.Name && x.init == c.init })
	return all[i+1:]
}

func (p subject) orderEvidence(c, later container) []string {
	var names []string
	for _, x := range p.all() {
		names = append(names, x.role())
	}
	return []string{
		fmt.Sprintf("%s listens on %s", later.Name, portText(software.Ports(later.Container))),
		"start order: " + strings.Join(names, ", "),
	}
}

func portText(ports []int) string {
	var out []string
	for _, port := range ports {
		out = prose.AddOnce(out, fmt.Sprint(port))
	}
	return "port " + strings.Join(out, ", ")
}

// onlyMain reports whether a container is the pod's only regular one: it is the work, and a pod without any is not
// allowed.
func (p subject) onlyMain(c container) bool { return !c.init && len(p.mains) == 1 }

// removeSteps remove an init container that waits for the work itself.
func (p subject) removeSteps(later, c container) []checks.Step {
	text := fmt.Sprintf("%s is the pod's only regular container: it cannot be started before %s, so what waits for it does not belong in an init container. Remove %s, unless it does something else as well", later.Name, c.Name, c.Name)
	m := p.target()
	found, init, i := m.container(c.Name)
	if found == nil || !init || p.injected(c.Name) {
		return []checks.Step{{Text: text + "."}}
	}
	at := fmt.Sprintf("%s/%d", m.listPath(true), i)
	return []checks.Step{p.changeStep(text, p.command(m, "json", encode([]op{{Op: "test", Path: at + "/name", Value: c.Name}, {Op: "remove", Path: at}})))}
}

// moveBefore says to start a container as a native sidecar before an init container.
func (p subject) moveBefore(text string, later, c container) []checks.Step {
	if p.onlyMain(later) {
		return p.removeSteps(later, c)
	}
	_, init, i := p.target().container(c.Name)
	if !init {
		i = 0
	}
	if later.StartupProbe != nil {
		return p.moveSteps(text, later, i, nil)
	}
	return p.moveWithProbe(text, later, i, p.probeOf(later).unopened())
}
