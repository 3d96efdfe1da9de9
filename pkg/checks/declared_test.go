package checks

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/docs"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var (
	kebab       = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	declaration = regexp.MustCompile(`(?m)^\s+ID:\s+"([^"]+)",$`)
)

// TestListed: the lists, the files, the pages and the test data are about the same checks. The test
// data of checks on pods is what test/e2e recorded.
func TestListed(t *testing.T) {
	cluster, all := ids(everyCheck()), ids(slices.Concat(everyCheck(), Pods()))
	covers(t, declared(t), "declared in pkg/checks/*.go", all)
	covers(t, all, "listed checks", declared(t))
	covers(t, docs.IDs(), "pages in docs/checks", cluster)
	covers(t, all, "listed checks", docs.IDs())
	for _, suite := range suites {
		own := ids(suite.list())
		covers(t, folders(t, suite.dir), "folders in "+suite.dir, own)
		covers(t, own, "checks listed for "+suite.dir, folders(t, suite.dir))
		if slices.Sort(own); len(slices.Compact(slices.Clone(own))) != len(own) {
			t.Errorf("an id is twice in one list: %v", own)
		}
	}
}

func ids(list []Check) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.ID)
	}
	return out
}

// covers: what is called set has all of members.
func covers(t *testing.T, set []string, what string, members []string) {
	t.Helper()
	for _, id := range members {
		if !slices.Contains(set, id) {
			t.Errorf("%s is not among the %s", id, what)
		}
	}
}

// declared are the checks that stand in a file of their own name. A check on something else with
// the same id stands in a file that says of what: kubelet_too_old_pods.go.
func declared(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		name, isGo := strings.CutSuffix(e.Name(), ".go")
		if !isGo || strings.HasSuffix(name, "_test") {
			continue
		}
		text, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declaration.FindAllStringSubmatch(string(text), -1) {
			out = append(out, match[1])
			if want := strings.ReplaceAll(match[1], "-", "_"); name != want && !strings.HasPrefix(name, want+"_") {
				t.Errorf("%s.go declares %s, which belongs into %s.go", name, match[1], want)
			}
		}
	}
	return out
}

// folders are those of one suite; a suite may have its folder among another one's.
func folders(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		isSuite := slices.ContainsFunc(suites, func(s suite) bool { return s.dir == filepath.Join(dir, e.Name()) })
		if !isSuite {
			out = append(out, e.Name())
		}
	}
	return out
}

func TestDeclarations(t *testing.T) {
	for _, c := range everyCheck() {
		if !kebab.MatchString(c.ID) {
			t.Errorf("%q is not kebab-case", c.ID)
		}
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || strings.Contains(c.Title, "\n") || startsWithCapital(c.Title) {
			t.Errorf("%s: title %q: one line, no capital (names of the API apart), no period", c.ID, c.Title)
		}
		if len(c.Needs) == 0 || c.Run == nil {
			t.Errorf("%s: Needs or Run is missing", c.ID)
		}
		for _, kind := range c.Optional {
			if !slices.Contains(c.Needs, kind) {
				t.Errorf("%s: Optional %s is not in Needs", c.ID, kind)
			}
		}
	}
	order, last := []Category{ControlPlane, NodesGroup, Admission}, 0
	for _, c := range All() {
		at := slices.Index(order, c.Category)
		if at < last {
			t.Errorf("%s: category %q is not in the order of the report", c.ID, c.Category)
		}
		last = at
	}
}

