package manifests

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// unclear is the gap of a pod that completes only if containers exit of which nothing says that they do. The one that does
// the work is taken to exit; that the others do is for somebody to prove.
func (p *pod) unclear() []facts.Gap {
	if !p.Completes() || len(p.mains) < 2 {
		return nil
	}
	open, work := p.open(), p.doesTheWork()
	reason := fmt.Sprintf("nothing says which of %s exit: the %s completes only when all of them have", prose.List(open, "and"), p.unit())
	if work != "" {
		open = slices.DeleteFunc(open, func(name string) bool { return name == work })
		reason = fmt.Sprintf("nothing says whether %s %s when %s has: the %s completes only then", prose.List(open, "and"), verb(len(open), "exits", "exit"), work, p.unit())
	}
	a, b := p.eachOther()
	if len(open) == 0 || work == "" && a == "" && p.alike(open) {
		return nil
	}
	if a != "" {
		reason += fmt.Sprintf("; %s and %s need each other", a, b)
	}
	return []facts.Gap{facts.NewGap(facts.Workloads, p.instance(), reason, p.clarify(open))}
}

// clarify is how to find out about containers, or to make it not matter.
func (p *pod) clarify(open []string) facts.Remedy {
	if len(open) > 1 {
		return facts.Do(fmt.Sprintf("make a native sidecar of each of %s that serves the others; if all exit on their own, accept the gap", prose.List(open, "and")))
	}
	text := fmt.Sprintf("if %s exits on its own, accept the gap; if it serves the others, make a native sidecar of it", open[0])
	if p.Place.Line == 0 || p.built || p.Place.File == "stdin" {
		return facts.Do(text)
	}
	return facts.Do(text+":", prose.Shell("kubectl sidecar convert -f %s -c %s", p.Place.File, p.nameFor(open[0])))
}

// nameFor is what convert calls a container of the pod, given its file.
func (p *pod) nameFor(container string) string {
	var others []*workload.Workload
	for _, o := range p.s.pods {
		if o.Place.File == p.Place.File && o.named(container) != nil {
			others = append(others, o.Workload)
		}
	}
	return p.NameBeside(others, container)
}

// open are the regular containers of which nothing says that they exit, that something stops them, or that they do not.
func (p *pod) open() []string {
	var out []string
	for _, c := range p.mains {
		if j := p.of(c); j != nil && !p.holds(j) && !p.stopped(j) && !p.oneShot(j) {
			out = append(out, c.Name)
		}
	}
	return out
}

// alike reports whether containers run the same program: who takes one of them to exit takes all of them to.
func (p *pod) alike(names []string) bool {
	program := func(name string) string {
		c := p.named(name)
		return c.Image + " " + strings.Join(c.Command[:min(1, len(c.Command))], "")
	}
	return !slices.ContainsFunc(names, func(name string) bool { return program(name) != program(names[0]) })
}

// doesTheWork is the only container that does the work; empty where several may.
func (p *pod) doesTheWork() string {
	out := ""
	for _, c := range p.mains {
		if j := p.of(c); j == nil || j.Role != roles.Main {
			continue
		}
		if out != "" {
			return ""
		}
		out = c.Name
	}
	return out
}

// eachOther are two regular containers each of which calls the other one, or waits for it; empty for none.
func (p *pod) eachOther() (string, string) {
	needs := func(from, to string) bool {
		return slices.ContainsFunc(p.edgesTo(to, roles.Calls, roles.Waits), func(e roles.Edge) bool { return e.From == from })
	}
	for i, a := range p.mains {
		for _, b := range p.mains[i+1:] {
			if needs(a.Name, b.Name) && needs(b.Name, a.Name) {
				return a.Name, b.Name
			}
		}
	}
	return "", ""
}
