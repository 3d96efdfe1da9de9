package checktest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// WellFormed holds every result of the test data to what the printers rely on. ids are those of all checks,
// which may explain a finding.
func (su Suite) WellFormed(t *testing.T, ids []string) {
	for _, c := range su.Cases(t) {
		result := su.result(c)
		for _, f := range result.Outcome.Findings {
			checkFinding(t, c, f, ids)
			Steps(t, c.Path, f.Steps, f.Fix)
		}
		for _, g := range result.Outcome.Missing {
			if g.Kind == "" || g.Reason == "" || g.Remedy == "" {
				t.Errorf("%s: a gap needs kind, reason and remedy: %+v", c.Path, g)
			}
			if !slices.Contains(c.Check.Reads(), g.Kind) {
				t.Errorf("%s: misses %s, which %s does not read", c.Path, g.Kind, c.Check.ID)
			}
			wellFormed(t, c.Path, "reason", g.Reason)
			checkRemedy(t, c.Path, g)
		}
		if result.Outcome.Tried == "" {
			t.Errorf("%s: Tried is empty", c.Path)
		}
		wellFormed(t, c.Path, "tried", result.Outcome.Tried)
	}
}

func checkFinding(t *testing.T, c Case, f checks.Finding, ids []string) {
	t.Helper()
	if f.Object.Kind == "" || f.Object.Name == "" || f.Message == "" || len(f.Evidence) == 0 || f.Fix == "" {
		t.Errorf("%s: a finding needs object, message, evidence and fix: %+v", c.Path, f)
	}
	if strings.Contains(f.Message, "\n") || strings.HasSuffix(f.Message, ".") {
		t.Errorf("%s: a message is one line without a period at the end: %q", c.Path, f.Message)
	}
	if f.Object.Kind == "Node" && strings.Contains(f.Message, f.Object.Name) {
		t.Errorf("%s: the node's name is in the message, so that equal findings on many nodes cannot be shown together: %q", c.Path, f.Message)
	}
	for _, id := range f.Because {
		if !slices.Contains(ids, id) {
			t.Errorf("%s: because of %s, which is no check", c.Path, id)
		}
	}
	wellFormed(t, c.Path, "message", f.Message)
	wellFormed(t, c.Path, "fix", f.Fix)
	for _, line := range f.Evidence {
		if strings.TrimSpace(line) == "" || strings.Contains(line, "\n") {
			t.Errorf("%s: evidence is one line each: %q", c.Path, line)
		}
		wellFormed(t, c.Path, "evidence", line)
	}
}

// Steps holds what to do to the rules: there are steps, fix is these as one text, and each has a line of prose, which
// ends with a period unless its command follows, and its command apart.
func Steps(t *testing.T, path string, steps []checks.Step, fix string) {
	t.Helper()
	if len(steps) == 0 || fix != checks.FixOf(steps) {
		t.Errorf("%s: no steps, or other ones than in fix %q", path, fix)
	}
	for _, s := range steps {
		if s.Text == "" && s.Command == "" || strings.Contains(s.Text, "\n") || strings.Contains(s.Text, "kubectl ") {
			t.Errorf("%s: a step is a line of prose, with the command apart: %+v", path, s)
		}
		if s.Text != "" && (s.Command == "") != strings.HasSuffix(s.Text, ".") {
			t.Errorf("%s: a text ends with a period, unless its command follows: %+v", path, s)
		}
		if first, _, _ := strings.Cut(s.Command, "\n"); (s.Language == checks.YAML) != yamlLine.MatchString(first) || (s.Language == checks.Plain) != strings.HasPrefix(first, "-") {
			t.Errorf("%s: a snippet says what it is written in: %+v", path, s)
		}
		wellFormed(t, path, "text", s.Text)
		wellFormed(t, path, "command", s.Command)
	}
}

// yamlLine is how a snippet in YAML begins.
var yamlLine = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9.-]*:($| )`)

// checkRemedy: a command at the end of a remedy stands apart, too.
func checkRemedy(t *testing.T, path string, g facts.Gap) {
	t.Helper()
	r := g.HowToClose()
	if r.Command != g.Command || g.Command != "" && (strings.Contains(r.Text, "\n") || !strings.HasSuffix(r.Text, ":")) {
		t.Errorf("%s: a remedy is a line of prose, with its command at the end: %+v", path, g)
	}
	if strings.HasPrefix(r.Text, "kubectl ") || strings.Contains(r.Text, ": kubectl ") && !strings.Contains(r.Text, "(the whole role: kubectl sidecar rbac") {
		t.Errorf("%s: the command of a remedy stands apart: %+v", path, g)
	}
	wellFormed(t, path, "remedy", g.Remedy)
	wellFormed(t, path, "command", g.Command)
}

// wellFormed: no blanks at the ends of lines, no tabs, no doubled or missing words.
func wellFormed(t *testing.T, path, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimRight(line, " \n"); trimmed != strings.TrimSuffix(line, "\n") || strings.Contains(line, "\t") {
			t.Errorf("%s: %s: blank at the end of a line, or a tab: %q", path, what, line)
		}
	}
	for _, bad := range []string{"%!", "  and", " , ", "<nil>", "()"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s: %s contains %q: %q", path, what, bad, text)
		}
	}
}

// MissingOnce: a gap that is in two lists is told once.
func (su Suite) MissingOnce(t *testing.T) {
	for _, c := range su.Cases(t) {
		seen := map[facts.Gap]bool{}
		for _, g := range su.result(c).Outcome.Missing {
			if seen[g] {
				t.Errorf("%s: twice: %+v", c.Path, g)
			}
			seen[g] = true
		}
	}
}
