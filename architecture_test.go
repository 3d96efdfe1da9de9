// Package sidecar_test holds the rules that are about the whole tree: who may import whom, and what
// no file may contain. docs/architecture.md gives the reasons.
package sidecar_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kubectl-sidecar/kubectl-sidecar/"

// mayImport lists, for each package of the plugin, the packages of this module that it may use.
// A package that is not in it is a new one: add it here with care.
var mayImport = map[string][]string{
	"pkg/prose":            {},
	"pkg/pattern":          {},
	"pkg/facts":            {"pkg/pattern"},
	"pkg/facts/factstest":  {"pkg/facts"},
	"pkg/known":            {"pkg/facts"},
	"pkg/gate":             {"pkg/facts", "pkg/pattern"},
	"pkg/edit":             {"pkg/workload"},
	"pkg/convert":          {"pkg/edit", "pkg/facts", "pkg/roles", "pkg/software", "pkg/workload"},
	"pkg/workload":         {"pkg/facts", "pkg/pattern"},
	"pkg/software":         {"pkg/facts", "pkg/known", "pkg/prose", "pkg/pattern"},
	"pkg/roles":            {"pkg/facts", "pkg/known", "pkg/prose", "pkg/software", "pkg/workload", "pkg/pattern"},
	"pkg/checks":           {"pkg/facts", "pkg/prose"},
	"pkg/checks/cluster":   {"pkg/checks", "pkg/facts", "pkg/gate", "pkg/known", "pkg/prose"},
	"pkg/checks/pods":      {"pkg/checks", "pkg/checks/cluster", "pkg/facts", "pkg/gate", "pkg/known", "pkg/prose", "pkg/software"},
	"pkg/checks/checktest": {"pkg/checks", "pkg/facts"},
	"pkg/checks/manifests": {"pkg/checks", "pkg/checks/cluster", "pkg/facts", "pkg/gate", "pkg/known", "pkg/prose", "pkg/roles", "pkg/software", "pkg/workload", "pkg/pattern"},
	"internal/manifests":   {"internal/dumps", "pkg/checks/manifests", "pkg/facts"},
	"pkg/report":           {"pkg/checks", "pkg/checks/cluster", "pkg/checks/manifests", "pkg/checks/pods", "pkg/facts", "pkg/prose", "pkg/pattern"},
	"pkg/minimize":         {"pkg/checks", "pkg/checks/cluster", "pkg/checks/pods", "pkg/facts", "pkg/report"},
	"pkg/print":            {"pkg/checks", "pkg/checks/cluster", "pkg/checks/pods", "pkg/facts", "pkg/prose", "pkg/report", "pkg/plan", "pkg/roles"},
	"docs":                 {},
	"internal/admission":   {"pkg/facts", "pkg/pattern"},
	"internal/collect":     {"pkg/facts", "pkg/gate", "pkg/known", "internal/admission", "pkg/workload", "pkg/pattern"},
	"internal/dumps":       {"pkg/facts"},
	"internal/kustomize":   {"pkg/edit", "pkg/workload"},
	"internal/cli":         {"pkg/facts", "pkg/gate", "pkg/software", "pkg/workload", "pkg/roles", "pkg/edit", "pkg/convert", "pkg/plan", "pkg/checks", "pkg/checks/cluster", "pkg/checks/manifests", "pkg/checks/pods", "pkg/report", "pkg/print", "pkg/prose", "internal/collect", "internal/admission", "internal/dumps", "internal/kustomize", "internal/manifests", "docs", "pkg/minimize", "internal/tty"},
	"internal/tty":         {"pkg/print"},
	"pkg/plan":             {"pkg/checks", "pkg/checks/cluster", "pkg/facts", "pkg/gate", "pkg/known", "pkg/roles", "pkg/workload"},
	"cmd/kubectl-sidecar":  {"internal/cli"},
	"cmd/sidecar-run":      {"internal/handshake", "internal/process", "internal/reach"},
	"internal/handshake":   {},
	"internal/process":     {},
	"internal/reach":       {},
}

// noClient are the folders that must stay free of anything that can talk to a cluster.
var noClient = []string{"pkg", "docs"}

func TestImports(t *testing.T) {
	for pkg, imports := range goList(t) {
		allowed, known := mayImport[pkg]
		if !known {
			if !strings.HasPrefix(pkg, "test/") && !strings.HasPrefix(pkg, "hack/") {
				t.Errorf("%s: not in mayImport", pkg)
			}
			continue
		}
		for _, imp := range imports {
			own, ours := strings.CutPrefix(imp, module)
			if ours && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, which it may not", pkg, own)
			}
			if slices.Contains(noClient, strings.Split(pkg, "/")[0]) && (strings.HasPrefix(imp, "k8s.io/client-go/") || imp == "net/http") {
				t.Errorf("%s imports %s, but must not be able to talk to a cluster", pkg, imp)
			}
		}
	}
}

// TestPackageComments: every package of the plugin says what it is.
func TestPackageComments(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{if not .Doc}}{{.ImportPath}}{{end}}", "./pkg/...", "./internal/...", "./cmd/...", "./docs").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		t.Errorf("%s has no package comment", pkg)
	}
}

// goList returns the direct imports of every package of the module, tests left out.
func goList(t *testing.T) map[string][]string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	list := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if pkg, ok := strings.CutPrefix(fields[0], module); ok {
			list[pkg] = fields[1:]
		}
	}
	if len(list) < len(mayImport)-1 {
		t.Fatalf("go list found only %d packages", len(list))
	}
	return list
}

