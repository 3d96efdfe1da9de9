package report

import (
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Waive is r with the waivers applied: what they cover moves to Suppressed and Accepted, and status,
// verdict and summary follow from what is left. r is not changed.
//
// A waiver covers findings of the check that it names, on the object that it names, and nothing else.
// It holds up to and including the day Until, and today is the caller's clock, in UTC: for a file of last
// year, too, the question is whether the decision holds now. Waivers of checks that did not run are left
// out.
func Waive(r *Report, waivers []Waiver, today time.Time) *Report {
	out := *r
	rules := newRules(waivers, r.Checks, today.UTC().Format(time.DateOnly))
	out.Checks = make([]Entry, 0, len(r.Checks))
	for _, e := range r.Checks {
		out.Checks = append(out.Checks, rules.entry(e))
	}
	out.Waivers = rules.waivers()
	out.Verdict = verdict(out.Checks)
	out.Summary = Summarize(&out)
	out.Meanwhile = meanwhile(&out)
	return &out
}

// A ruling is a waiver that is being applied.
type ruling struct {
	Waiver
	expired bool
}

// rules are waivers in their order, and by what they name.
type rules struct {
	list  []*ruling
	named map[place][]*ruling
}

// A place is what a waiver names. gap tells an accepted gap from a suppressed finding.
type place struct {
	check, object string
	gap           bool
}

func newRules(waivers []Waiver, entries []Entry, day string) *rules {
	ran := map[string]bool{}
	for _, e := range entries {
		ran[e.ID] = e.Status != checks.Skipped
	}
	out := &rules{named: map[place][]*ruling{}}
	for _, w := range waivers {
		if w.State == Invalid {
			out.list = append(out.list, &ruling{Waiver: w})
			continue
		}
		if !ran[w.Check] {
			continue
		}
		w.Count = 0
		ruling := &ruling{Waiver: w, expired: w.Until != "" && w.Until < day}
		out.list = append(out.list, ruling)
		at := place{w.Check, w.Object, w.Action == Accept}
		out.named[at] = append(out.named[at], ruling)
	}
	return out
}

func (r *rules) waivers() []Waiver {
	out := []Waiver{}
	for _, w := range r.list {
		switch {
		case w.State == Invalid:
		case w.expired:
			w.State = Expired
		case w.Count > 0:
			w.State = Used
		default:
			w.State = Unused
		}
		out = append(out, w.Waiver)
	}
	return out
}

func (r *rules) entry(e Entry) Entry {
	if e.Status == checks.Skipped || len(r.named) == 0 {
		return e
	}
	findings, missing := e.Findings, e.Missing
	e.Findings, e.Missing = []checks.Finding{}, []facts.Gap{}
	e.Suppressed, e.Accepted = slices.Clone(e.Suppressed), slices.Clone(e.Accepted)
	for _, f := range findings {
		if by := r.judge(e.ID, false, subjectsOf(f)); by != nil {
			e.Suppressed = append(e.Suppressed, Suppressed{Finding: f, Waiver: by.by()})
		} else {
			e.Findings = append(e.Findings, f)
		}
	}
	for _, g := range missing {
		if by := r.judge(e.ID, true, [][]string{gapNames(g)}); by != nil {
			e.Accepted = append(e.Accepted, Accepted{Gap: g, Waiver: by.by()})
		} else {
			e.Missing = append(e.Missing, g)
		}
	}
	e.Status = statusOf(e)
	return e
}

// statusOf is checks.Result.Status with waivers: what they cover does not count, and is no pass.
func statusOf(e Entry) checks.Status {
	switch {
	case len(e.Findings) > 0:
		return checks.Fail
	case len(e.Missing) > 0:
		return checks.Unknown
	case len(e.Suppressed) > 0 || len(e.Accepted) > 0:
		return Waived
	}
	return e.Status
}

// judge is the first waiver that covers a finding or a gap, nil when none does. subjects are what it is
// about, each with all its names: every one of them has to be covered. All waivers that cover it count
// it; expired ones do so only when no other does.
func (r *rules) judge(check string, gap bool, subjects [][]string) *ruling {
	var active, expired []*ruling
	covered := len(subjects) > 0
	for _, names := range subjects {
		here := false
		for _, name := range append([]string{""}, names...) {
			for _, w := range r.named[place{check, name, gap}] {
				if w.expired {
					expired = append(expired, w)
					continue
				}
				here = true
				active = append(active, w)
			}
		}
		covered = covered && here
	}
	if !covered {
		countOnce(expired)
		return nil
	}
	countOnce(active)
	return r.first(active)
}

// first is the one that was given first.
func (r *rules) first(among []*ruling) *ruling {
	best := among[0]
	for _, w := range among[1:] {
		if slices.Index(r.list, w) < slices.Index(r.list, best) {
			best = w
		}
	}
	return best
}

func countOnce(list []*ruling) {
	seen := map[*ruling]bool{}
	for _, w := range list {
		if !seen[w] {
			w.Count++
		}
		seen[w] = true
	}
}

func (w *ruling) by() WaivedBy {
	return WaivedBy{Action: w.Action, Reason: w.Reason, Until: w.Until, Source: w.Source}
}

// subjectsOf is what a finding is about, each with the names under which a waiver may have it, the most
// exact first. The name of a class is another in the next run, so that its namespaces stand for it; so is
// that of an API server that runs in no pod.
func subjectsOf(f checks.Finding) [][]string {
	kind, name := strings.ToLower(f.Object.Kind), f.Object.Name
	switch {
	case len(f.Namespaces) > 0:
		var out [][]string
		for _, ns := range f.Namespaces {
			out = append(out, []string{"namespace/" + ns})
		}
		return out
	case kind == "apiserver":
		name, _, _ = strings.Cut(name, "@")
		return [][]string{{"apiserver/" + name}}
	case kind == "mutatingwebhook":
		config, _, _ := strings.Cut(name, "/")
		return [][]string{{"mutatingwebhook/" + name, "mutatingwebhookconfiguration/" + config}}
	}
	if f.Place.File != "" { // of a manifest, which may be waived as a whole
		return [][]string{{ObjectName(f.Object), "file/" + f.Place.File}}
	}
	return [][]string{{ObjectName(f.Object)}}
}

// gapNames is the scope of a gap, and the names of the object that it is about where the scope is
// shorter. A gap without scope is covered by a waiver without object only.
func gapNames(g facts.Gap) []string {
	if g.Scope == "" {
		return nil
	}
	out := []string{g.Scope}
	switch i := g.Instance; {
	case g.Kind == facts.ControlPlane && i.Kind == "Pod":
		out = append(out, "pod/kube-system/"+i.Name)
	case i.Kind == facts.KindMutatingWebhook:
		out = append(out, "mutatingwebhook/"+i.Configuration+"/"+i.Name, "mutatingwebhookconfiguration/"+i.Configuration)
	}
	return out
}
