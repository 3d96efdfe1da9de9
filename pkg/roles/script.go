package roles

import (
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
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
	var out []segment
	start, after := 0, ""
	cut := func(end, next int, by string) {
		if t := strings.TrimSpace(script[start:end]); t != "" {
			out = append(out, segment{text: t, after: after, start: start, end: end})
		}
		start, after = next, by
	}
	quote, depth := byte(0), 0
	for i := 0; i < len(script); i++ {
		c := script[i]
		switch {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth = max(depth-1, 0)
		case depth > 0:
		case c == '#' && (i == 0 || strings.ContainsRune(" \t\n;", rune(script[i-1]))):
			end := i
			for i < len(script) && script[i] != '\n' {
				i++
			}
			cut(end, min(i+1, len(script)), "\n")
		case c == '>' && i+1 < len(script) && script[i+1] == '&', c == '&' && i+1 < len(script) && script[i+1] == '>':
			i++
		case strings.HasPrefix(script[i:], "&&"), strings.HasPrefix(script[i:], "||"):
			cut(i, i+2, script[i:i+2])
			i++
		case c == ';' || c == '\n' || c == '&' || c == '|':
			cut(i, i+1, string(c))
		}
	}
	if start < len(script) {
		cut(len(script), len(script), "")
	}
	return out
}

// scriptOf is the script that a shell runs as a container's command, and its field; ok is false where there is none.
func scriptOf(c *corev1.Container) (script string, field []string, ok bool) {
	if !software.ViaShell(c) {
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

var assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)

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
