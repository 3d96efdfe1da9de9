package roles

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var (
	// waitLoop is a loop of a shell until something succeeds; what is asked stands before "do".
	waitLoop = pattern.New(`(?s)\b(?:until|while\s+!|while\s+\[\s*!)\s*(.*?)[;\n]\s*do\b.*?\bdone\b`)
	waitTool = pattern.New(`\b(?:wait-for-it(?:\.sh)?|wait-for(?:\.sh)?|dockerize|wait4x)\s[^;&\n]*|\b(?:cloud-sql-proxy|pilot-agent)\s+wait\b[^;&\n]*`)
	// socketFile is a test for a socket.
	socketFile = pattern.New(`-S\s+["']?(/[\w./-]+)`)
	here       = pattern.New(`(?i)127\.0\.0\.1|localhost|\[::1\]|\$HOSTNAME`)
)

// portsOfClients are where programs connect when no port is told.
var portsOfClients = map[string]int{"pg_isready": 5432, "psql": 5432, "mysqladmin": 3306, "mysql": 3306, "redis-cli": 6379}

// A wait is a part of a script that waits for a port of the pod itself; 0 for one that it does not tell.
type wait struct {
	words string
	port  int
	// starts is set for a tool that starts what follows it in the same command, inside where that is among the words.
	starts, inside bool
}

// waitsFor are those of a script.
func waitsFor(script string) []wait {
	if !strings.Contains(script, "done") && !strings.Contains(script, "wait") && !strings.Contains(script, "dockerize") {
		return nil
	}
	var out []wait
	for _, m := range waitLoop.FindAllStringSubmatch(script, -1) {
		if (here.MatchString(m[1]) || socketFile.MatchString(m[1])) && !software.QuitCall.MatchString(m[1]) {
			out = append(out, wait{words: m[0], port: portIn(m[1])})
		}
	}
	for _, m := range waitTool.FindAllString(script, -1) {
		if here.MatchString(m) {
			out = append(out, byTool(m))
		}
	}
	return out
}

// byTool is a wait with a tool. Many of them start the work as well: behind "--", or simply behind their own flags.
func byTool(words string) wait {
	if own, _, found := strings.Cut(words, " -- "); found {
		return wait{words: own + " -- ", port: portIn(own), starts: true}
	}
	work := slices.ContainsFunc(strings.Fields(words)[1:], func(w string) bool { return !here.MatchString(w) && !ofTools.MatchString(w) })
	return wait{words: words, port: portIn(words), inside: work}
}

// ofTools are flags of such tools, how long they wait, and what they wait for.
var ofTools = pattern.New(`^(?:-.*|\d+(?:\.\d+)?(?:ms|s|m|h)?|wait|tcp|http|postgresql|mysql|redis|mongodb|\d?[<>].*)$`)

var (
	// begins is the end of what stands before a command, where that does not depend on it.
	begins = pattern.New(`(?:^|[;\n&])\s*$`)
	// redirected is where the output of a command goes.
	redirected = pattern.New(`^(?:[ \t]*\d?[<>]{1,2}&?[ \t]*[^\s;&|<>]+)+[ \t]*`)
)

// withoutLoops is a script without what waits for a sidecar: each wait goes with what joins it to the next command. It is
// false where something else depends on one, or stands in it.
func withoutLoops(script string, waits []wait) (string, bool) {
	for _, w := range waits {
		at := strings.Index(script, w.words)
		if at < 0 || w.inside || !begins.MatchString(script[:at]) || !topLevel(segments(script[:at]), len(segments(script[:at]))) {
			return "", false
		}
		after := strings.TrimLeft(redirected.ReplaceAllString(script[at+len(w.words):], ""), " \t")
		joined := strings.HasPrefix(after, "&&")
		switch before := strings.TrimRight(script[:at], " \t\n"); {
		case w.starts:
		case joined:
			after = after[2:]
		case strings.HasSuffix(before, "&&"), !strings.HasPrefix(after, ";") && !strings.HasPrefix(after, "\n"):
			return "", false
		default:
			after = after[1:]
		}
		script = script[:at] + strings.TrimLeft(after, " \t\n")
	}
	return strings.TrimSpace(script), true
}

func portIn(words string) int {
	for _, pattern := range []*pattern.Pattern{hostPort, flagPort} {
		if m := pattern.FindStringSubmatch(words); m != nil {
			return number(m[1])
		}
	}
	for _, word := range strings.Fields(words) {
		if port := portsOfClients[path.Base(word)]; port > 0 {
			return port
		}
	}
	return 0
}

