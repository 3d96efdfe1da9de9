// Package programs holds what the code starts against hack/packages.txt, the list of what is installed for it.
package programs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// A program is a line of hack/packages.txt.
type program struct{ names, packages, purpose, who string }

func listed(t *testing.T) (lines []program, names map[string]bool) {
	t.Helper()
	data, err := os.ReadFile(root + "/hack/packages.txt")
	if err != nil {
		t.Fatal(err)
	}
	names = map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 3 {
			t.Fatalf("packages.txt: %q: want program, package, for, who", line)
		}
		lines = append(lines, program{f[0], f[1], f[2], strings.Join(f[3:], " ")})
		for name := range strings.SplitSeq(f[0], "|") {
			names[path.Base(name)] = true
		}
	}
	return lines, names
}

// TestListed finds programs by name in what starts them: exec.Command, exec.CommandContext and
// exec.LookPath. Names that reach these in a variable are found by .ci/run, whose PATH has nothing else.
func TestListed(t *testing.T) {
	_, names := listed(t)
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.go").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	found := 0
	for file := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		for _, s := range started(t, file) {
			found++
			if !names[path.Base(s.name)] && !strings.HasPrefix(s.name, "/proc/self/fd/") { // a file that the test has open
				t.Errorf("%s starts %s, which is not in hack/packages.txt", s.where, s.name)
			}
		}
	}
	if found < 20 {
		t.Errorf("found only %d programs that are started by name", found)
	}
}

var scripted = regexp.MustCompile(`(?m)^(?:[!?] )?exec ([a-z][a-z0-9-]*)`)

// TestScriptsListed finds those that the scripts of the command line start.
func TestScriptsListed(t *testing.T) {
	_, names := listed(t)
	files, err := filepath.Glob(root + "/cmd/*/testdata/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("only %d scripts: %v", len(files), err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range scripted.FindAllSubmatch(text, -1) {
			found++
			if name := string(m[1]); !names[name] && name != "kubectl-sidecar" {
				t.Errorf("%s starts %s, which is not in hack/packages.txt", file, name)
			}
		}
	}
	if found == 0 {
		t.Error("no script starts a program: this test looks for something else than it thinks")
	}
}

type start struct{ where, name string }

// started returns the programs that a file starts by a name that stands there.
func started(t *testing.T, file string) (all []start) {
	t.Helper()
	files := token.NewFileSet()
	data, err := os.ReadFile(filepath.Join(root, file))
	if os.IsNotExist(err) {
		return nil // deleted, not yet committed
	}
	if err != nil {
		t.Fatal(err)
	}
	tree, err := parser.ParseFile(files, file, data, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := function.X.(*ast.Ident); !ok || of.Name != "exec" {
			return true
		}
		at, ok := map[string]int{"Command": 0, "LookPath": 0, "CommandContext": 1}[function.Sel.Name]
		if !ok || at >= len(call.Args) {
			return true
		}
		if literal, ok := call.Args[at].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			name, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, start{files.Position(call.Pos()).String(), name})
		}
		return true
	})
	return all
}

// TestTable: every line says who needs it, and what is said to be of every Debian is.
func TestTable(t *testing.T) {
	lines, _ := listed(t)
	_, noDebian := exec.LookPath("dpkg-query")
	for _, p := range lines {
		switch p.purpose {
		case "kubelets", "tests", "bare", "stress", "platforms":
			if p.who == "" {
				t.Errorf("packages.txt: %s: who starts it?", p.names)
			}
		case "readme":
		case "debian":
			if noDebian != nil {
				continue
			}
			out, err := exec.Command("dpkg-query", "-W", "-f", "${Essential} ${Priority}", p.packages).Output()
			if err != nil || !bytes.HasPrefix(out, []byte("yes ")) && !bytes.HasSuffix(out, []byte(" required")) {
				t.Errorf("packages.txt: %s: %s is not of every Debian: %s (%v)", p.names, p.packages, out, err)
			}
		default:
			t.Errorf("packages.txt: %s: for what is %q?", p.names, p.purpose)
		}
	}
}

// TestPath: the PATH of .ci/run has what is listed and what every Debian has, and nothing else.
func TestPath(t *testing.T) {
	if _, err := exec.LookPath("dpkg-query"); err != nil {
		t.Log("no dpkg-query: hack/path.sh leaves PATH as it is")
		return
	}
	mine := t.TempDir()
	for _, name := range []string{"stranger", "rsync"} {
		if err := os.WriteFile(filepath.Join(mine, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "path")
	cmd := exec.Command(root+"/hack/path.sh", dir)
	cmd.Env = append(os.Environ(), "PATH="+mine+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != dir {
		t.Fatalf("path.sh: %v\n%s", err, out)
	}
	for name, want := range map[string]bool{"rsync": true, "go": true, "sh": true, "awk": true, "stranger": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: %v, want it: %t", name, err, want)
		}
	}
}
