// Command newcheck writes the files of a new check from a template:
//
//	go run ./hack/newcheck my-problem        a check on clusters, for doctor
//	go run ./hack/newcheck -pods my-problem  a check on pods, for why
//	go run ./hack/newcheck -manifests my-problem  a check on manifests, for lint
//
// The check that it writes works: it finds nodes that are not ready, pods that a kubelet did not admit, or containers
// without an image.
// Replace what it looks for, and every TODO(newcheck), which a test refuses.
package main

import (
	"bytes"
	"embed"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed template
var templates embed.FS

// files maps each template to where its result belongs, from the top of the tree.
var files = []struct{ template, path string }{
	{"check.go.tmpl", "pkg/checks/{{.Family}}/{{.File}}.go"},
	{"page.md.tmpl", "docs/checks/{{.ID}}.md"},
	{"problem.txtar", "pkg/checks/{{.Family}}/testdata/{{.ID}}/problem.txtar"},
	{"fine.txtar", "pkg/checks/{{.Family}}/testdata/{{.ID}}/fine.txtar"},
	{"unknown.txtar", "pkg/checks/{{.Family}}/testdata/{{.ID}}/unknown.txtar"},
}

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)

func main() {
	pods := flag.Bool("pods", false, "a check on pods, for why")
	manifests := flag.Bool("manifests", false, "a check on manifests, for lint")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/newcheck [-pods|-manifests] ID\nID names the problem in kebab-case: kubelet-too-old")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *pods && *manifests || !kebab.MatchString(flag.Arg(0)) {
		flag.Usage()
		os.Exit(2)
	}
	family := "cluster"
	switch {
	case *pods:
		family = "pods"
	case *manifests:
		family = "manifests"
	}
	if err := write(family, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "newcheck:", err)
		os.Exit(1)
	}
}

// write writes a check of a family, which is the name of its package and of its folder of templates.
func write(family, id string) error {
	words := strings.Split(id, "-")
	for i := range words[1:] {
		words[i+1] = strings.ToUpper(words[i+1][:1]) + words[i+1][1:]
	}
	names := struct{ Family, ID, File, Var string }{family, id, strings.ReplaceAll(id, "-", "_"), strings.Join(words, "")}
	for _, f := range files {
		to, err := fill(f.path, names)
		if err != nil {
			return err
		}
		source, err := templates.ReadFile(path.Join("template", family, f.template))
		if err != nil {
			return err
		}
		text, err := fill(string(source), names)
		if err != nil {
			return err
		}
		if err := create(to, text); err != nil {
			return err
		}
		fmt.Println(to)
	}
	fmt.Printf("Now add %s to rules() in pkg/checks/%s/all.go, replace every TODO(newcheck), then:\n", names.Var, family)
	fmt.Printf("  go test ./pkg/checks/%s -update   (and read what it wrote)\n  go test ./pkg/checks/... ./docs\n", family)
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