// waits finds who waits for whom.
func (j *judge) waits() {
	for i := range j.Containers {
		from := &j.Containers[i]
		for _, t := range j.texts[i] {
			if t.hook != "" || t.env != "" && t.env != "KUBEXIT_BIRTH_DEPS" {
				continue
			}
			if t.env != "" {
				for _, to := range j.byNames(t.value) {
					j.edge(from, to, Waits, High, Edge{Evidence: []Evidence{j.evidence(from, t.env+"="+t.value, t.field...)}})
				}
				continue
			}
			if from.startsOwn() {
				continue
			}
			for _, wait := range waitsFor(t.value) {
				e := Edge{Port: wait.port, Evidence: []Evidence{j.evidence(from, wait.words, t.field...)}}
				if to := j.ownerOfSocket(i, wait.words); to != nil {
					j.edge(from, to, Waits, High, e)
				} else if to, _ := j.serverOf(i, wait.port); to != nil {
					j.edge(from, to, Waits, High, e)
				} else if to := j.onlyServer(i); to != nil && j.ports[i][wait.port] == noClaim {
					j.edge(from, to, Waits, Medium, e)
				}
			}
		}
	}
}

// ownerOfSocket is the only other regular container that mounts the volume of a socket that a container waits for; nil
// for none.
func (j *judge) ownerOfSocket(i int, words string) *Container {
	m := socketFile.FindStringSubmatch(words)
	if m == nil {
		return nil
	}
	volume, _ := j.mountOf(i, m[1])
	var out *Container
	for o := range j.Containers {
		c := &j.Containers[o]
		if o == i || c.Init && !c.native() || mount(c.Container, volume) == nil {
			continue
		}
		if out != nil {
			return nil
		}
		out = c
	}
	return out
}

// byNames are the containers that kubexit means with a list of names.
func (j *judge) byNames(list string) []*Container {
	var out []*Container
	for name := range strings.SplitSeq(list, ",") {
		for i := range j.Containers {
			if c := &j.Containers[i]; cmp.Or(valueOf(c, "KUBEXIT_NAME"), c.Name) == strings.TrimSpace(name) {
				out = append(out, c)
			}
		}
	}
	return out
}

func valueOf(c *Container, env string) string {
	for _, e := range c.Env {
		if e.Name == env {
			return e.Value
		}
	}
	return ""
}

func fieldOf(c *Container, env string) []string {
	i := slices.IndexFunc(c.Env, func(e envVar) bool { return e.Name == env })
	return []string{"env", itoa(i)}
}

// stops finds who stops whom when the work is done.
func (j *judge) stops() {
	for i := range j.Containers {
		from := &j.Containers[i]
		for _, t := range j.texts[i] {
			switch {
			case t.env == "KUBEXIT_DEATH_DEPS":
				for _, dead := range j.byNames(t.value) {
					j.edge(dead, from, Stops, High, Edge{Evidence: []Evidence{j.evidence(from, t.env+"="+t.value, t.field...)}})
				}
			case t.hook == "" && software.QuitCall.MatchString(t.value):
				if to := j.quits(i, t.value); to != nil {
					j.edge(from, to, Stops, High, Edge{Evidence: []Evidence{j.evidence(from, quitPart(t.value), t.field...)}})
				}
			}
			if t.env == "" {
				j.kills(i, t)
			}
		}
	}
	j.markers()
}

// quitPart is the line of a script with the call.
func quitPart(script string) string {
	for l := range strings.SplitSeq(script, "\n") {
		if software.QuitCall.MatchString(l) {
			return l
		}
	}
	return script
}

// quits is the container that a quit call of another one is for.
func (j *judge) quits(caller int, script string) *Container {
	part := quitPart(script)
	if m := hostPort.FindStringSubmatch(part); m != nil {
		port := number(m[1])
		if to, _ := j.serverOf(caller, port); to != nil {
			return to
		}
	}
	for i := range j.Containers {
		c := &j.Containers[i]
		if k := c.Software; i != caller && k != nil && k.Quit != nil && strings.Contains(part, k.Quit.Path) {
			return c
		}
	}
	return j.onlyServer(caller)
}

var (
	killCommand = pattern.New(`\b(?:pkill|killall)\b((?:\s+-\S+)*)\s+["']?([\w./-]+)|\bkill\b((?:\s+-\S+)*)\s+["']?\$\(\s*(?:pidof|pgrep)((?:\s+-\S+)*)\s+["']?([\w./-]+)`)
	reloads     = pattern.New(`-(?:s\s*)?(?:SIG)?(?:HUP|USR1|USR2|WINCH|1|0)\b`)
	signalWord  = pattern.New(`^(?:-(?:s|-signal)\s+)?(?:SIG)?(?:TERM|INT|KILL|QUIT|HUP|USR1|USR2)$`)
)

