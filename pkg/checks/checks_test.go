package checks

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var update = flag.Bool("update", false, "rewrite the want section of the files under testdata")

// want is the result of a check as it stands in a test file.
type want struct {
	Status   Status      `json:"status"`
	Tried    string      `json:"tried,omitempty"`
	Findings []Finding   `json:"findings,omitempty"`
	Missing  []facts.Gap `json:"missing,omitempty"`
}

// A suite is a list of checks with its test data, a folder for each check.
type suite struct {
	list func() []Check
	dir  string
}

var suites = []suite{{All, "testdata"}, {Pods, "testdata_pods"}}

// A testCase is one file <dir of its suite>/<id>/*.txtar: a comment that says what it shows, a section
// snapshot.yaml, and a section want with the result of check <id>.
type testCase struct {
	path     string
	archive  *txtar.Archive
	check    Check
	snapshot *facts.Snapshot
}

func TestChecks(t *testing.T) {
	for _, c := range testCases(t) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(c.path, "testdata/"), ".txtar"), func(t *testing.T) {
			before := toYAML(t, c.snapshot)
			got := toYAML(t, c.run())
			if after := toYAML(t, c.snapshot); after != before {
				t.Errorf("the check changes the snapshot:\n%s", cmp.Diff(before, after))
			}
			if *update {
				c.write(t, got)
				return
			}
			if diff := cmp.Diff(string(section(c.archive, "want")), got); diff != "" {
				t.Errorf("-want +got (go test ./pkg/checks -update rewrites it; read what it writes):\n%s", diff)
			}
		})
	}
}

func (c testCase) run() want { return resultOf(c.check, c.snapshot) }

func resultOf(c Check, s *facts.Snapshot) want {
	r := Run(s, []Check{c}, nil)[0]
	return want{Status: r.Status(), Tried: r.Outcome.Tried, Findings: r.Outcome.Findings, Missing: r.Outcome.Missing}
}

