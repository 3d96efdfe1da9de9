package print

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// stepsOf is what to do. A report that was written before there were steps has it as one text only: it
// stays prose, and nothing in it is taken for a command.
func stepsOf(steps []checks.Step, fix string) []checks.Step {
	if len(steps) > 0 || fix == "" {
		return steps
	}
	return []checks.Step{{Text: fix}}
}

// steps writes what to do after lead: texts wrapped, commands as they are, set off below.
func (p *page) steps(indent, lead string, steps []checks.Step) {
	below := indent + "  "
	for i, s := range steps {
		if i > 0 {
			p.print()
		}
		switch {
		case s.Text != "" && i == 0:
			p.block(indent, lead, s.Text)
		case s.Text != "":
			p.block(below, "", s.Text)
		case i == 0:
			p.print(indent, strings.TrimSpace(lead))
		}
		if s.Command == "" {
			continue
		}
		if s.Text != "" || i == 0 {
			p.print()
		}
		for _, l := range strings.Split(strings.TrimRight(s.Command, "\n"), "\n") {
			p.print(strings.TrimRight(below+"  "+l, " "))
		}
	}
}

// remedyStep is what closes a gap.
func remedyStep(r facts.Remedy) checks.Step { return checks.Step{Text: r.Text, Command: r.Command} }

// remedy writes what closes a gap: the words wrapped and the command in one piece, on their line where there is
// room. What is broken across lines cannot be pasted.
func (p *page) remedy(indent string, r facts.Remedy) {
	const lead = "remedy: "
	if all := r.String(); r.Command == "" || strings.Contains(all, "\n") {
		p.block(indent, lead, all)
		return
	}
	p.prose(indent, lead, r.Text, r.Command)
}

// nextCommand is what to do first, in one line: the first command for a shell, else the first sentence.
func nextCommand(steps []checks.Step) string {
	for _, s := range steps {
		if first, _, _ := strings.Cut(s.Command, "\n"); first != "" && s.Language == "" {
			return first
		}
	}
	for _, s := range steps {
		if first, _, _ := strings.Cut(s.Text, "\n"); first != "" {
			return first
		}
	}
	return ""
}
