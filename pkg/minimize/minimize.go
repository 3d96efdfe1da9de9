// Package minimize cuts a snapshot down to what the findings rest on, so that it can be posted with a bug report and
// kept as test data: what can be left out without another answer is left out, and names are replaced where that is
// asked for. It knows no check: it asks the same judges as the commands do, again and again.
package minimize

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// An Answer is what a command says of a snapshot, one line for each thing, as far as it must stay the same: the verdict,
// the status of each check, findings and diagnoses with what they are about and, where named is set, the sentence, the
// evidence and the timeline.
type Answer func(s *facts.Snapshot, named bool) []string

// Doctor is the answer of doctor.
func Doctor(s *facts.Snapshot, named bool) []string {
	r := report.New(s, cluster.Judge(s, nil), "")
	return append([]string{"verdict " + string(r.Verdict)}, entries(r, named)...)
}

// Why is the answer of why to everything that the snapshot has.
func Why(s *facts.Snapshot, named bool) []string {
	r := report.Why(s, pods.Judge(s, nil), nil, "")
	out := append([]string{"verdict " + string(r.Verdict)}, entries(r, named)...)
	for _, d := range r.Entries() {
		wait := pods.Wait("")
		if d.Progress != nil {
			wait = d.Progress.WaitsFor
		}
		line := fmt.Sprintf("diagnosis %s %q of %d pods, because %q, %s", object(d.Object, named), d.RootCause, len(d.Pods), d.Because, wait)
		if named {
			line += words(d.Container, d.Message, d.Evidence, d.Workarounds, d.Timeline)
		}
		for _, s := range d.Symptoms {
			line += " " + s.Check
		}
		out = append(out, line)
	}
	slices.Sort(out[1:])
	return out
}

func entries(r *report.Report, named bool) []string {
	var out []string
	for _, e := range r.Checks {
		out = append(out, fmt.Sprintf("check %s %s %s", e.ID, e.Severity, e.Status))
		for _, f := range e.Findings {
			line := fmt.Sprintf("finding %s %s of %s", e.ID, e.Severity, object(f.Object, named))
			if named {
				line += words(f.Container, f.Message, f.Evidence, f.Because)
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// words are what is said, and what it is proven with: data that JSON shows as it is.
func words(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return err.Error()
	}
	return " " + string(text)
}

func object(o checks.Object, named bool) string {
	if named {
		return report.ObjectName(o)
	}
	return o.Kind
}

// Snapshot is s without what the answer does not need. It stops early, with what is left by then, when ctx is over.
func Snapshot(ctx context.Context, s *facts.Snapshot, answer Answer) (*facts.Snapshot, error) {
	out, err := copied(s)
	if err != nil {
		return nil, err
	}
	want := answer(out, true)
	p := &pruner{
		over: func() bool { return ctx.Err() != nil },
		same: func() bool { return slices.Equal(answer(out, true), want) },
	}
	v := reflect.ValueOf(out).Elem()
	for i := range v.NumField() { // lists first: the rest is then small
		if f := v.Field(i); f.Kind() == reflect.Slice && prunable(v.Type().Field(i)) {
			p.slice(f)
		}
	}
	p.inside(v)
	if back, err := copied(out); err != nil || !slices.Equal(answer(back, true), want) {
		return copied(s) // what cannot be written and read again is of no use
	}
	return out, nil
}

// copied is s as it is when it is written and read again.
func copied(s *facts.Snapshot) (*facts.Snapshot, error) {
	var text strings.Builder
	if err := s.Write(&text); err != nil {
		return nil, err
	}
	return facts.Read(strings.NewReader(text.String()), "the snapshot")
}

// A pruner leaves things out of a value for as long as the answer stays the same.
type pruner struct {
	over, same func() bool
}

// whole are the lists that stay as they are: what a pod is, and what was looked for. What is in them is pruned.
var whole = []string{"Seen", "InitContainers", "Containers", "InitContainerStatuses", "ContainerStatuses"}

func prunable(f reflect.StructField) bool {
	return f.IsExported() && f.Tag.Get("json") != "-" && !slices.Contains(whole, f.Name)
}

// try sets a value, and takes that back when the answer is another one then.
func (p *pruner) try(v, to reflect.Value) bool {
	if p.over() {
		return false
	}
	old := reflect.New(v.Type()).Elem()
	old.Set(v)
	v.Set(to)
	if p.same() {
		return true
	}
	v.Set(old)
	return false
}

// slice leaves elements out, many at a time at first.
func (p *pruner) slice(v reflect.Value) {
	if v.Len() == 0 || v.Type().Elem().Kind() == reflect.Uint8 {
		return
	}
	if p.try(v, reflect.Zero(v.Type())) {
		return
	}
	for size := (v.Len() + 1) / 2; size > 0 && v.Len() > 1; size /= 2 {
		for at := 0; at < v.Len() && !p.over(); {
			end := min(at+size, v.Len())
			rest := reflect.AppendSlice(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v.Slice(0, at)), v.Slice(end, v.Len()))
			if rest.Len() == 0 || !p.try(v, rest) {
				at = end
			}
		}
	}
}

// inside prunes what a value has in it.
func (p *pruner) inside(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f, of := v.Field(i), v.Type().Field(i)
			if !of.IsExported() || of.Tag.Get("json") == "-" {
				continue
			}
			if prunable(of) {
				p.outside(f)
			}
			p.inside(f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			p.inside(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			p.inside(v.Elem())
		}
	}
}

// outside leaves a whole value out, or parts of a list or a map.
func (p *pruner) outside(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		p.slice(v)
	case reflect.Pointer:
		if !v.IsNil() {
			p.try(v, reflect.Zero(v.Type()))
		}
	case reflect.Map:
		p.mapping(v)
	}
}

func (p *pruner) mapping(v reflect.Value) {
	if v.Len() == 0 || p.try(v, reflect.Zero(v.Type())) {
		return
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, k := range keys {
		rest := reflect.MakeMap(v.Type())
		for _, other := range v.MapKeys() {
			if !other.Equal(k) {
				rest.SetMapIndex(other, v.MapIndex(other))
			}
		}
		p.try(v, rest)
	}
}
