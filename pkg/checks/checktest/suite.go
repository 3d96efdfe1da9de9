// Package checktest tests a family of checks by its test data: one file for each situation,
// testdata/<id>/*.txtar, with a comment that says what it shows, a section snapshot.yaml, and a section
// want with the whole result of check <id>.
package checktest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Update is set by -update: tests then write what they would compare with. Read what they write.
var Update = flag.Bool("update", false, "rewrite the expected results of the files under testdata")

// A Suite is a family of checks, tested by the testdata folder of the package that is tested.
type Suite struct {
	Checks []checks.Check
	// Judge is the result of one check; Run is what its rule says alone, without the gaps of the kinds
	// that it needs.
	Judge func(s *facts.Snapshot, id string) checks.Result
	Run   func(s *facts.Snapshot, id string) checks.Outcome
}

// SuiteOf is the suite of a family of rules; scene is a snapshot as they want it.
func SuiteOf[F any](rules []checks.Rule[F], scene func(*facts.Snapshot) F) Suite {
	of := func(id string) checks.Rule[F] {
		return rules[slices.IndexFunc(rules, func(r checks.Rule[F]) bool { return r.ID == id })]
	}
	return Suite{
		Checks: checks.List(rules),
		Judge: func(s *facts.Snapshot, id string) checks.Result {
			return checks.Run(s, scene(s), []checks.Rule[F]{of(id)}, nil)[0]
		},
		Run: func(s *facts.Snapshot, id string) checks.Outcome { return of(id).Run(scene(s)) },
	}
}

// A Case is one file of test data.
type Case struct {
	Path     string
	Check    checks.Check
	Snapshot *facts.Snapshot

	archive *txtar.Archive
}

// want is the result of a check as it stands in a test file.
type want struct {
	Status     checks.Status    `json:"status"`
	Tried      string           `json:"tried,omitempty"`
	Findings   []checks.Finding `json:"findings,omitempty"`
	Candidates []checks.Finding `json:"candidates,omitempty"`
	Missing    []facts.Gap      `json:"missing,omitempty"`
}

func wantOf(r checks.Result) want {
	return want{Status: r.Status(), Tried: r.Outcome.Tried, Findings: r.Outcome.Findings, Candidates: r.Outcome.Candidates, Missing: r.Outcome.Missing}
}

func (su Suite) result(c Case) checks.Result { return su.Judge(c.Snapshot, c.Check.ID) }

// Compare compares the whole result of a check with the section want of a file; -update writes it instead.
func Compare(t *testing.T, path string, archive *txtar.Archive, r checks.Result) {
	t.Helper()
	got := YAML(t, wantOf(r))
	if *Update {
		Write(t, path, archive, got)
		return
	}
	if diff := cmp.Diff(string(Section(archive, "want")), got); diff != "" {
		t.Errorf("-want +got (-update rewrites it; read what it writes):\n%s", diff)
	}
}

// Cases reads all test files; Listed finds folders that no check reads.
func (su Suite) Cases(t *testing.T) []Case {
	t.Helper()
	var out []Case
	for _, check := range su.Checks {
		paths, err := filepath.Glob(filepath.Join("testdata", check.ID, "*.txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(archive.Comment)) == 0 {
				t.Errorf("%s: begin with a comment that says what the file shows", path)
			}
			out = append(out, Case{path, check, Decode(t, path, Section(archive, "snapshot.yaml")), archive})
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d test files", len(out))
	}
	return out
}

// Results compares the whole result of every case with what its file wants.
func (su Suite) Results(t *testing.T) {
	for _, c := range su.Cases(t) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(c.Path, "testdata/"), ".txtar"), func(t *testing.T) {
			before := YAML(t, c.Snapshot)
			r := su.result(c)
			if after := YAML(t, c.Snapshot); after != before {
				t.Errorf("the check changes the snapshot:\n%s", cmp.Diff(before, after))
			}
			Compare(t, c.Path, c.archive, r)
		})
	}
}

// EveryStatus wants at least one file of each check that fails, one that passes, one that is unknown.
func (su Suite) EveryStatus(t *testing.T) {
	seen := map[string][]checks.Status{}
	for _, c := range su.Cases(t) {
		seen[c.Check.ID] = append(seen[c.Check.ID], su.result(c).Status())
	}
	for _, c := range su.Checks {
		for _, status := range []checks.Status{checks.Fail, checks.Pass, checks.Unknown} {
			if !slices.Contains(seen[c.ID], status) {
				t.Errorf("testdata/%s: no file in which the check says %s", c.ID, status)
			}
		}
	}
}

// NothingSeen: a check that passes without having seen anything is wrong.
func (su Suite) NothingSeen(t *testing.T) {
	for _, c := range su.Checks {
		if r := su.Judge(&facts.Snapshot{}, c.ID); r.Status() != checks.Unknown {
			t.Errorf("%s says %s of an empty snapshot", c.ID, r.Status())
		}
	}
}

var declaration = regexp.MustCompile(`(?m)^\s+ID:\s+(?:"([^"]+)"|checks\.(\w+)),$`)

// Listed: the list, the files and the test data are about the same checks. A file with an underscore in
// its name is a check and is named by its id; one without is a room. besides are folders of test data that
// belong to no check.
func (su Suite) Listed(t *testing.T, besides ...string) {
	var listed, files []string
	for _, c := range su.Checks {
		listed = append(listed, c.ID)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, isGo := strings.CutSuffix(e.Name(), ".go")
		if !isGo || strings.HasSuffix(name, "_test") {
			continue
		}
		text, err := os.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		declares := len(declaration.FindAll(text, -1))
		switch isCheck := strings.Contains(name, "_"); {
		case isCheck && declares != 1:
			t.Errorf("%s.go declares %d checks: a file with an underscore is one check, named by its id", name, declares)
		case isCheck:
			files = append(files, strings.ReplaceAll(name, "_", "-"))
		case declares > 0:
			t.Errorf("%s.go declares a check, which belongs into a file of its own", name)
		}
	}
	same(t, "listed checks", listed, "files of checks", files)
	var folders []string
	if entries, err = os.ReadDir("testdata"); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(besides, e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	same(t, "listed checks", listed, "folders in testdata", folders)
}

func same(t *testing.T, whatA string, a []string, whatB string, b []string) {
	t.Helper()
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("%s (-) and %s (+) are not the same:\n%s", whatA, whatB, diff)
	}
}

// Section is the text of one file of an archive, nil when it has none of that name.
func Section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// Write puts got into the section want of an archive.
func Write(t *testing.T, path string, a *txtar.Archive, got string) {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		a.Files = append(a.Files, txtar.File{Name: "want"})
		i = len(a.Files) - 1
	}
	a.Files[i].Data = []byte(got)
	if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Decode reads strictly: a misspelt field in test data would make a test pass for nothing.
func Decode(t *testing.T, path string, data []byte) *facts.Snapshot {
	t.Helper()
	s, err := facts.ReadStrict(bytes.NewReader(data), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// YAML is a value as it stands in test data.
func YAML(t *testing.T, v any) string {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
