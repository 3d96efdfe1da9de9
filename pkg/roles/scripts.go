package roles

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var (
	client     = regexp.MustCompile(`\b(?:curl|wget|nc|http|pilot-agent\s+request|cloud-sql-proxy\s+shutdown)\b`)
	keepsCode  = regexp.MustCompile(`^(\w+)=\$\?$`)
	exitsWith  = regexp.MustCompile(`^exit\s+"?\$\{?(\w+)\}?"?$`)
	firstSleep = regexp.MustCompile(`^sleep\s+\d+(?:\.\d+)?[smh]?$`)
	strict     = regexp.MustCompile(`^set\s+-[a-z]*e`)
	setting    = regexp.MustCompile(`^set\s+[-+]`)
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
		rest := script
		for _, wait := range waits {
			rest = strings.Replace(rest, wait.words, "", 1)
			w.Evidence = append(w.Evidence, j.evidence(c, wait.words, field...))
		}
		rest = strings.TrimLeft(strings.TrimSpace(rest), ";& \n\t")
		w.Understood = rest != "" && !waitLoop.MatchString(rest) && balanced(rest)
		w.Edits = []Edit{{Path: c.Path(field...), Old: script, New: rest}}
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

// plainQuit: a quit call stands among the words of a command that no shell reads.
func (j *judge) plainQuit(i int) {
	c := &j.Containers[i]
	for _, t := range j.texts[i] {
		if t.env == "" && t.hook == "" && software.QuitCall.MatchString(t.value) && !client.MatchString(line(j.texts[i], "")) {
			continue
		}
		if t.env == "" && t.hook == "" && software.QuitCall.MatchString(t.value) && c.Role != Sidecar && c.Role != Native && program(slices.Concat(c.Command, c.Args)) != "curl" {
			j.found(Workaround{Kind: QuitCall, Container: c.Name, Sidecar: j.stopped(c), Faults: []Fault{NeverRuns}, Evidence: []Evidence{j.evidence(c, t.value, t.field...)}})
		}
	}
}

func (j *judge) stopped(c *Container) string {
	for _, e := range j.Edges {
		if e.From == c.Name && e.Kind == Stops {
			return e.To
		}
	}
	return ""
}

// quitCall judges a script that calls a quit endpoint: what of it is the work, and what becomes of its exit code.
func (j *judge) quitCall(c *Container, script string, field []string) {
	w := Workaround{Kind: QuitCall, Container: c.Name, Sidecar: j.stopped(c), Evidence: []Evidence{j.evidence(c, quitPart(script), field...)}}
	kept, faults, understood := withoutQuit(script)
	w.Faults, w.Understood = faults, understood
	if understood {
		w.Edits = []Edit{{Path: c.Path(field...), Old: script, New: kept}}
	}
	j.found(w)
}

// withoutQuit is a script without the quit call and what only serves it, and what is wrong with the call.
func withoutQuit(script string) (kept string, faults []Fault, understood bool) {
	list := segments(waitless(script))
	at := slices.IndexFunc(list, func(s segment) bool { return software.QuitCall.MatchString(s.text) })
	if at < 0 {
		return "", nil, false
	}
	call := list[at]
	trapped := strings.HasPrefix(call.text, "trap ")
	if !trapped && !client.MatchString(firstWord(call.text)) && !strings.HasPrefix(call.text, "until ") && !strings.HasPrefix(call.text, "while ") {
		// The call is among the arguments of something else.
		if client.MatchString(call.text) {
			if loc := client.FindStringIndex(call.text); loc != nil && len(list) == 1 {
				return strings.TrimSpace(call.text[:loc[0]]), []Fault{NeverRuns}, !strings.ContainsAny(call.text[:loc[0]], "\"'`")
			}
		}
		return "", []Fault{NeverRuns}, false
	}
	code := ""
	var work []string
	isStrict := false
	for k, s := range list {
		switch {
		case k == at, s.text == "true" && s.after == "||" && k == at+1, s.text == "wait":
		case keepsCode.MatchString(s.text) && k < at:
			code = keepsCode.FindStringSubmatch(s.text)[1]
		case exitsWith.MatchString(s.text) && exitsWith.FindStringSubmatch(s.text)[1] == code && code != "" && k > at:
			code += "!"
		case setting.MatchString(s.text):
			isStrict = isStrict || strict.MatchString(s.text)
			work = append(work, s.text)
		case firstSleep.MatchString(s.text) && k == 0:
		default:
			work = append(work, s.text)
		}
	}
	switch {
	case trapped:
	case call.after == "&&" || isStrict && !strings.HasPrefix(call.after, "|") && code == "":
		faults = append(faults, NotAfterFailure)
	case !strings.HasSuffix(code, "!"):
		faults = append(faults, LosesExitCode)
	}
	commands := slices.DeleteFunc(slices.Clone(work), func(s string) bool { return setting.MatchString(s) })
	return strings.Join(work, "\n"), faults, len(commands) == 1 && !strings.Contains(commands[0], "$?") && at > 0 || trapped && len(commands) == 1
}

// waitless is a script without the loops that wait.
func waitless(script string) string {
	for _, wait := range waitsFor(script) {
		script = strings.Replace(script, wait.words, "", 1)
	}
	return strings.TrimLeft(strings.TrimSpace(script), ";& \n\t")
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
