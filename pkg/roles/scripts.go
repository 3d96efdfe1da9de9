package roles

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var (
	client     = pattern.New(`(?:^|\s)(?:/[\w./-]*/)?(?:curl|wget|nc|http|pilot-agent\s+request|cloud-sql-proxy\s+shutdown)(?:\s|$)`)
	keepsCode  = pattern.New(`^(?:export\s+|local\s+)?(\w+)=(?:"?\$\?"?|\$\(echo \$\?\))$`)
	exitsWith  = pattern.New(`^exit\s+"?\$\{?(\w+)\}?"?$`)
	firstSleep = pattern.New(`^sleep\s+\d+(?:\.\d+)?[smh]?$`)
	strict     = pattern.New(`^set\s+-[a-z]*e`)
	setting    = pattern.New(`^set\s+[-+]`)
)

// scripts finds in the script of a container what waits for a sidecar before the work, and what stops it after the work.
func (j *judge) scripts(i int) {
	c := &j.Containers[i]
	script, field, ok := scriptOf(c.Container)
	if !ok {
		j.plainQuit(i)
		return
	}
	if waits := waitsFor(script); len(waits) > 0 && c.Role != Helper {
		w := Workaround{Kind: WaitLoop, Container: c.Name, Sidecar: j.waitedFor(c)}
		for _, wait := range waits {
			w.Evidence = append(w.Evidence, j.evidence(c, wait.words, field...))
		}
		if rest, ok := withoutLoops(script, waits); ok {
			w.Understood = rest != "" && !waitLoop.MatchString(rest) && balanced(rest)
			w.Edits = []Edit{{Path: c.Path(field...), Old: script, New: rest}}
		}
		j.found(w)
	} else if list := segments(script); len(list) > 1 && firstSleep.MatchString(list[0].text) && j.callsSomebody(c) {
		j.found(Workaround{Kind: FixedSleep, Container: c.Name, Sidecar: j.waitedFor(c), Understood: list[1].after != "&" && list[1].after != "|",
			Evidence: []Evidence{j.evidence(c, list[0].text, field...)}, Edits: []Edit{{Path: c.Path(field...), Old: script, New: strings.TrimSpace(script[list[1].start:])}}})
	}
	if c.Role != Sidecar && c.Role != Native && software.QuitCall.MatchString(script) {
		j.quitCall(c, script, field)
	}
}

func balanced(script string) bool {
	return strings.Count(script, "'")%2 == 0 && strings.Count(script, `"`)%2 == 0 && !strings.HasPrefix(script, "|")
}

func (j *judge) callsSomebody(c *Container) bool {
	return slices.ContainsFunc(j.Edges, func(e Edge) bool { return e.From == c.Name && e.Kind == Calls })
}

// waitedFor is the container that another one waits for, or calls.
func (j *judge) waitedFor(c *Container) string {
	for _, kind := range []EdgeKind{Waits, Calls} {
		for _, e := range j.Edges {
			if e.From == c.Name && e.Kind == kind {
				return e.To
			}
		}
	}
	return ""
}

func (j *judge) stopped(c *Container) string {
	for _, e := range j.Edges {
		if e.From == c.Name && e.Kind == Stops {
			return e.To
		}
	}
	return j.injected(c)
}

// injected is the customary name of the injected sidecar whose quit endpoint a container calls; empty where that is not
// known.
func (j *judge) injected(c *Container) string {
	part := quitPart(line(j.texts[j.place(c.Name)], ""))
	for _, m := range hostPort.FindAllStringSubmatch(part, -1) {
		for _, k := range known.Sidecars() {
			if k.Injector && k.Quit != nil && k.Quit.Port == number(m[1]) && strings.Contains(part, k.Quit.Path) {
				return k.Containers[0]
			}
		}
	}
	return ""
}

func firstWord(s string) string {
	s = strings.TrimLeft(s, "( \t")
	if i := strings.IndexAny(s, " \t\n"); i > 0 {
		if strings.HasPrefix(s, "pilot-agent") || strings.Contains(s[:i], "cloud-sql-proxy") {
			return s
		}
		return s[:i]
	}
	return s
}
