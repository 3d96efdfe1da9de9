package pods

import (
	"cmp"
	"slices"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// A Diagnosis is the answer to "why": one root cause that keeps one pod, or the pods of one owner,
// from working. Slices are never nil.
type Diagnosis struct {
	// Object is the pod when there is only one, else its owner.
	Object checks.Object `json:"object"`
	// Owner is the topmost owner; the pod itself when it has none.
	Owner checks.Object `json:"owner"`
	// Pods are the names of the pods it is about; empty when none was ever created.
	Pods []string `json:"pods"`
	// RootCause is the id of a check; empty when none of them found the cause.
	RootCause string `json:"rootCause"`
	// Probably is what the root cause is, if it still is when the file was taken; nil where that is known.
	Probably *Probable `json:"probably,omitempty"`
	// Container is the container that the root cause is about; empty where it is about none.
	Container string `json:"container,omitempty"`
	// Message is what is wrong, in one line.
	Message string `json:"message"`
	// Because are the ids of what explains the root cause in turn, beyond the pod: the API server's
	// gate, a webhook.
	Because []string `json:"because"`
	// Evidence is quoted. Without a root cause it is what was ruled out and what is not known.
	Evidence []string `json:"evidence"`
	// Steps are what to do, Fix the same as one text. Without a root cause it is the next command to run.
	Steps []checks.Step `json:"steps,omitempty"`
	Fix   string        `json:"fix"`
	// RuledOut are, without a root cause, the ids of the checks that saw all they need of the pod and found nothing.
	RuledOut []string `json:"ruledOut,omitempty"`
	// Progress is set for a pod with which nothing is wrong so far, and which is not known to be well either.
	Progress *Progress `json:"progress,omitempty"`
	// Symptoms are the other findings about the same pods: what follows from the root cause, and
	// what is wrong besides.
	Symptoms []Symptom `json:"symptoms"`
	// Workarounds in use that native sidecars make unnecessary.
	Workarounds []string `json:"workarounds"`
	// Timeline is of the first of Pods: a row for each container in start order. It is empty when no
	// pod was ever created.
	Timeline []Row `json:"timeline"`
}

// A Symptom is a finding with the id of its check.
type Symptom struct {
	Check string `json:"check"`
	checks.Finding
}

// diagnose joins the results of the rules into one diagnosis for each root cause and owner, the worst
// first: those with a cause before those without, more pods before fewer. A pod that is known to be
// well has none.
func (s *scene) diagnose(results []checks.Result) []Diagnosis {
	list := s.subjects()
	pods := map[checks.Object]subject{}
	for _, p := range list {
		pods[p.object()] = p
	}
	ownerOf := func(o checks.Object) checks.Object {
		if p, ok := pods[o]; ok {
			return p.top()
		}
		return s.topOf(o)
	}
	found := map[checks.Object][]Symptom{} // by object, in the order of the checks
	var order []checks.Object
	for _, r := range results {
		for _, f := range slices.Concat(r.Outcome.Findings, r.Outcome.Candidates) {
			if found[f.Object] == nil {
				order = append(order, f.Object)
			}
			found[f.Object] = append(found[f.Object], Symptom{r.Check.ID, f})
		}
	}
	groups := newGroups(s.TakenAt.Time)
	for _, o := range order {
		groups.add(ownerOf(o), o, found[o], found[ownerOf(o)])
	}
	out := groups.diagnoses(pods)
	out = append(out, alike(openEntries(list, found, results))...)
	owners := map[checks.Object]bool{}
	for _, d := range out {
		owners[d.Owner] = true
	}
	out = append(out, s.lacking(func(owner checks.Object) bool { return owners[owner] })...)
	for i := range out {
		out[i].Timeline = []Row{}
		if len(out[i].Pods) > 0 {
			if p, ok := pods[checks.Object{Kind: "Pod", Namespace: out[i].Object.Namespace, Name: out[i].Pods[0]}]; ok {
				out[i].Timeline = p.timeline()
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Diagnosis) int {
		return cmp.Or(
			cmp.Compare(boolInt(a.RootCause == ""), boolInt(b.RootCause == "")),
			-cmp.Compare(len(a.Pods), len(b.Pods)),
			cmp.Compare(a.Owner.Namespace, b.Owner.Namespace), cmp.Compare(a.Owner.Name, b.Owner.Name),
			cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.RootCause, b.RootCause),
		)
	})
	return out
}

// openEntries are those of the pods in which no check has found anything.
func openEntries(list []subject, found map[checks.Object][]Symptom, results []checks.Result) []Diagnosis {
	var open []Diagnosis
	for _, p := range list {
		if found[p.object()] != nil {
			continue
		}
		entry := p.openEntry(results)
		// What waits while its owner is in trouble is the owner's trouble. What fails is named: it may be another one.
		if found[p.top()] == nil || len(entry) > 0 && entry[0].Progress == nil {
			open = append(open, entry...)
		}
	}
	return open
}

// openEntry is the entry of a pod of which no check has found anything; none of one that is known to be well.
func (p subject) openEntry(results []checks.Result) []Diagnosis {
	switch st := p.standing(); {
	case st.progress != nil:
		return []Diagnosis{*p.inProgress(st.progress)}
	case st.trouble != "":
		return []Diagnosis{*p.undiagnosed(results, st.trouble, st.next)}
	}
	return nil
}

// alike puts pods of one owner with the same trouble, or that wait for the same, into one entry: that of the first,
// or of the one that has waited longest.
func alike(list []Diagnosis) []Diagnosis {
	type key struct {
		owner           checks.Object
		wait            Wait
		container, text string
	}
	var out []Diagnosis
	at := map[key]int{}
	for _, d := range list {
		k := key{owner: d.Owner, text: d.Message}
		if d.Progress != nil {
			k = key{owner: d.Owner, wait: d.Progress.WaitsFor, container: d.Container}
		}
		i, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, d)
			continue
		}
		names := append(out[i].Pods, d.Pods...)
		if d.Progress != nil && d.Progress.Since.Before(&out[i].Progress.Since) {
			names = append(d.Pods, out[i].Pods...)
			out[i] = d
		}
		out[i].Pods, out[i].Object = names, d.Owner
	}
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// groups gathers diagnoses by root cause and owner, in the order in which they were found.
type groups struct {
	order []groupKey
	of    map[groupKey]*Diagnosis
	now   time.Time
}

