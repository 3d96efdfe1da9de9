package roles

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var (
	// endlessLoop is a script whose last command is a loop without a condition.
	endlessLoop = pattern.New(`(?s)^(?:[^|]*[;\n]\s*)?(?:while\s+(?:true|:)|until\s+false)\s*[;\n]\s*do\b.*\bdone\s*;?\s*$`)
	// leaves is what may end such a script, or be a part of another command.
	leaves = pattern.New(`\b(?:break|exit|return|exec|eval|source|kill|pkill|killall|trap|timeout|function|if|case)\b|\$!|\(\)|^\s*\.\s|\bset\s+-|<<`)
	// failing are flags of a shell that end a script at a failure.
	failing = pattern.New(`^-[a-z]*e[a-z]*$|^--`)
)

// Endless reports whether a container runs a script that cannot exit on its own, whatever happens in it: a loop without
// a condition, and nothing that leaves it.
func (c *Container) Endless() bool {
	script, _, ok := scriptOf(c.Container)
	if !ok || software.Exits(c.Container) || slices.ContainsFunc(slices.Concat(c.Command, c.Args), failing.MatchString) {
		return false
	}
	return strings.Count(script, "done") == 1 && endlessLoop.MatchString(script) && !leaves.MatchString(script)
}
