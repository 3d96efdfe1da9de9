package print

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// waivedLead says what a waiver does, for how long and why.
func waivedLead(w report.WaivedBy) string {
	switch {
	case w.Action == report.Baseline:
		return "not new, in the baseline: "
	case w.Action == report.Accept:
		return "accepted until " + w.Until + " (" + w.Reason + "): "
	}
	return "suppressed until " + w.Until + " (" + w.Reason + "): "
}

// waived writes what of a check does not count, and by whose decision: together what is the same on
// several objects, for the same reason.
func (p *page) waived(e report.Entry) {
	for _, g := range grouped(e.Suppressed, func(s report.Suppressed) string { return waivedLead(s.Waiver) + s.Message }) {
		var objects, sources []string
		for _, s := range g {
			objects, sources = append(objects, whereOf(s.Finding)), append(sources, s.Waiver.Source)
		}
		p.prose("    ", waivedLead(g[0].Waiver), g[0].Message)
		p.prose("      ", "on"+howMany(objects)+": ", p.some(objects))
		p.sources(sources)
		if p.full {
			for _, s := range g {
				for _, evidence := range s.Evidence {
					p.prose("      ", "evidence: ", whereOf(s.Finding)+": "+evidence)
				}
			}
		}
	}
	for _, g := range grouped(e.Accepted, func(a report.Accepted) string { return waivedLead(a.Waiver) + string(a.Kind) }) {
		var gaps []facts.Gap
		var sources []string
		for _, a := range g {
			gaps, sources = append(gaps, a.Gap), append(sources, a.Waiver.Source)
		}
		for _, missing := range groupGaps(gaps) {
			p.prose("    ", waivedLead(g[0].Waiver), "not seen: "+missing.what(p.some))
			p.prose("      ", "why: ", missing.reason)
		}
		p.sources(sources)
	}
}

func (p *page) sources(list []string) {
	p.prose("      ", "by: ", p.some(eachOnce(list)))
}

func eachOnce(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		twice := seen[s]
		seen[s] = true
		return twice
	})
}

// grouped puts together what has the same key, in the order in which keys first appear.
func grouped[T any](list []T, key func(T) string) [][]T {
	var out [][]T
	index := map[string]int{}
	for _, v := range list {
		at, found := index[key(v)]
		if !found {
			at = len(out)
			index[key(v)] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], v)
	}
	return out
}

// waivers writes a line for each waiver that needs somebody's attention: those that are used stand with
// what they cover.
func (p *page) waivers(r *report.Report) {
	var todo []report.Waiver
	for _, w := range r.Waivers {
		if w.State != report.Used {
			todo = append(todo, w)
		}
	}
	if len(todo) == 0 {
		return
	}
	p.print()
	p.heading("waivers")
	for _, g := range grouped(todo, func(w report.Waiver) string {
		return strings.Join([]string{string(w.State), string(w.Action), w.Check, w.Reason, w.Until}, "\x00")
	}) {
		p.waiver(g, r)
	}
}

// waiver writes those that differ in their object only.
func (p *page) waiver(same []report.Waiver, r *report.Report) {
	w := same[0]
	var objects, sources []string
	count := 0
	for _, s := range same {
		if s.Object != "" {
			objects = append(objects, s.Object)
		}
		sources = append(sources, s.Source)
		count += s.Count
	}
	what := w.Check
	if len(objects) > 0 {
		what = strings.TrimSpace(what + " on " + p.some(objects))
	}
	by := p.some(eachOnce(sources))
	switch {
	case w.State == report.Invalid:
		p.marked(markWarn, fmt.Sprintf("not understood, covers nothing: %s: %s", by, w.Reason))
	case w.State == report.Expired:
		p.marked(markWarn, fmt.Sprintf("expired on %s: %s (%s): %s; by: %s", w.Until, what, w.Reason, again(count), by))
	case blindFor(w.Check, r):
		p.marked(markInfo, fmt.Sprintf("not needed this time: %s: but the check did not see everything; by: %s", what, by))
	case w.Action == report.Baseline:
		p.marked(markInfo, fmt.Sprintf("fixed: %s: no longer found; tighten the baseline: remove it, or write the baseline again; by: %s", what, by))
	default:
		p.marked(markInfo, fmt.Sprintf("unused: %s (%s): covers nothing; remove it; by: %s", what, w.Reason, by))
	}
}

// again says what an expired waiver no longer covers.
func again(count int) string {
	if count == 0 {
		return "covers nothing anymore; remove it"
	}
	return "what it covered counts again"
}

// blindFor reports whether something of the check was not seen, also where that was accepted.
func blindFor(check string, r *report.Report) bool {
	return slices.ContainsFunc(r.Checks, func(e report.Entry) bool {
		return e.ID == check && (e.Status == checks.Unknown || len(e.Missing)+len(e.Accepted) > 0)
	})
}
