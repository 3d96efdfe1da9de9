package roles

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A segment is one command of a script, with what stands between it and the one before.
type segment struct {
	text string
	// after is ";", "&&", "||", "&", "|" or "\n"; empty for the first.
	after string
	// start and end are where it stands in the script.
	start, end int
}

// segments are the commands of a script, as far as they can be told apart without a shell. Quotes and substitutions
// keep together.
func segments(script string) []segment {
	s := splitter{script: script}
	for s.at < len(script) {
		s.step()
	}
	s.cut(len(script), len(script), "")
	return s.out
}

// A splitter goes through a script.
type splitter struct {
	script    string
	at, start int
	after     string
	quote     byte
	depth     int
	out       []segment
}

// cut ends a command, and goes on at next.
func (s *splitter) cut(end, next int, by string) {
	t := strings.TrimSpace(s.script[s.start:end])
	if t != "" {
		s.out = append(s.out, segment{text: t, after: s.after, start: s.start, end: end})
	}
	if s.start, s.at = next, next; t != "" || by != "\n" || s.after == ";" {
		s.after = by // else the line goes on where the next one begins
	}
}

func (s *splitter) step() {
	c, rest := s.script[s.at], s.script[s.at:]
	switch {
	case c == '\\' && s.quote != '\'':
		s.at = min(s.at+2, len(s.script))
		return
	case s.quote != 0:
		if c == s.quote {
			s.quote = 0
		}
	case c == '\'' || c == '"' || c == '`':
		s.quote = c
	case c == '(':
		s.depth++
	case c == ')':
		s.depth = max(s.depth-1, 0)
	case s.depth > 0:
	case s.comment(c):
		end := strings.IndexByte(rest+"\n", '\n')
		s.cut(s.at, min(s.at+end+1, len(s.script)), "\n")
		return
	default:
		s.separate(rest)
		return
	}
	s.at++
}

func (s *splitter) comment(c byte) bool {
	return c == '#' && (s.at == 0 || strings.ContainsRune(" \t\n;", rune(s.script[s.at-1])))
}

// separate cuts where the rest begins with what stands between commands.
func (s *splitter) separate(rest string) {
	switch {
	case strings.HasPrefix(rest, ">&"), strings.HasPrefix(rest, "&>"):
		s.at += 2
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
		s.cut(s.at, s.at+2, rest[:2])
	case strings.ContainsRune(";\n&|", rune(rest[0])):
		s.cut(s.at, s.at+1, rest[:1])
	default:
		s.at++
	}
}

// scriptOf is the script that a shell runs as a container's command, and its field; ok is false where there is none.
func scriptOf(c *corev1.Container) (script string, field []string, ok bool) {
	if !software.ViaShell(c) || !namesShell(c.Command) {
		return "", nil, false
	}
	for _, l := range []struct {
		name string
		list []string
	}{{"args", c.Args}, {"command", c.Command}} {
		if n := len(l.list); n > 0 && !strings.HasPrefix(l.list[n-1], "-") && (n > 1 || l.name == "args") {
			return l.list[n-1], []string{l.name, itoa(n - 1)}, true
		}
	}
	return "", nil, false
}

// namesShell reports whether a command names a shell: others, too, have a flag -c. Where there is none, the image may.
func namesShell(command []string) bool {
	return len(command) == 0 || slices.ContainsFunc(command, func(w string) bool { return shellName.MatchString(w) })
}

var shellName = pattern.New(`^(?:/[\w./-]*/)?(?:ba|da|a|z|k)?sh$`)

// wrappers start what follows them in their command line.
var wrappers = []string{"kubexit", "scuttle", "linkerd-await", "exec", "sudo", "env", "nohup", "tini", "dumb-init", "nice", "su-exec", "gosu"}

// programs are the names of the programs that a container starts, as its command line says.
func programs(c *corev1.Container) []string {
	var out []string
	if script, _, ok := scriptOf(c); ok {
		for _, s := range segments(script) {
			out = append(out, program(strings.Fields(s.text)))
		}
	} else {
		out = append(out, program(slices.Concat(c.Command, c.Args)))
	}
	return slices.DeleteFunc(out, func(p string) bool { return p == "" })
}

var assignment = pattern.New(`^[A-Za-z_]\w*=`)

func program(words []string) string {
	for _, w := range words {
		name := path.Base(strings.Trim(w, `"'()`))
		if strings.HasPrefix(w, "-") || assignment.MatchString(w) || slices.Contains(wrappers, name) {
			continue
		}
		return name
	}
	return ""
}

// byCommand is known software that the command line starts, whatever the image is called.
func byCommand(c *corev1.Container) *known.Sidecar {
	if len(c.Command) == 0 {
		return nil // arguments alone start nothing
	}
	if software.Exits(c) {
		return nil
	}
	for _, p := range programs(c) {
		name := strings.ReplaceAll(p, "_", "-")
		if name == "istio-proxy" {
			continue
		}
		if k := known.SidecarOf("", name); k != nil {
			return k
		}
	}
	return nil
}
