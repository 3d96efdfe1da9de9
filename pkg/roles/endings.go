package roles

import (
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// An Unclear is why a workaround is not understood, where that is known.
type Unclear string

const (
	// NoScript: what stops the sidecar is not in the script of a shell.
	NoScript Unclear = "no-script"
	// Inside: it stands in a condition, a loop or a function, or together with something else.
	Inside Unclear = "inside"
	// NothingElse: the script does nothing else.
	NothingElse Unclear = "nothing-else"
	// DoesMore: the script of the sidecar does more than to run it until the file is there.
	DoesMore Unclear = "does-more"
)

// A Kept is a part of a workaround that stays, because something else may need it.
type Kept struct {
	Path []string
	// By is the container that may; Evidence says why.
	By       string
	Evidence []Evidence
}

var (
	opens    = pattern.New(`^(?:(?:then|else|do|!)\s+)*(?:if|for|while|until|case|select)\b|\{$|^\{`)
	closes   = pattern.New(`^(?:fi|done|esac|\})`)
	atExit   = pattern.New(`(?s)^trap\s+(?:--\s+)?(?:"(.*)"|'(.*)')\s+(?:EXIT|0)(?:\s+[A-Z0-9]+)*$`)
	kills    = pattern.New(`^(?:pkill|killall|kill)\b`)
	marks    = pattern.New(`^(?:touch\s|(?:echo|printf|true|:)\b?[^|;]*>|>)`)
	idle     = pattern.New(`^(?:sleep\s+[\d.]+[smh]?|true|:|echo\b[^>|]*)$`)
	prepares = pattern.New(`^(?:set|cd|export|umask|ulimit|mkdir|echo)\b|^\w+=`)
)

// topLevel reports whether a command of a script stands in no condition, loop or function.
func topLevel(list []segment, at int) bool {
	depth := 0
	for _, s := range list[:at] {
		if opens.MatchString(s.text) {
			depth++
		}
		if closes.MatchString(s.text) {
			depth--
		}
	}
	return depth == 0
}

// inside reports whether a command stands in a condition, a loop, a function or a pipe.
func inside(script string, list []segment, at int) bool {
	return strings.Contains(script, "<<") || !topLevel(list, at) || list[at].after == "|" || list[at].after == "&"
}

// handsOn reports whether a script exits with a code that it has kept, if the command before has succeeded.
func handsOn(list []segment, at int) bool {
	return at < len(list) && list[at].after == "&&" && exitsWith.MatchString(list[at].text)
}

// cutOf is the part of a script with one command, and what joins it to the one before. The exit code of the script is
// then that of the command before, or as it was.
func cutOf(script string, list []segment, at int) (string, Unclear) {
	from, to := 0, list[at].end
	if at > 0 {
		from = list[at-1].end
	}
	next := at + 1
	if next < len(list) && list[next].after == "||" && idle.MatchString(list[next].text) {
		to, next = list[next].end, next+1
	}
	switch {
	case inside(script, list, at):
		return "", Inside
	case at > 0 && handsOn(list, next):
		return script[list[at].start:list[next].start], ""
	case next < len(list) && list[next].after != ";" && list[next].after != "\n":
		return "", Inside
	case at == 0 && next == len(list):
		return "", NothingElse
	case at == 0:
		to = list[next].start
	}
	return script[from:to], ""
}

// withoutStop is a script without the commands that stop a sidecar: each is cut out, and nothing else changes.
func (j *judge) withoutStop(c *Container, stops func(command string) bool) ([]Edit, Unclear) {
	script, field, ok := scriptOf(c.Container)
	if !ok {
		return nil, NoScript
	}
	list := segments(script)
	var out []Edit
	for at, s := range list {
		if !stops(s.text) && !trapped(s.text, stops) {
			continue
		}
		cut, unclear := cutOf(script, list, at)
		if unclear != "" {
			return nil, unclear
		}
		out = append(out, Edit{Path: c.Path(field...), Old: script, New: WithoutCut(script, cut), Cut: cut})
	}
	switch {
	case len(out) == 0:
		return nil, Inside
	case !works(out[len(out)-1].New.(string)):
		return nil, NothingElse
	}
	return out, ""
}

// trapped reports whether all that a trap at the end of a script does is to stop a sidecar.
func trapped(command string, stops func(string) bool) bool {
	m := atExit.FindStringSubmatch(command)
	if m == nil {
		return false
	}
	found := false
	for _, s := range segments(m[1] + m[2]) {
		switch text := strings.ReplaceAll(s.text, `\$`, "$"); {
		case stops(s.text):
			found = true
		case !idle.MatchString(text) && !keepsCode.MatchString(text) && !exitsWith.MatchString(text):
			return false
		}
	}
	return found
}

// works reports whether something is left in a script that does the work.
func works(script string) bool {
	return slices.ContainsFunc(segments(script), func(s segment) bool {
		return !setting.MatchString(s.text) && !keepsCode.MatchString(s.text) && !strings.HasPrefix(s.text, "exit") && !idle.MatchString(s.text)
	})
}

// WithoutCut takes a part out of a script. Where what is left ends with the code of its last command kept and handed on,
// that goes, too: it does so anyway.
func WithoutCut(script, cut string) string {
	script = strings.TrimRight(strings.TrimLeft(strings.Replace(script, cut, "", 1), " \t\n"), " \t")
	list := segments(script)
	n := len(list)
	if n < 3 || !topLevel(list, n-2) {
		return script
	}
	kept, exited := keepsCode.FindStringSubmatch(list[n-2].text), exitsWith.FindStringSubmatch(list[n-1].text)
	plainly := func(s segment) bool { return s.after == ";" || s.after == "\n" }
	if kept == nil || exited == nil || kept[1] != exited[1] || !plainly(list[n-2]) || !plainly(list[n-1]) {
		return script
	}
	if rest := script[:list[n-3].end]; !strings.Contains(rest, kept[1]) {
		return rest
	}
	return script
}

// killSet is the set around a container that kills the process of a sidecar.
func (j *judge) killSet(e Edge) Workaround {
	from, to := j.Container(e.From), j.Container(e.To)
	w := Workaround{Kind: SharedProcesses, Container: e.From, Sidecar: e.To,
		Evidence: append([]Evidence{j.specEvidence("shareProcessNamespace: true", "shareProcessNamespace")}, e.Evidence...)}
	i := j.place(e.From)
	stops := func(command string) bool {
		return kills.MatchString(command) && slices.ContainsFunc(j.killed(i, command), func(k kill) bool { return k.of == to && !k.reloads })
	}
	if j.killer(i) && !from.Init && j.regular() > 2 && !slices.ContainsFunc(j.Edges, func(o Edge) bool { return o.From == e.From && o.To != e.To }) {
		w.Edits = []Edit{{Path: from.Path(), Old: from.Name}}
	} else {
		w.Edits, w.Unclear = j.withoutStop(from, stops)
	}
	w.Understood = w.Unclear == ""
	return w
}

var seesProcesses = pattern.New(`\b(?:pgrep|pidof|ps|pkill|killall|nsenter|strace|gdb|jcmd|jstack|lsof|fuser)\b|/proc/[\d$*]|\bkill\s+(?:-\S+\s+)*["'\x60]?(?:\$\(|\x60|\d)|--?(?:pid|process|signal)(?:-\w+)*\b|\bSIG(?:HUP|USR[12])\b`)

// needsProcesses is what may need the shared processes when some commands are gone; nil for nothing that is known.
func (j *judge) needsProcesses(without []Edit) *Kept {
	for i := range j.Containers {
		c := &j.Containers[i]
		if slices.ContainsFunc(without, func(e Edit) bool { return slices.Equal(e.Path, c.Path()) }) {
			continue
		}
		for _, t := range j.texts[i] {
			for _, e := range without {
				if slices.Equal(e.Path, c.Path(t.field...)) {
					t.value = strings.Replace(t.value, e.Cut, "", 1)
				}
			}
			if m := seesProcesses.FindString(t.value); m != "" {
				return &Kept{Path: []string{"shareProcessNamespace"}, By: c.Name, Evidence: []Evidence{j.evidence(c, m, t.field...)}}
			}
		}
		if s := c.SecurityContext; s != nil && s.Capabilities != nil && slices.Contains(s.Capabilities.Add, "SYS_PTRACE") {
			return &Kept{Path: []string{"shareProcessNamespace"}, By: c.Name, Evidence: []Evidence{j.evidence(c, "SYS_PTRACE", "securityContext", "capabilities", "add")}}
		}
	}
	return nil
}

// A kill is a process that a script sends a signal to.
type kill struct {
	words   string
	of      *Container
	reloads bool
}

// killed are those of a container's script.
func (j *judge) killed(i int, script string) []kill {
	if !ptr.Deref(j.Workload.Spec().ShareProcessNamespace, false) {
		return nil
	}
	var out []kill
	for _, m := range killCommand.FindAllStringSubmatch(strings.ReplaceAll(script, "-s ", "-"), -1) {
		word, flags := m[2]+m[5], m[1]+m[3]
		if signalWord.MatchString(word) {
			continue
		}
		if to := j.process(i, word); to != nil {
			out = append(out, kill{m[0], to, reloads.MatchString(flags)})
		}
	}
	return out
}

// fileSet is the set around a file that tells a sidecar that the work is done.
func (j *judge) fileSet(e Edge) Workaround {
	w := Workaround{Kind: MarkerFile, Container: e.From, Sidecar: e.To, Evidence: e.Evidence}
	volume, _ := j.mountOf(j.place(e.From), e.File)
	if e.Kind == Stops {
		var rest string
		volume, rest = j.mountOf(j.place(e.To), e.File)
		w.Edits, w.Unclear = j.withoutMarker(e, volume, rest)
		w.Understood = w.Unclear == ""
	}
	if volume == "" {
		return w
	}
	set := Workaround{}
	j.volume(&set, volume, "")
	for _, v := range set.Evidence {
		if v.Path[0] == "volumes" {
			w.Evidence = append(slices.Clone(w.Evidence), v)
		}
	}
	if !w.Understood {
		return w
	}
	if kept := j.needsVolume(volume, e, w.Edits); kept != nil {
		w.Kept = []Kept{*kept}
	} else {
		w.Edits = append(w.Edits, set.Edits...)
	}
	return w
}

// withoutMarker takes out both sides: what writes the file, and what waits for it.
func (j *judge) withoutMarker(e Edge, volume, rest string) ([]Edit, Unclear) {
	writer, reader := j.place(e.From), j.place(e.To)
	out, unclear := j.withoutStop(&j.Containers[writer], func(command string) bool {
		return marks.MatchString(command) && j.writesOnly(writer, command, volume, rest)
	})
	if unclear != "" {
		return nil, unclear
	}
	c := &j.Containers[reader]
	script, field, ok := scriptOf(c.Container)
	if !ok {
		return nil, NoScript
	}
	kept, ok := servesUntil(script, e.File)
	if !ok {
		return nil, DoesMore
	}
	return append(out, Edit{Path: c.Path(field...), Old: script, New: kept}), ""
}

// writesOnly reports whether a command writes one file, and nothing else.
func (j *judge) writesOnly(i int, command, volume, rest string) bool {
	words := strings.Fields(command)
	if words[0] == "touch" && len(words) != 2 {
		return false
	}
	all := software.WritesFile.FindAllStringSubmatch(command+" ", -1)
	return len(all) == 1 && !slices.ContainsFunc(all, func(m []string) bool {
		v, r := j.mountOf(i, m[1])
		return v != volume || r != rest
	})
}

var (
	loopFor  = pattern.New(`(?s)\b(until|while)\b([^;\n]*)[;\n]\s*do\b(.*?)\bdone\b`)
	ownChild = pattern.New(`^(?:kill|pkill|killall)\b|^wait\b|^exit\b|^\w+=\$!$|^wait_for_the_file$`)
)

// waited stands for such a loop.
const waited = "wait_for_the_file"

// servesUntil is the script of a sidecar that runs until a file is there as one that just runs. It is understood where one
// program runs in the background, and all that follows waits for the file and ends it.
func servesUntil(script, file string) (string, bool) {
	m := loopFor.FindStringSubmatchIndex(script)
	if m == nil || strings.Contains(script, "<<") || !waitsForFile(script[m[2]:m[3]], script[m[4]:m[5]], script[m[6]:m[7]], file) {
		return "", false
	}
	list := segments(script[:m[0]] + waited + script[m[1]:])
	at := slices.IndexFunc(list, func(s segment) bool { return !prepares.MatchString(s.text) })
	if at < 0 || at+1 == len(list) || list[at+1].after != "&" || !slices.Contains([]string{"", ";", "\n"}, list[at].after) {
		return "", false
	}
	s, next := list[at], list[at+1]
	before := strings.TrimRight(script[:s.start], " \t\n")
	if before != "" {
		before += "\n"
	}
	if strings.HasPrefix(s.text, "(") { // what watches is in the background, not what serves
		return before + next.text, endsOnly(s.text) && at+2 == len(list) && simple(next.text)
	}
	return before + "exec " + strings.TrimPrefix(s.text, "exec "), simple(s.text) && onlyEnds(list[at+1:])
}

// waitsForFile reports whether a loop goes on as long as a file is not there, and does nothing else.
func waitsForFile(keyword, condition, body, file string) bool {
	not := strings.Contains(condition, "!")
	test := strings.Contains(condition, "-f ") || strings.Contains(condition, "-e ") || strings.Contains(condition, "-s ")
	return strings.Contains(condition, file) && test && not == (keyword == "while") && !strings.ContainsAny(condition, "&|") &&
		!slices.ContainsFunc(segments(body), func(s segment) bool { return !idle.MatchString(s.text) })
}

// simple reports whether a command is one program with its arguments, so that a shell can become it.
func simple(command string) bool {
	word := firstWord(command)
	return !strings.ContainsAny(command, "()`{}") && !assignment.MatchString(word) && !prepares.MatchString(command) && !opens.MatchString(command) && !idle.MatchString(command)
}

// onlyEnds reports whether commands wait for the file, and end what was started.
func onlyEnds(list []segment) bool {
	found := false
	for _, s := range list {
		found = found || s.text == waited
		if !ownChild.MatchString(s.text) && !idle.MatchString(s.text) {
			return false
		}
	}
	return found
}

// endsOnly is the same of the commands in parentheses.
func endsOnly(text string) bool {
	return strings.HasSuffix(text, ")") && onlyEnds(segments(strings.Trim(text, "() \t\n")))
}

// ofMarkers are names of volumes and folders that are there for such files.
var ofMarkers = pattern.New(`(?i)marker|signal|done|finish|life-?cycle|sync|exit|term|quit|status|flag|lock|coord|tombstone|stop|\bend|handshake|semaphore|notify|control|comms?\b|state`)

// needsVolume is what may need the volume of a file when what writes and reads it is gone; nil for nothing.
func (j *judge) needsVolume(volume string, e Edge, without []Edit) *Kept {
	var path []string
	for k, v := range j.Workload.Spec().Volumes {
		if v.Name == volume {
			path = []string{"volumes", itoa(k)}
		}
	}
	named := ofMarkers.MatchString(volume)
	for i := range j.Containers {
		c := &j.Containers[i]
		m := mount(c.Container, volume)
		if m == nil {
			continue
		}
		at := []Evidence{j.evidence(c, m.MountPath, "volumeMounts")}
		if c.Name != e.From && c.Name != e.To || !named && !ofMarkers.MatchString(m.MountPath) {
			return &Kept{Path: path, By: c.Name, Evidence: at}
		}
		for _, t := range j.texts[i] {
			for _, w := range without {
				if slices.Equal(w.Path, c.Path(t.field...)) {
					t.value, _ = w.New.(string)
				}
			}
			if strings.Contains(t.value, strings.TrimSuffix(m.MountPath, "/")) {
				return &Kept{Path: path, By: c.Name, Evidence: []Evidence{j.evidence(c, m.MountPath, t.field...)}}
			}
		}
	}
	return nil
}
