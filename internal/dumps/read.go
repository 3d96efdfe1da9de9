// Package dumps reads what people have of a cluster: files and folders of objects, compressed and packed ones, and what
// tools that collect for support write: kubectl cluster-info dump, troubleshoot.sh, must-gather. It unpacks, splits, and
// finds out what a file is; it judges nothing, and writes no file.
package dumps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Stdin is the name under which what comes from stdin is reported.
const Stdin = "stdin"

// Options say what to read.
type Options struct {
	// Names are files, folders, patterns, and - for stdin.
	Names []string
	// Recursive reads the folders in a folder, too; those of a dump are always read.
	Recursive bool
	// Stdin is read for -.
	Stdin io.Reader
}

// An Error is why nothing can be read from a name, and what to do about it.
type Error struct {
	Err error
	// Hint may be empty.
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// A ReportError is a file with a report of this program where a snapshot is expected.
type ReportError struct {
	// Text is the report.
	Text []byte
	Err  error
}

func (e *ReportError) Error() string { return e.Err.Error() }
func (e *ReportError) Unwrap() error { return e.Err }

// Read reads one snapshot from everything that is named.
func Read(ctx context.Context, o Options) (*facts.Snapshot, error) {
	r := newReader(ctx, o)
	for _, name := range o.Names {
		if err := r.name(name); err != nil {
			return nil, err
		}
	}
	return r.finish()
}

// A reader is one that is at work.
type reader struct {
	Options
	ctx   context.Context
	parts *facts.Parts
	max   limits
	spent spending
	// done are the files that were read, by their place.
	done map[string]bool
	logs []logText
	// links are the places of links in archives and dumps, with what they point to.
	links []link
	// unread is what could not be understood, left what is neither objects nor logs.
	unread []unread
	left   []string
	// packed is set where something came from an archive or a dump.
	packed bool
	// manifests, if it is not nil, takes files as they are: see Unpack.
	manifests *[]File
}

// unread is a file, or a part of one, that may have had something in it.
type unread struct {
	place, reason string
	kind          facts.Kind // "" where that is not known
	about         facts.Instance
}

type link struct{ place, target string }

func newReader(ctx context.Context, o Options) *reader {
	return &reader{Options: o, ctx: ctx, parts: facts.NewParts(), max: usual, done: map[string]bool{}}
}

// finish is the snapshot, with what is missing of it.
func (r *reader) finish() (*facts.Snapshot, error) {
	r.addLogs()
	r.checkLinks()
	r.addUnread()
	s, err := r.parts.Snapshot()
	switch {
	case errors.Is(err, facts.ErrNothing) && len(r.unread) > 0:
		return nil, fmt.Errorf("%s: %s", r.unread[0].place, r.unread[0].reason)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", r.what(), err)
	}
	for _, limit := range r.limits(s) {
		s.Limits = append(s.Limits, facts.RedactText(limit))
	}
	return s, nil
}

// what is what was read, in words.
func (r *reader) what() string {
	if len(r.Names) == 1 {
		return shown(r.Names[0])
	}
	return "the files together"
}

func shown(name string) string {
	if name == "-" {
		return Stdin
	}
	return name
}

// mostNamed is how many files of one sort are named.
const mostNamed = 3

// limits say what the snapshot does not have.
func (r *reader) limits(s *facts.Snapshot) []string {
	var out []string
	if n := len(r.left); n > 0 {
		out = append(out, fmt.Sprintf("left out, since neither objects nor logs of containers of the dump: %s", some(r.left)))
	}
	if list := r.parts.Differ(); len(list) > 0 {
		out = append(out, fmt.Sprintf("in several files, as of different times; what was read first counts: %s", some(list)))
	}
	if len(r.unread) > 0 {
		out = append(out, "not read, and so unknown: "+some(r.notUnderstood()))
	}
	if namespaces := namespacesOf(s); r.packed && !s.Has(facts.Namespaces) && len(namespaces) > 0 {
		of := "namespaces"
		if len(namespaces) == 1 {
			of = "namespace"
		}
		out = append(out, fmt.Sprintf("the dump has objects of the %s %s; whether there are others is not known", of, some(namespaces)))
	}
	return out
}

// notUnderstood are the files with something that could not be understood, and why where no gap says so.
func (r *reader) notUnderstood() []string {
	var out []string
	for _, u := range r.unread {
		text := u.place
		if u.kind == "" {
			text += ": " + u.reason
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

func namespacesOf(s *facts.Snapshot) []string {
	var out []string
	for i := range s.Pods {
		out = append(out, s.Pods[i].Namespace)
	}
	for i := range s.Deployments {
		out = append(out, s.Deployments[i].Namespace)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(n string) bool { return n == "" })
}

// some names a few, and how many more there are.
func some(list []string) string {
	if more := len(list) - mostNamed; more > 0 {
		return strings.Join(list[:mostNamed], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(list, ", ")
}

// missing notes what could not be understood. What its place or its text says that it is, is unknown.
func (r *reader) missing(place string, text []byte, err error) {
	if kind, ok := facts.KindOf(kindOfPlace(place)); ok {
		r.unread = append(r.unread, unread{place: place, reason: err.Error(), kind: kind})
		return
	}
	kinds := kindsIn(text)
	for _, kind := range kinds {
		r.unread = append(r.unread, unread{place: place, reason: err.Error(), kind: kind})
	}
	if len(kinds) == 0 {
		r.unread = append(r.unread, unread{place: place, reason: err.Error()})
	}
}

// mostUnread is how many files are named that lack for one kind of fact.
const mostUnread = 10

// addUnread makes gaps of what could not be understood.
func (r *reader) addUnread() {
	count := map[facts.Kind]int{}
	for _, u := range r.unread {
		if u.kind != "" {
			count[u.kind]++
		}
	}
	told := map[facts.Kind]int{}
	for _, u := range r.unread {
		if u.kind == "" {
			continue
		}
		told[u.kind]++
		switch n := told[u.kind]; {
		case n < mostUnread || count[u.kind] == mostUnread:
			r.parts.Unread(u.kind, u.about, u.place+": "+u.reason)
		case n == mostUnread:
			r.parts.Unread(u.kind, facts.Instance{}, fmt.Sprintf("%d more files could not be read", count[u.kind]-n+1))
		}
	}
}

// checkLinks names the links that lead to something that was not read: nothing is followed.
func (r *reader) checkLinks() {
	for _, l := range r.links {
		if !r.done[l.target] {
			r.left = append(r.left, l.place+" (a link)")
		}
	}
}

// document reads a text with objects. One that the user named has to have some.
func (r *reader) document(place string, text []byte, named bool) error {
	if r.spent.documents += int64(len(text)); r.spent.documents > r.max.documents {
		return tooMuch(place, "objects", r.max.documents)
	}
	if r.told(place, text) {
		return nil
	}
	n, err := r.parts.Add(text, listOfPlace(place))
	if err == nil && n == 0 && named {
		err = facts.ErrNothing
	}
	switch {
	case err == nil:
		return nil
	case named && errors.Is(err, facts.ErrReport):
		return &ReportError{text, fmt.Errorf("%s: %w", place, err)}
	case named:
		return refusal(place, text, err)
	case n == 0 && harmless(err) && len(text) > 0:
		r.left = append(r.left, place)
	default:
		r.missing(place, text, err)
	}
	return nil
}

// harmless reports whether an error is one of a text that is well-formed and has no object.
func harmless(err error) bool {
	return errors.Is(err, facts.ErrNothing) || errors.Is(err, facts.ErrReport) || errors.Is(err, facts.ErrNoObject)
}

var noKind metav1.TypeMeta
