package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNewCheck follows CONTRIBUTING in a copy of the tree, for a check on clusters and one on pods: the
// templates, their TODOs, the lists, the expected results. Then every test must pass, and nothing else
// has changed.
func TestNewCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the tests a second time")
	}
	root := copyTree(t)
	t.Chdir(root)
	before := contents(t)
	families := []struct{ family, id, after, variable string }{
		{"cluster", "node-not-labeled", "kubeletTooOld", "nodeNotLabeled"},
		{"pods", "pod-not-admitted", "volumeNotMounted", "podNotAdmitted"},
	}
	var want []string
	for _, f := range families {
		if err := write(f.family, f.id); err != nil {
			t.Fatal(err)
		}
		if err := write(f.family, f.id); err == nil {
			t.Error("a second check of the same id was written over the first")
		}
		list := "pkg/checks/" + f.family + "/all.go"
		edit(t, list, func(text string) string {
			return strings.Replace(text, "\t"+f.after+",", "\t"+f.after+",\n\t\t"+f.variable+",", 1)
		})
		want = append(want, list, "docs/checks/"+f.id+".md", "pkg/checks/"+f.family+"/"+strings.ReplaceAll(f.id, "-", "_")+".go")
		for _, name := range []string{"problem", "fine", "unknown"} {
			want = append(want, "pkg/checks/"+f.family+"/testdata/"+f.id+"/"+name+".txtar")
		}
	}
	goTest(t, true, "./pkg/checks/cluster", "./pkg/checks/pods", "-update")
	if out := goTest(t, false, "./pkg/checks"); strings.Count(out, "TODO(newcheck)") != 10 {
		t.Errorf("leftovers of the templates in ten files were not refused one by one:\n%s", out)
	}
	for _, path := range want {
		edit(t, path, func(text string) string { return leftover.ReplaceAllString(text, "") })
	}
	goTest(t, true, "./pkg/checks/...", "./pkg/report", "./pkg/print", "./docs/...", "./cmd/...", "./internal/cli")
	var changed []string
	after := contents(t)
	for path, text := range after {
		// Where no cause is found, why says which checks on pods were ruled out: -update adds the new one.
		if before[path] != text && !strings.HasPrefix(path, "pkg/checks/pods/testdata/diagnoses/") {
			changed = append(changed, path)
		}
	}
	slices.Sort(want)
	slices.Sort(changed)
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("files of the checks (-) and files that changed (+):\n%s", diff)
	}
	for _, f := range families {
		path := "pkg/checks/" + f.family + "/testdata/" + f.id + "/problem.txtar"
		if !strings.Contains(after[path], "status: fail") {
			t.Errorf("the problem is not found:\n%s", after[path])
		}
	}
}

// TestNewCheckOnManifests does the same for a check on manifests, as far as the checks themselves: it also changes how many
// checks a few transcripts count.
func TestNewCheckOnManifests(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the tests a second time")
	}
	t.Chdir(copyTree(t))
	const id, folder = "container-without-image", "pkg/checks/manifests/"
	if err := write("manifests", id); err != nil {
		t.Fatal(err)
	}
	edit(t, folder+"all.go", func(text string) string {
		return strings.Replace(text, "\tstrategyCanGo,", "\tstrategyCanGo,\n\t\tcontainerWithoutImage,", 1)
	})
	goTest(t, true, "./pkg/checks/manifests", "-update")
	if out := goTest(t, false, "./pkg/checks"); strings.Count(out, "TODO(newcheck)") != 5 {
		t.Errorf("leftovers of the templates in five files were not refused one by one:\n%s", out)
	}
	for _, path := range []string{"docs/checks/" + id + ".md", folder + "container_without_image.go", folder + "testdata/" + id + "/problem.txtar",
		folder + "testdata/" + id + "/fine.txtar", folder + "testdata/" + id + "/unknown.txtar"} {
		edit(t, path, func(text string) string { return leftover.ReplaceAllString(text, "") })
	}
	goTest(t, true, "./pkg/checks", "./pkg/checks/manifests")
	if problem, err := os.ReadFile(folder + "testdata/" + id + "/problem.txtar"); err != nil || !strings.Contains(string(problem), "status: fail") {
		t.Errorf("the problem is not found: %v\n%s", err, problem)
	}
}

// leftover is what a person replaces in what newcheck writes: a comment of a line of Go, or the beginning of
// a sentence.
var leftover = regexp.MustCompile(` // TODO\(newcheck\):.*|TODO\(newcheck\): `)

// copyTree copies what the tests read of the tree.
func copyTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"pkg", "docs", "cmd", "internal", "hack", "deploy", "test", "plugins"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "action.yml", "Makefile"} {
		b, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// contents is every file below the working directory.
func contents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[filepath.ToSlash(path)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func edit(t *testing.T, path string, change func(string) string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(change(string(b))), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goTest runs tests of the copy, which pass or do not. With -trimpath what is built does not depend on where the
// copy is, so the next run has it from the cache.
func goTest(t *testing.T, pass bool, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"test", "-trimpath", "-ldflags=-w", "-vet=off", "-short"}, args...)...).CombinedOutput()
	if (err == nil) != pass {
		t.Fatalf("go test %v: pass is to be %t: %v\n%s", args, pass, err, out)
	}
	return string(out)
}
