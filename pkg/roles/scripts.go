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
	if !trapped && !calls(call.text) {
		return swallowed(list, call.text)
	}
	rest := around(list, at)
	if !trapped {
		faults = rest.faults(call)
	}
	commands := slices.DeleteFunc(slices.Clone(rest.work), func(s string) bool { return setting.MatchString(s) })
	understood = len(commands) == 1 && !strings.Contains(commands[0], "$?") && (at > 0 || trapped)
	return strings.Join(rest.work, "\n"), faults, understood
}

// calls reports whether a command is a call of a client, also in a loop that tries again.
func calls(command string) bool {
	return client.MatchString(firstWord(command)) || strings.HasPrefix(command, "until ") || strings.HasPrefix(command, "while ")
}

// swallowed is a script in which the call is among the arguments of something else, as where lines were folded into one.
func swallowed(list []segment, command string) (kept string, faults []Fault, understood bool) {
	if loc := client.FindStringIndex(command); loc != nil && len(list) == 1 {
		before := strings.TrimSpace(command[:loc[0]])
		return before, []Fault{NeverRuns}, !strings.ContainsAny(before, "\"'`")
	}
	return "", []Fault{NeverRuns}, false
}

// A rest is what of a script is not the quit call.
type rest struct {
	// work are the commands that stay.
	work []string
	// keeps is the variable in which the exit code of the work is kept, exits that the script exits with it.
	keeps string
	exits bool
	// strict is set by set -e.
	strict bool
}

// around sorts the commands around the call.
func around(list []segment, at int) rest {
	var out rest
	for k, s := range list {
		if k == at {
			continue
		}
		kept, exited := keepsCode.FindStringSubmatch(s.text), exitsWith.FindStringSubmatch(s.text)
		switch {
		case s.text == "true" && s.after == "||" && k == at+1, firstSleep.MatchString(s.text) && k == 0:
		case kept != nil && k < at:
			out.keeps = kept[1]
		case exited != nil && k > at && exited[1] == out.keeps:
			out.exits = true
		default:
			out.strict = out.strict || strict.MatchString(s.text)
			out.work = append(out.work, s.text)
		}
	}
	return out
}

func (r rest) faults(call segment) []Fault {
	switch {
	case call.after == "&&", r.strict && r.keeps == "":
		return []Fault{NotAfterFailure}
	case !r.exits:
		return []Fault{LosesExitCode}
	}
	return nil
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
