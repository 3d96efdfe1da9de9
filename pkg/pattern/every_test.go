package pattern

import (
	"fmt"
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
)

// TestEvery: every pattern of the program compiles, and finds in the lines of the test data and in its own text what its
// regular expression finds.
func TestEvery(t *testing.T) {
	texts, lines := patternsOf(t, "../.."), linesOf(t, "..")
	if len(texts) < 100 || len(lines) < 2000 {
		t.Fatalf("%d patterns, %d lines", len(texts), len(lines))
	}
	matches := 0
	for where, text := range texts {
		re, err := regexp.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		p := New(text)
		for _, line := range append(lines, text) {
			want := re.MatchString(line)
			if want {
				matches++
			}
			if p.MatchString(line) != want {
				t.Errorf("%s: %s in %q: %t, want %t", where, text, line, !want, want)
			}
		}
	}
	if matches < len(texts) {
		t.Errorf("%d patterns match %d times: this shows little", len(texts), matches)
	}
	t.Logf("%d patterns, %d lines, %d matches", len(texts), len(lines), matches)
}

// patternsOf are the texts of all patterns below a folder, by where they stand.
func patternsOf(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	packages := map[string][]*ast.File{}
	files := token.NewFileSet()
	for _, dir := range []string{"pkg", "internal", "cmd"} {
		check(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
			return err
		}))
	}
	for _, list := range packages {
		constants := constantsOf(list)
		for _, file := range list {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "New" && fmt.Sprint(f.X) == "pattern" {
					where := files.Position(call.Pos()).String()
					text, ok := textOf(call.Args[0], constants)
					if !ok {
						t.Errorf("%s: its text is not a constant", where)
					}
					out[where] = text
				}
				return true
			})
		}
	}
	return out
}

// constantsOf are the constants of a package with a value of their own.
func constantsOf(list []*ast.File) map[string]ast.Expr {
	out := map[string]ast.Expr{}
	for _, file := range list {
		ast.Inspect(file, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, s := range d.Specs {
					for i, value := range s.(*ast.ValueSpec).Values {
						out[s.(*ast.ValueSpec).Names[i].Name] = value
					}
				}
			}
			return true
		})
	}
	return out
}

// textOf is the text of literals, constants and their sums.
func textOf(e ast.Expr, constants map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := textOf(e.X, constants)
		right, also := textOf(e.Y, constants)
		return left + right, ok && also && e.Op == token.ADD
	case *ast.ParenExpr:
		return textOf(e.X, constants)
	case *ast.Ident:
		if value, ok := constants[e.Name]; ok {
			return textOf(value, constants)
		}
	}
	return "", false
}

// linesOf are different lines of the test data below a folder, of every tenth.
func linesOf(t *testing.T, root string) []string {
	t.Helper()
	seen := map[string]bool{}
	n := 0
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if n++; n%10 == 0 {
				seen[strings.TrimSpace(line)] = true
			}
		}
		return err
	}))
	out := make([]string, 0, len(seen))
	for line := range seen {
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
