package roles

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A text is a string of a container that says what it does.
type text struct {
	// field are the keys below the container.
	field []string
	value string
	// env is the name of the variable whose value it is.
	env string
	// hook is set for the commands of lifecycle hooks.
	hook string
}

// textsOf are the command line, the variables and the hooks of a container, with variables put in.
func textsOf(c *corev1.Container) []text {
	var out []text
	expand := expander(c)
	list := func(words []string, hook string, field ...string) {
		for i, w := range words {
			out = append(out, text{field: append(append([]string{}, field...), strconv.Itoa(i)), value: expand(w), hook: hook})
		}
	}
	list(c.Command, "", "command")
	list(c.Args, "", "args")
	for i, e := range c.Env {
		if e.Value != "" {
			out = append(out, text{field: []string{"env", strconv.Itoa(i), "value"}, value: expand(e.Value), env: e.Name})
		}
	}
	if l := c.Lifecycle; l != nil {
		if l.PostStart != nil && l.PostStart.Exec != nil {
			list(l.PostStart.Exec.Command, "postStart", "lifecycle", "postStart", "exec", "command")
		}
		if l.PreStop != nil && l.PreStop.Exec != nil {
			list(l.PreStop.Exec.Command, "preStop", "lifecycle", "preStop", "exec", "command")
		}
	}
	return out
}

var reference = pattern.New(`\$\(([A-Za-z_][\w.-]*)\)`)

// expander puts the values of variables into a text, as the kubelet does.
func expander(c *corev1.Container) func(string) string {
	values := map[string]string{}
	for _, e := range c.Env {
		if e.Value != "" {
			values[e.Name] = e.Value
		}
	}
	return func(s string) string {
		if !strings.Contains(s, "$(") {
			return s
		}
		return reference.ReplaceAllStringFunc(s, func(ref string) string {
			if v, ok := values[ref[2:len(ref)-1]]; ok {
				return v
			}
			return ref
		})
	}
}

// line is the command line of a container, of its hooks where hook names one.
func line(list []text, hook string) string {
	var out []string
	for _, t := range list {
		if t.env == "" && t.hook == hook {
			out = append(out, t.value)
		}
	}
	return strings.Join(out, " ")
}

// maxQuote is how much of a field is quoted.
const maxQuote = 120

func quoted(s string) string {
	s = facts.RedactText(prose.OneLine(s))
	if r := []rune(s); len(r) > maxQuote {
		return string(r[:maxQuote-1]) + "…"
	}
	return s
}