type groupKey struct {
	owner    checks.Object
	cause    string
	probable bool
}

func newGroups(now time.Time) *groups { return &groups{of: map[groupKey]*Diagnosis{}, now: now} }

// add takes the findings about one object. above are those about its owner, which may explain them.
func (g *groups) add(owner, object checks.Object, findings, above []Symptom) {
	root, doubt := rootOverTime(g.now, findings, above)
	key := groupKey{owner, root.Check, doubt != nil}
	d := g.of[key]
	if d == nil {
		d = &Diagnosis{
			Object: root.Object, Owner: owner, Pods: []string{}, RootCause: root.Check, Container: root.Container, Message: root.Message,
			Because: append([]string{}, root.Because...), Evidence: root.Evidence, Steps: root.Steps, Fix: root.Fix,
			Symptoms: []Symptom{}, Workarounds: []string{},
		}
		g.of[key] = d
		g.order = append(g.order, key)
	}
	if doubt != nil {
		d.doubt(doubt)
	}
	if object.Kind == "Pod" {
		d.Pods = append(d.Pods, object.Name)
	}
	for _, f := range findings {
		if f.Check != root.Check && f.CertainIf == nil && !slices.ContainsFunc(d.Symptoms, func(s Symptom) bool { return s.Check == f.Check }) {
			d.Symptoms = append(d.Symptoms, f)
		}
	}
}

// rootOf is the first finding that no other one explains; a finding about the owner that explains
// one of them comes before them all.
func rootOf(findings, above []Symptom) Symptom {
	explains := func(list []Symptom, because []string) *Symptom {
		for i := range list {
			if slices.Contains(because, list[i].Check) {
				return &list[i]
			}
		}
		return nil
	}
	for _, f := range findings {
		if explains(findings, f.Because) == nil {
			if cause := explains(above, f.Because); cause != nil {
				return *cause
			}
			return f
		}
	}
	return findings[0] // they explain each other in a circle
}

// diagnoses finishes the groups: several pods stand under their owner.
func (g *groups) diagnoses(pods map[checks.Object]subject) []Diagnosis {
	out := []Diagnosis{}
	for _, key := range g.order {
		d := *g.of[key]
		if len(d.Pods) > 1 {
			d.Object = d.Owner
		}
		if len(d.Pods) > 0 {
			if first, ok := pods[checks.Object{Kind: "Pod", Namespace: d.Owner.Namespace, Name: d.Pods[0]}]; ok {
				d.Workarounds = append(d.Workarounds, first.workarounds()...)
			}
		}
		if d.Probably != nil {
			d.sayProbably()
		}
		out = append(out, d)
	}
	return out
}

// Blamed is the container whose log may tell more: the one that blocks the others, else the one that the
// root cause is about, else one that failed. It is nil where none of them has run.
func (d *Diagnosis) Blamed() *Row {
	find := func(fits func(*Row) bool) *Row {
		for i := range d.Timeline {
			if d.Timeline[i].hasRun() && fits(&d.Timeline[i]) {
				return &d.Timeline[i]
			}
		}
		return nil
	}
	if r := find(func(r *Row) bool { return r.Blocks }); r != nil {
		return r
	}
	if r := find(func(r *Row) bool { return r.Name == d.Container }); r != nil {
		return r
	}
	return find(func(r *Row) bool { return r.ExitCode != nil && *r.ExitCode != 0 })
}

func (r *Row) hasRun() bool {
	return r.ExitCode != nil || r.Restarts > 0 || slices.ContainsFunc(r.Segments, func(s Segment) bool {
		return s.State != SegmentWaiting
	})
}
