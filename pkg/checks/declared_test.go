package checks_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/docs"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
)

var kebab = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

func everyCheck() []checks.Check { return slices.Concat(cluster.All(), pods.All(), manifests.All()) }

func ids(list []checks.Check) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.ID)
	}
	slices.Sort(out)
	return out
}

// TestIDs: no id is twice in one family, each has a page, and the named ones are those of checks.
func TestIDs(t *testing.T) {
	for _, list := range [][]checks.Check{cluster.All(), pods.All(), manifests.All()} {
		if own := ids(list); len(slices.Compact(slices.Clone(own))) != len(own) {
			t.Errorf("an id is twice in one list: %v", own)
		}
	}
	all := slices.Compact(ids(everyCheck()))
	if diff := cmp.Diff(all, slices.Sorted(slices.Values(docs.IDs()))); diff != "" {
		t.Errorf("listed checks (-) and pages in docs/checks (+) are not the same:\n%s", diff)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "ids.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			named++
			if id, err := strconv.Unquote(lit.Value); err != nil || !slices.Contains(all, id) {
				t.Errorf("ids.go: %s is no check", lit.Value)
			}
		}
		return true
	})
	if named == 0 {
		t.Error("ids.go names no check")
	}
}

func TestDeclarations(t *testing.T) {
	for _, c := range everyCheck() {
		if !kebab.MatchString(c.ID) {
			t.Errorf("%q is not kebab-case", c.ID)
		}
		if c.Title == "" || strings.HasSuffix(c.Title, ".") || strings.Contains(c.Title, "\n") || startsWithCapital(c.Title) {
			t.Errorf("%s: title %q: one line, no capital (names of the API apart), no period", c.ID, c.Title)
		}
		if len(c.Reads()) == 0 {
			t.Errorf("%s: Needs and Uses are missing", c.ID)
		}
		for _, kind := range c.Uses {
			if slices.Contains(c.Needs, kind) {
				t.Errorf("%s: %s is in Needs and in Uses", c.ID, kind)
			}
		}
	}
	order, last := []checks.Category{checks.ControlPlane, checks.Nodes, checks.Admission}, 0
	for _, c := range cluster.All() {
		at := slices.Index(order, c.Category)
		if at < last {
			t.Errorf("%s: category %q is not in the order of the report", c.ID, c.Category)
		}
		last = at
	}
}

func startsWithCapital(s string) bool { return s != "" && s[0] >= 'A' && s[0] <= 'Z' }

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
		waivable := slices.ContainsFunc(slices.Concat(cluster.All(), manifests.All()), func(o checks.Check) bool { return o.ID == c.ID })
		if offered := strings.Contains(page, "`--skip "+c.ID+"`"); offered != waivable {
			t.Errorf("docs/checks/%s.md offers `--skip %s`: %t; doctor has the check: %t", c.ID, c.ID, offered, waivable)
		}
		if waivable && !(strings.Contains(page, "`--waivers`") && strings.Contains(page, "`kubectl-sidecar.dev/ignore`")) {
			t.Errorf("docs/checks/%s.md does not say how to waive a finding: `--waivers`, `kubectl-sidecar.dev/ignore`", c.ID)
		}
	}
}

// TestNoTemplateText: what hack/newcheck writes is there to be replaced.
func TestNoTemplateText(t *testing.T) {
	read := 0
	for _, root := range []string{"cluster", "pods", "manifests", "../../docs/checks"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			read++
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte("TODO(newcheck)")) {
				t.Errorf("%s: say it in your own words: TODO(newcheck)", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 500 {
		t.Errorf("only %d files were read", read)
	}
}