var (
	walkTitle = regexp.MustCompile(`^### (.+)$`)
	walkStop  = regexp.MustCompile("^[0-9]+\\. `([^`]+)`: ")
)

// TestWalks: the routes that docs/architecture.md tells file by file are through files that are there, and
// never return to a package that they have left.
func TestWalks(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, told, found := strings.Cut(string(page), "\n## Three walks\n")
	if !found {
		t.Fatal("docs/architecture.md tells no walks")
	}
	told, _, _ = strings.Cut(told, "\n## ")
	walk, stops, left, at := "", 0, map[string]bool{}, ""
	for line := range strings.SplitSeq(told, "\n") {
		if m := walkTitle.FindStringSubmatch(line); m != nil {
			walk, left, at = m[1], map[string]bool{}, ""
		}
		m := walkStop.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		stops++
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("%s: %v", walk, err)
		}
		if dir := path.Dir(m[1]); dir != at {
			if left[dir] {
				t.Errorf("%s: %s is in a package that the walk has left", walk, m[1])
			}
			left[dir], at = true, dir
		}
	}
	if stops < 20 {
		t.Errorf("only %d stops were read", stops)
	}
}

var (
	initFunc   = regexp.MustCompile(`^func init\(\)`)
	genericDir = regexp.MustCompile(`(^|/)(utils?|common|helpers?|types|misc)(/|$)`)
)

const maxLines = 400

// tracked are the files that git tracks, or would, whose names match; fewer than least are a mistake.
func tracked(t *testing.T, least int, patterns ...string) []string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"ls-files", "--cached", "--others", "--exclude-standard"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	files := strings.Fields(string(out))
	if len(files) < least {
		t.Fatalf("git ls-files found only %d files", len(files))
	}
	return files
}

// TestTestdataNames: files of test data are named in kebab-case, as the checks are.
func TestTestdataNames(t *testing.T) {
	for _, file := range tracked(t, 100, "pkg/checks/*.txtar") {
		if strings.Contains(path.Base(file), "_") {
			t.Errorf("%s: name test data in kebab-case", file)
		}
	}
}

func TestHouseRules(t *testing.T) {
	for _, file := range tracked(t, 20, "*.go") {
		if genericDir.MatchString(path.Dir(file)) {
			t.Errorf("%s: name the folder for what is in it", file)
		}
		f, err := os.Open(file)
		if err != nil {
			continue // deleted, not yet committed
		}
		lines := 0
		for sc := bufio.NewScanner(f); sc.Scan(); {
			lines++
			if initFunc.MatchString(sc.Text()) {
				t.Errorf("%s:%d: no init functions", file, lines)
			}
		}
		f.Close()
		if lines > maxLines {
			t.Errorf("%s: %d lines, at most %d: is there more than one thing in it?", file, lines, maxLines)
		}
	}
}

// TestNoTemplates: text/template calls methods by name. Where the program can get to it, the linker
// keeps every exported method of everything: half as large again, and slower to start.
func TestNoTemplates(t *testing.T) {
	binary := path.Join(t.TempDir(), "plugin")
	build := exec.Command("go", "build", "-ldflags=-w", "-o", binary, "./cmd/kubectl-sidecar")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as released
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	symbols, err := exec.Command("go", "tool", "nm", binary).Output()
	if err != nil {
		t.Fatalf("go tool nm: %v", err)
	}
	if !bytes.Contains(symbols, []byte(" T github.com/spf13/cobra.(*Command).ExecuteC\n")) {
		t.Fatal("go tool nm does not name functions as this test thinks")
	}
	if bytes.Contains(symbols, []byte(" T text/template.(*Template).Execute\n")) {
		t.Error("the plugin can get to text/template: write what a printer does without it, as pkg/print/html.go")
	}
}

// transport is what can send a request that no guard has seen.
var transport = regexp.MustCompile(`\bhttp\.(Transport\{|Default(Client|Transport)\b|(Get|Head|Post|PostForm)\()`)

// TestOneGuard: every client of the plugin is below a guard, because connections are made in one file.
func TestOneGuard(t *testing.T) {
	const allowed = "internal/collect/transports.go"
	found := false
	for _, file := range tracked(t, 20, "cmd/*.go", "internal/*.go", "pkg/*.go") {
		text, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range transport.FindAll(text, -1) {
			if file != allowed {
				t.Errorf("%s: %s: only %s makes connections", file, match, allowed)
			}
			found = found || file == allowed
		}
	}
	if !found {
		t.Errorf("%s has no transport: this test looks for something else than it thinks", allowed)
	}
}

// duration is a literal duration that does not only round another one.
var duration = regexp.MustCompile(`(?:\.Round\()?\btime\.(?:Millisecond|Second|Minute|Hour)\b`)

// TestPatience: every duration that decides about a pod stands in one file, where they can be compared.
func TestPatience(t *testing.T) {
	const allowed = "pkg/checks/pods/patience.go"
	found := false
	for _, file := range tracked(t, 20, "pkg/checks/pods/*.go") {
		text, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range duration.FindAll(text, -1) {
			if file != allowed && !bytes.HasPrefix(match, []byte(".Round(")) {
				t.Errorf("%s: %s: durations that decide stand in %s", file, match, allowed)
			}
			found = found || file == allowed
		}
	}
	if !found {
		t.Errorf("%s has no duration: this test looks for something else than it thinks", allowed)
	}
}
