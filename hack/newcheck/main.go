// Command newcheck writes the files of a new check from a template:
//
//	go run ./hack/newcheck my-problem
//
// The check that it writes works: it finds nodes that are not ready. Replace what it looks for.
package main

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed template
var templates embed.FS

// files maps each template to where its result belongs, from the top of the tree.
var files = []struct{ template, path string }{
	{"check.go.tmpl", "pkg/checks/{{.File}}.go"},
	{"page.md.tmpl", "docs/checks/{{.ID}}.md"},
	{"problem.txtar", "pkg/checks/testdata/{{.ID}}/problem.txtar"},
	{"fine.txtar", "pkg/checks/testdata/{{.ID}}/fine.txtar"},
	{"untold.txtar", "pkg/checks/testdata/{{.ID}}/untold.txtar"},
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)

func main() {
	if len(os.Args) != 2 || !kebab.MatchString(os.Args[1]) {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/newcheck ID\nID names the problem in kebab-case: kubelet-too-old")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "newcheck:", err)
		os.Exit(1)
	}
}

func write(id string) error {
	words := strings.Split(id, "-")
	for i := range words[1:] {
		words[i+1] = strings.ToUpper(words[i+1][:1]) + words[i+1][1:]
	}
	names := struct{ ID, File, Var string }{id, strings.ReplaceAll(id, "-", "_"), strings.Join(words, "")}
	for _, f := range files {
		path, err := fill(f.path, names)
		if err != nil {
			return err
		}
		source, err := templates.ReadFile("template/" + f.template)
		if err != nil {
			return err
		}
		text, err := fill(string(source), names)
		if err != nil {
			return err
		}
		if err := create(path, text); err != nil {
			return err
		}
		fmt.Println(path)
	}
	fmt.Printf("now add %s to the list in pkg/checks/all.go, then: go test ./pkg/checks -update, and read what it wrote\n", names.Var)
	return nil
}

func fill(text string, names any) (string, error) {
	t, err := template.New("").Parse(text)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = t.Execute(&out, names)
	return out.String(), err
}

// create never overwrites: an id is not used twice.
func create(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Close()
}