func startsWithCapital(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

// TestResults holds every result of the test data to what the printers rely on.
func TestResults(t *testing.T) {
	for _, c := range testCases(t) {
		result := c.run()
		for _, f := range result.Findings {
			checkFinding(t, c, f)
		}
		for _, g := range result.Missing {
			if g.Kind == "" || g.Reason == "" || g.Remedy == "" {
				t.Errorf("%s: a gap needs kind, reason and remedy: %+v", c.path, g)
			}
			if !slices.Contains(c.check.Needs, g.Kind) {
				t.Errorf("%s: misses %s, which %s does not need", c.path, g.Kind, c.check.ID)
			}
			wellFormed(t, c.path, "reason", g.Reason)
			wellFormed(t, c.path, "remedy", g.Remedy)
		}
		if result.Tried == "" {
			t.Errorf("%s: Tried is empty", c.path)
		}
		wellFormed(t, c.path, "tried", result.Tried)
	}
}

func checkFinding(t *testing.T, c testCase, f Finding) {
	t.Helper()
	if f.Object.Kind == "" || f.Object.Name == "" || f.Message == "" || len(f.Evidence) == 0 || f.Fix == "" {
		t.Errorf("%s: a finding needs object, message, evidence and fix: %+v", c.path, f)
	}
	if strings.Contains(f.Message, "\n") || strings.HasSuffix(f.Message, ".") {
		t.Errorf("%s: a message is one line without a period at the end: %q", c.path, f.Message)
	}
	if f.Object.Kind == "Node" && strings.Contains(f.Message, f.Object.Name) {
		t.Errorf("%s: the node's name is in the message, so that equal findings on many nodes cannot be shown together: %q", c.path, f.Message)
	}
	for _, id := range f.Because {
		if !slices.ContainsFunc(slices.Concat(everyCheck(), Pods()), func(c Check) bool { return c.ID == id }) {
			t.Errorf("%s: because of %s, which is no check", c.path, id)
		}
	}
	wellFormed(t, c.path, "message", f.Message)
	wellFormed(t, c.path, "fix", f.Fix)
	for _, line := range f.Evidence {
		if strings.TrimSpace(line) == "" || strings.Contains(line, "\n") {
			t.Errorf("%s: evidence is one line each: %q", c.path, line)
		}
		wellFormed(t, c.path, "evidence", line)
	}
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

// TestPages: each page has the same parts in the same order, and says what the declaration says.
func TestPages(t *testing.T) {
	headings := []string{"## Why it matters", "## How it is found", "## Fix", "## Silence"}
	for _, c := range everyCheck() {
		page, ok := docs.Page(c.ID)
		if !ok {
			t.Errorf("docs/checks/%s.md is missing", c.ID)
			continue
		}
		severity := c.Severity.String()
		lead := "# " + c.ID + "\n\n**" + strings.ToUpper(severity[:1]) + severity[1:] + ".** "
		if !strings.HasPrefix(page, lead) {
			t.Errorf("docs/checks/%s.md does not begin with %q", c.ID, lead)
		}
		var found []string
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "## ") {
				found = append(found, strings.TrimSpace(line))
			}
			if prose := !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "|"); prose && len(line) > 121 {
				t.Errorf("docs/checks/%s.md: wrap this line: %q", c.ID, line)
			}
		}
		if !slices.Equal(found, headings) {
			t.Errorf("docs/checks/%s.md has the headings %q, want %q", c.ID, found, headings)
		}
		waivable := slices.ContainsFunc(All(), func(o Check) bool { return o.ID == c.ID })
		if offered := strings.Contains(page, "`--skip "+c.ID+"`"); offered != waivable {
			t.Errorf("docs/checks/%s.md offers `--skip %s`: %t; doctor has the check: %t", c.ID, c.ID, offered, waivable)
		}
		if waivable && !(strings.Contains(page, "`--waivers`") && strings.Contains(page, "`kubectl-sidecar.dev/ignore`")) {
			t.Errorf("docs/checks/%s.md does not say how to waive a finding: `--waivers`, `kubectl-sidecar.dev/ignore`", c.ID)
		}
	}
}

// TestMissingIsNotRepeated: a gap that is in two lists is told once.
func TestMissingIsNotRepeated(t *testing.T) {
	for _, c := range testCases(t) {
		seen := map[facts.Gap]bool{}
		for _, g := range c.run().Missing {
			if seen[g] {
				t.Errorf("%s: twice: %+v", c.path, g)
			}
			seen[g] = true
		}
	}
}
