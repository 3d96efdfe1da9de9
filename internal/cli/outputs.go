package cli

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// outputs is --output of commands that print a report: FORMAT, or FORMAT=FILE, several times. The
// default format stands on stdout unless another is asked for there, so that the log of a pipeline
// has the answer besides the files.
type outputs struct {
	formats []print.Format
	typed   []output
}

type output struct {
	format print.Format
	file   string // empty for stdout
}

func (o *outputs) String() string {
	var words []string
	for _, t := range o.typed {
		words = append(words, strings.TrimSuffix(t.format.Name+"="+t.file, "="))
	}
	return strings.Join(words, ",")
}

func (o *outputs) Type() string { return "FORMAT[=FILE]" }

func (o *outputs) names() []string {
	var names []string
	for _, f := range o.formats {
		names = append(names, f.Name)
	}
	return names
}

// Set adds one; the rules that concern several are those of check.
func (o *outputs) Set(s string) error {
	name, file, named := strings.Cut(s, "=")
	at := slices.Index(o.names(), name)
	if at < 0 {
		return &choiceError{typed: name, valid: o.names()}
	}
	if named && file == "" {
		return fmt.Errorf("%q names no file", s)
	}
	if file == "-" {
		file = ""
	}
	o.typed = append(o.typed, output{format: o.formats[at], file: file})
	return nil
}

func addOutputs(cmd *cobra.Command, o *outputs) {
	cmd.Flags().VarP(o, "output", "o", "Output format, to stdout or to a file: "+strings.Join(o.names(), ", ")+"; repeatable")
	complete(cmd, "output", o.names())
}

// check refuses what would make one output spoil another.
func (o *outputs) check() error {
	var onStdout string
	files := map[string]string{}
	for _, t := range o.typed {
		switch {
		case t.file != "" && files[filepath.Clean(t.file)] != "":
			return usage("give each format a file of its own", "-o %s and -o %s both write %s",
				files[filepath.Clean(t.file)], t.format.Name, t.file)
		case t.file != "":
			files[filepath.Clean(t.file)] = t.format.Name
		case t.format.Annotates:
		case onStdout != "":
			return usage(fmt.Sprintf("write one of them to a file: -o %s=FILE", t.format.Name),
				"-o %s and -o %s both write to stdout", onStdout, t.format.Name)
		default:
			onStdout = t.format.Name
		}
	}
	return nil
}

// open makes sure that every file can be written before a cluster is asked for what belongs there.
func (o *outputs) open(streams genericiooptions.IOStreams) (*openOutputs, error) {
	all := &openOutputs{streams: streams, summary: o.summary()}
	onStdout := false
	for _, t := range o.typed {
		if t.file == "" {
			onStdout = true
			all.stdout = append(all.stdout, t.format)
			continue
		}
		file, err := newTarget(t.file, streams)
		if err != nil {
			all.discard()
			return nil, err
		}
		all.files = append(all.files, openFile{format: t.format, target: file})
	}
	if !onStdout {
		all.stdout = o.formats[:1]
	}
	return all, nil
}

// openOutputs is where one report goes.
type openOutputs struct {
	streams genericiooptions.IOStreams
	stdout  []print.Format
	files   []openFile
	summary *summary // nil for none
}

type openFile struct {
	format print.Format
	target *target
}

// print writes the report everywhere, each in one piece. What fails does not keep the rest from
// being written; the first error is returned.
func (o *openOutputs) print(r *report.Report, color string) error {
	return o.write(color, func(f print.Format, w io.Writer, options print.Options) error { return f.Print(w, r, options) })
}

// A document is one result, which can be written in a format.
type document func(f print.Format, w io.Writer, options print.Options) error

func (o *openOutputs) write(color string, d document) error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, f := range o.files {
		data, err := printed(f.format, d, print.Options{Width: defaultWidth, Unicode: true, Color: color == colorAlways})
		if err == nil {
			err = f.target.finish(data)
		}
		keep(err)
	}
	for _, f := range o.stdout {
		data, err := printed(f, d, printOptions(o.streams.Out, color))
		if err == nil {
			err = writeTo(o.streams.Out, data)
		}
		keep(err)
	}
	if o.summary != nil {
		keep(o.summary.append(d))
	}
	return first
}

// discard removes what is left of files that were not written.
func (o *openOutputs) discard() {
	for _, f := range o.files {
		f.target.discard()
	}
}

func printed(f print.Format, d document, options print.Options) ([]byte, error) {
	var out bytes.Buffer
	if err := d(f, &out, options); err != nil {
		return nil, fmt.Errorf("printing the report as %s: %w", f.Name, err)
	}
	return out.Bytes(), nil
}
