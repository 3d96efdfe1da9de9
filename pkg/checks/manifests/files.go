package manifests

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A File is one that was read.
type File struct {
	Name      string
	Documents []workload.Document
	// Template is set for the source of a template, of which no document is judged.
	Template bool
	// Context is set for what was read only because others refer to it: it is not judged.
	Context bool
	// Root is set for the file of kustomize's that was built.
	Root bool
	// Built is set for what kustomize built: its places are those in the files that it was built from.
	Built bool
	// Empty is set for a text without anything but comments.
	Empty bool
	// Settled is set for what was judged when it was read: [Input.Settler].
	Settled bool
	// Err is why it, or what comes after Documents, could not be read.
	Err error

	// guards are those of a template that are false in some clusters.
	guards []guard
	// answers is what each check says of each workload, and services are those in it, once it is settled.
	answers  map[*workload.Workload][]answer
	services []service
}

// Parse reads the text of a file. Text without anything that a check looks at is not taken apart.
func Parse(name string, data []byte) File {
	f := File{Name: name}
	if !concerns(data) {
		f.Empty = empty(data)
		return f
	}
	documents, err := workload.Parse(name, data)
	switch {
	case errors.Is(err, workload.ErrTemplate):
		f.Template, f.guards = true, guardsIn(data)
	case err != nil:
		f.Documents, f.Err = documents, err
	default:
		f.Documents = documents
	}
	return f
}

// empty reports whether a text has nothing but comments and marks of documents.
func empty(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

// concerns reports whether a text may have a workload, or what refers to one. Words may be hidden by escapes, and by an
// encoding of two bytes for each character.
func concerns(data []byte) bool {
	if bytes.ContainsAny(data, "\\\x00") {
		return true
	}
	for _, word := range []string{"ontainers", "kind", "apiVersion", "patches", "resources", "{{"} {
		if bytes.Contains(data, []byte(word)) {
			return true
		}
	}
	return false
}

// gap says that a file could not be read.
func (f File) gap() facts.Gap {
	reason := strings.TrimPrefix(f.Err.Error(), "yaml: ")
	reason = strings.Join(strings.Fields(reason), " ")
	return facts.NewGap(facts.Workloads, facts.Instance{Kind: "File", Name: f.Name}, reason,
		facts.Do("correct the file, or leave it out"))
}

// A Skip is what was not judged and is no mistake.
type Skip struct {
	Place  checks.Place
	Reason string
}

const (
	skipTemplate    = "the source of a template is not YAML yet: render it and lint the result, as in helm template . | kubectl sidecar lint -f -"
	skipOwnSidecars = "has a field for sidecars of its own, whose meaning its controller gives"
	skipNoManifest  = "has neither apiVersion nor kind, and is no manifest: of the values of a chart, lint what they make, as in helm template . | kubectl sidecar lint -f -"
	skipOwnEnd      = "is of a kind whose controller ends sidecars on its own"
)

// Skipped is what of the files was not judged.
func (in Input) Skipped() []Skip {
	var out []Skip
	for _, f := range in.Files {
		if f.Context {
			continue
		}
		if f.Template {
			out = append(out, Skip{checks.Place{File: f.Name}, skipTemplate})
		}
		for _, g := range f.guards {
			out = append(out, g.skip(f.Name))
		}
		for _, d := range f.Documents {
			for _, a := range d.Alone {
				out = append(out, Skip{placeOf(a.Place), skipped(a)})
			}
		}
	}
	return out
}

func skipped(a workload.Alone) string {
	switch a.Reason {
	case workload.NoManifest:
		return skipNoManifest
	case workload.OwnEnd:
		return a.Kind + " " + skipOwnEnd
	}
	return a.Kind + " " + skipOwnSidecars
}

// onlyValues reports whether a file has nothing but documents that are no manifests, and have containers.
func (f File) onlyValues() bool {
	return len(f.Documents) > 0 && !slices.ContainsFunc(f.Documents, func(d workload.Document) bool {
		return !slices.ContainsFunc(d.Alone, func(a workload.Alone) bool { return a.Reason == workload.NoManifest })
	})
}

// placeOf is where a finding says that it is.
func placeOf(p workload.Place) checks.Place {
	return checks.Place{File: p.File, Line: p.Line, Column: p.Column}
}