// kills finds whose process a script kills. A signal to reload needs the other one to run.
func (j *judge) kills(i int, t text) {
	from := &j.Containers[i]
	for _, k := range j.killed(i, t.value) {
		kind := Stops
		if k.reloads {
			kind = Calls
		}
		j.edge(from, k.of, kind, High, Edge{Evidence: []Evidence{j.evidence(from, k.words, t.field...)}})
	}
}

// process is the container whose process has a name.
func (j *judge) process(other int, word string) *Container {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(path.Base(s), "_", "-")) }
	word = plain(word)
	for i := range j.Containers {
		c := &j.Containers[i]
		if i == other || c.Init && !c.native() {
			continue
		}
		names := []string{plain(c.Name), plain(facts.ImageName(c.Image))}
		for _, p := range programs(c.Container) {
			names = append(names, plain(p))
		}
		if c.Software != nil {
			names = append(names, c.Software.ID)
		}
		if slices.ContainsFunc(names, func(n string) bool {
			return n == word || len(word) > 3 && len(n) > 3 && (strings.HasPrefix(n, word) || strings.HasPrefix(word, n))
		}) {
			return c
		}
	}
	return nil
}

var (
	looksFor = pattern.New(`(?:-[efs]\s+|\btest\s+-[efs]\s+|inotifywait\s+\S*\s*)["']?(/[\w./-]+)`)
	atEnd    = pattern.New(`\btrap\b`)
	givesUp  = pattern.New(`\b(?:p?kill|killall|exit|quitquitquit)\b`)
	negated  = pattern.New(`!\s*-[efs]\s+["']?/|\[\s*!\s*-|until\s+\[+\s*-[efs]`)
)

// markers finds files in a shared emptyDir by which one container tells another something: that it is done, where the
// other one then stops, or that it is there, where the other one has waited for that.
func (j *judge) markers() {
	for i := range j.Containers {
		reader := &j.Containers[i]
		for _, t := range j.texts[i] {
			if t.env != "" {
				continue
			}
			if !strings.ContainsAny(t.value, "[ ") {
				continue
			}
			for _, m := range looksFor.FindAllStringSubmatch(t.value, -1) {
				volume, rest := j.mountOf(i, m[1])
				if !j.emptyDir(volume) {
					continue
				}
				for w := range j.Containers {
					if w != i {
						j.marker(reader, w, m[1], volume, rest, t)
					}
				}
			}
		}
	}
}

func (j *judge) marker(reader *Container, w int, file, volume, rest string, t text) {
	writer := &j.Containers[w]
	for _, wt := range j.texts[w] {
		for _, m := range software.WritesFile.FindAllStringSubmatch(wt.value+" ", -1) {
			if v, r := j.mountOf(w, m[1]); v != volume || r != rest {
				continue
			}
			e := Edge{File: file, Evidence: []Evidence{j.evidence(writer, m[0], wt.field...), j.evidence(reader, t.value, t.field...)}}
			if waitsBefore(t.value, file) && exitsAfter(wt.value, m[0][:len(m[0])-1]) {
				j.edge(reader, writer, Follows, High, e)
			} else if waitsBefore(t.value, file) && !atEnd.MatchString(wt.value) {
				j.edge(reader, writer, Waits, High, e)
			} else if givesUp.MatchString(t.value) || negated.MatchString(t.value) {
				j.edge(writer, reader, Stops, High, e)
			}
		}
	}
}

// exitsAfter reports whether a script does something, writes a file and exits.
func exitsAfter(script, writes string) bool {
	list := segments(script)
	at := slices.IndexFunc(list, func(s segment) bool { return strings.Contains(s.text, writes) })
	return at > 0 && list[at].after != "&" && !slices.ContainsFunc(list[at+1:], func(s segment) bool {
		return !idle.MatchString(s.text) && !keepsCode.MatchString(s.text) && !exitsWith.MatchString(s.text) && !strings.HasPrefix(s.text, "exit")
	})
}

// waitsBefore reports whether a script waits for a file and then begins with something else.
func waitsBefore(script, file string) bool {
	for _, m := range waitLoop.FindAllStringSubmatchIndex(script, -1) {
		if !strings.Contains(script[m[2]:m[3]], file) {
			continue
		}
		after := strings.Trim(script[m[1]:], " \t\n;&)")
		return after != "" && !givesUp.MatchString(strings.SplitN(after, "\n", 2)[0])
	}
	return false
}
