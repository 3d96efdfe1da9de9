package roles

import (
	"path"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var (
	// runners start the command that follows them in their line.
	runners = pattern.New(`^(?:timeout|sudo|exec|command|env|nohup|time|nice|ionice|stdbuf|setsid|retry|repeat|xargs|watch|busybox|chroot|gosu|su-exec|tini|dumb-init|kubectl|ssh|eval|builtin|flock|doas|runuser|if|elif|then|else|while|until|do|!|\{|\()$`)
	// interpreters run a program that stands in their line.
	interpreters = pattern.New(`^(?:python[\d.]*|node|ruby|perl|php|(?:ba|da|a|z|k)?sh|pwsh|deno|printf|echo)$`)
	// decides is what an exit code may still depend on behind a call.
	decides = pattern.New(`\b(?:exit|return|false|if|then|else|test|case|wait)\b|\[|\$|\(`)
)

// plainQuit: a quit call stands among the words of a command that no shell reads.
func (j *judge) plainQuit(i int) {
	c := &j.Containers[i]
	if c.Role == Sidecar || c.Role == Native || !neverRuns(slices.Concat(c.Command, c.Args)) {
		return
	}
	for _, t := range j.texts[i] {
		if t.env == "" && t.hook == "" && software.QuitCall.MatchString(t.value) {
			j.found(Workaround{Kind: QuitCall, Container: c.Name, Sidecar: j.stopped(c), Faults: []Fault{NeverRuns}, Evidence: []Evidence{j.evidence(c, t.value, t.field...)}})
		}
	}
}

// neverRuns reports whether words name a client, and start something else with it as an argument.
func neverRuns(words []string) bool {
	at := slices.IndexFunc(words, func(w string) bool { return client.MatchString(w) })
	if at < 1 {
		return false
	}
	for i, w := range words[:at] {
		name := path.Base(strings.TrimLeft(w, "("))
		if runners.MatchString(name) || i == 0 && interpreters.MatchString(name) && slices.ContainsFunc(words[1:at], inline) {
			return false
		}
	}
	return true
}

// inline reports whether a word says that the program follows.
func inline(word string) bool { return word == "-c" || word == "-e" || word == "-r" }

// swallows is what stands before a call that is among the arguments of another command, as where lines were folded into
// one; false where the call is a command.
func swallows(command string) (before string, swallowed bool) {
	loc := client.FindStringIndex(command)
	if loc == nil || loc[0] == 0 || assignment.MatchString(command) {
		return "", false
	}
	before = strings.TrimSpace(command[:loc[0]])
	if quoted := strings.Count(before, "'")%2 + strings.Count(before, `"`)%2 + strings.Count(before, "`")%2; quoted > 0 || strings.Contains(before, "$(") {
		return "", false
	}
	return before, neverRuns(append(strings.Fields(before), "curl"))
}

// quitCall judges a script that calls a quit endpoint: what of it is the work, and what becomes of its exit code.
func (j *judge) quitCall(c *Container, script string, field []string) {
	w := Workaround{Kind: QuitCall, Container: c.Name, Sidecar: j.stopped(c), Evidence: []Evidence{j.evidence(c, quitPart(script), field...)}}
	if list := segments(script); len(list) == 1 {
		if before, swallowed := swallows(list[0].text); swallowed {
			w.Faults, w.Understood = []Fault{NeverRuns}, !strings.ContainsAny(before, "\"'`")
			if w.Understood {
				w.Edits = []Edit{{Path: c.Path(field...), Old: script, New: before}}
			}
			j.found(w)
			return
		}
	}
	single := false
	w.Faults, single = quitFaults(script)
	if edits, unclear := j.withoutStop(c, quits); unclear == "" && (single || !slices.Contains(w.Faults, LosesExitCode)) {
		w.Edits, w.Understood = edits, true
	}
	j.found(w)
}

// quits reports whether a command calls a quit endpoint, and does nothing else.
func quits(command string) bool {
	return software.QuitCall.MatchString(command) && client.MatchString(plainly(command)) && client.FindStringIndex(plainly(command))[0] == 0 &&
		!strings.ContainsAny(command, "()`")
}

// plainly is a command without what only limits its time.
func plainly(command string) string {
	return strings.TrimSpace(limits.ReplaceAllString(command, ""))
}

var limits = pattern.New(`^(?:timeout\s+(?:-\S+\s+)*[\d.]+[smh]?|command|exec|sudo)\s+`)

// quitFaults is what is certainly wrong with the call in a script, and whether the work is a single command.
func quitFaults(script string) (faults []Fault, single bool) {
	list := segments(waitless(script))
	at := slices.IndexFunc(list, func(s segment) bool { return software.QuitCall.MatchString(s.text) })
	if at < 0 {
		return nil, false
	}
	call := list[at]
	rest := around(list, at)
	single = rest.single()
	if strings.HasPrefix(call.text, "trap ") {
		return nil, single
	}
	if _, swallowed := swallows(call.text); swallowed {
		return []Fault{NeverRuns}, false
	}
	several := slices.ContainsFunc(list[at+1:], func(s segment) bool { return software.QuitCall.MatchString(s.text) })
	if several || !topLevel(list, at) || opens.MatchString(call.text) || closes.MatchString(call.text) {
		return nil, single
	}
	return rest.faults(call, rest.undecided(list[at+1:])), single
}

// single reports whether the work is one command.
func (r rest) single() bool {
	commands := slices.DeleteFunc(slices.Clone(r.work), func(s string) bool { return setting.MatchString(s) })
	return len(commands) == 1 && !strings.Contains(commands[0], "$?")
}

// undecided reports whether what follows the call may hand on another exit code than its own.
func (r rest) undecided(after []segment) bool {
	return slices.ContainsFunc(after, func(s segment) bool {
		return s.text != "exit 0" && s.text != "exit" && s.text != "exit $?" && decides.MatchString(s.text)
	})
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

func (r rest) faults(call segment, undecided bool) []Fault {
	switch {
	case call.after == "&&", r.strict && r.keeps == "":
		return []Fault{NotAfterFailure}
	case !r.exits && !undecided:
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