func (c testCase) write(t *testing.T, got string) {
	t.Helper()
	i := slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	if i < 0 {
		c.archive.Files = append(c.archive.Files, txtar.File{Name: "want"})
		i = len(c.archive.Files) - 1
	}
	c.archive.Files[i].Data = []byte(got)
	if err := os.WriteFile(c.path, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// testCases reads all test files; TestListed finds folders that no check reads.
func testCases(t *testing.T) []testCase {
	t.Helper()
	var out []testCase
	for _, suite := range suites {
		for _, check := range suite.list() {
			paths, err := filepath.Glob(filepath.Join(suite.dir, check.ID, "*.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				out = append(out, readCase(t, check, path))
			}
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d test files", len(out))
	}
	return out
}

func readCase(t *testing.T, check Check, path string) testCase {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Errorf("%s: begin with a comment that says what the file shows", path)
	}
	return testCase{path: path, archive: archive, check: check, snapshot: decode(t, path, section(archive, "snapshot.yaml"))}
}

// everyCheck is the checks of all suites.
func everyCheck() []Check {
	var out []Check
	for _, s := range suites {
		out = append(out, s.list()...)
	}
	return out
}

func section(a *txtar.Archive, name string) []byte {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// decode reads strictly: a misspelt field in test data would make a test pass for nothing.
func decode(t *testing.T, path string, data []byte) *facts.Snapshot {
	t.Helper()
	s, err := facts.ReadStrict(bytes.NewReader(data), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func toYAML(t *testing.T, v any) string {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryStatus wants at least one file of each check that fails, one that passes, one that is unknown.
func TestEveryStatus(t *testing.T) {
	seen := map[string][]Status{}
	for _, c := range testCases(t) {
		seen[filepath.Dir(c.path)] = append(seen[filepath.Dir(c.path)], c.run().Status)
	}
	for _, suite := range suites {
		for _, c := range suite.list() {
			dir := filepath.Join(suite.dir, c.ID)
			for _, status := range []Status{Fail, Pass, Unknown} {
				if !slices.Contains(seen[dir], status) {
					t.Errorf("%s: no file in which the check says %s", dir, status)
				}
			}
		}
	}
}

// TestNeeds proves what checks declare: taking away a kind that a check does not need never changes
// what its Run says, and taking away one that it needs does so for at least one file.
func TestNeeds(t *testing.T) {
	type use struct {
		dir  string
		kind facts.Kind
	}
	matters := map[use]bool{}
	for _, c := range testCases(t) {
		outcome := c.check.Run(c.snapshot)
		for _, kind := range facts.Kinds() {
			same := reflect.DeepEqual(outcome, c.check.Run(without(t, c.snapshot, kind)))
			needed := slices.Contains(c.check.Needs, kind)
			if !same && !needed {
				t.Errorf("%s: %s reads %s, which is not in its Needs", c.path, c.check.ID, kind)
			}
			if !same && needed {
				matters[use{filepath.Dir(c.path), kind}] = true
			}
		}
	}
	for _, suite := range suites {
		for _, c := range suite.list() {
			for _, kind := range c.Needs {
				if !matters[use{filepath.Join(suite.dir, c.ID), kind}] && !restsOn(c, kind) {
					t.Errorf("%s declares that it needs %s, but for no test file Run says something else without it", c.ID, kind)
				}
			}
		}
	}
}

// restsOn reports whether a check needs a kind without reading it: classes and canaries are made from
// these kinds, so that a gap in them leaves open whether a canary speaks for its class.
func restsOn(c Check, kind facts.Kind) bool {
	foundations := []facts.Kind{facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies}
	return slices.Contains(c.Needs, facts.Canaries) && slices.Contains(foundations, kind)
}

// fieldsOf are the fields of a snapshot, by their JSON name, that hold a kind of fact which is not
// called like its field.
var fieldsOf = map[facts.Kind][]string{
	facts.Clock:            {"takenAt"},
	facts.APIServers:       {"serverVersion", "apiServers", "apiServerLeases", "apiServerEndpoints"},
	facts.MutatingWebhooks: {"mutatingWebhooks"},
	facts.MutatingPolicies: {"mutatingPolicies"},
	facts.Canaries:         {"canaries", "classes"},
}

// without is the snapshot as it would be if kind had not been looked for.
func without(t *testing.T, s *facts.Snapshot, kind facts.Kind) *facts.Snapshot {
	t.Helper()
	out := &facts.Snapshot{}
	if err := yaml.Unmarshal([]byte(toYAML(t, s)), out); err != nil {
		t.Fatal(err)
	}
	out.Seen = slices.DeleteFunc(out.Seen, func(k facts.Kind) bool { return k == kind })
	out.Gaps = slices.DeleteFunc(out.Gaps, func(g facts.Gap) bool { return g.Kind == kind })
	names, found := fieldsOf[kind], false
	value := reflect.ValueOf(out).Elem()
	for i := range value.NumField() {
		name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		if slices.Contains(names, name) || names == nil && strings.EqualFold(name, string(kind)) {
			value.Field(i).SetZero()
			found = true
		}
	}
	if !found {
		t.Fatalf("which fields of the snapshot hold %s? say it in fieldsOf", kind)
	}
	return out
}

// TestNothingSeen: a check that passes without having seen anything is wrong.
func TestNothingSeen(t *testing.T) {
	for _, r := range Run(&facts.Snapshot{}, everyCheck(), nil) {
		if r.Status() != Unknown {
			t.Errorf("%s says %s of an empty snapshot", r.Check.ID, r.Status())
		}
	}
}

// TestSeenButEmpty: looked for everything, nothing there and no reason given. A cluster that shows no
// API server, no node and no canary cannot pass what is about them.
func TestSeenButEmpty(t *testing.T) {
	for _, r := range Run(&facts.Snapshot{Seen: facts.Kinds()}, All(), nil) {
		if r.Check.Category == ControlPlane && r.Check.ID != gateStillSet.ID && r.Status() != Unknown {
			t.Errorf("%s says %s of a snapshot without API servers", r.Check.ID, r.Status())
		}
	}
}
