package print

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// escaped is p for a report in which every text is harmless on a terminal. Names, messages of
// API servers and webhooks, metric lines: whoever can create an object chooses what they say.
//
// All formats get the same text, also JSON, whose own escaping ends at the first jq -r.
func escaped(p Printer) Printer {
	return func(w io.Writer, r *report.Report, o Options) error { return p(w, clean(r), o) }
}

// clean copies r with every text escaped. Only Fix, Remedy and commands, which are blocks of commands and
// YAML, keep their line breaks.
func clean(r *report.Report) *report.Report {
	c := *r
	c.APIVersion, c.Kind, c.Summary = line(r.APIVersion), line(r.Kind), line(r.Summary)
	c.Verdict = report.Verdict(line(string(r.Verdict)))
	c.Tool.Version = line(r.Tool.Version)
	c.Cluster = cleanCluster(r.Cluster)
	c.Unreached = cleanUnreached(r.Unreached)
	c.Limits = lines(r.Limits)
	c.Meanwhile = cleanSteps(r.Meanwhile)
	c.Manifests = cleanManifests(r.Manifests)
	c.Coverage = each(r.Coverage, func(c report.Coverage) report.Coverage {
		return report.Coverage{Kind: facts.Kind(line(string(c.Kind))), Seen: c.Seen, Total: c.Total}
	})
	c.Nodes = each(r.Nodes, func(g report.NodeGroup) report.NodeGroup {
		return report.NodeGroup{Version: line(g.Version), Gate: line(g.Gate), Source: line(g.Source), Names: lines(g.Names)}
	})
	c.Ignored = each(r.Ignored, func(i report.Ignored) report.Ignored { return report.Ignored{Kind: line(i.Kind), Count: i.Count} })
	c.Webhooks = each(r.Webhooks, CleanWebhook)
	c.Checks = each(r.Checks, cleanEntry)
	c.Waivers = each(r.Waivers, cleanWaiver)
	c.Changes = changesOf(r)
	if r.Diagnoses != nil {
		c.Diagnoses, c.InProgress = each(r.Diagnoses, cleanDiagnosis), each(r.InProgress, cleanDiagnosis)
	}
	return &c
}

func cleanEntry(e report.Entry) report.Entry {
	e.ID, e.Title, e.Tried = line(e.ID), line(e.Title), line(e.Tried)
	e.Category, e.Status = checks.Category(line(string(e.Category))), checks.Status(line(string(e.Status)))
	e.Findings = each(e.Findings, cleanFinding)
	e.Missing = each(e.Missing, cleanGap)
	e.Suppressed = each(e.Suppressed, func(s report.Suppressed) report.Suppressed {
		return report.Suppressed{Finding: cleanFinding(s.Finding), Waiver: cleanWaivedBy(s.Waiver)}
	})
	e.Accepted = each(e.Accepted, func(a report.Accepted) report.Accepted {
		return report.Accepted{Gap: cleanGap(a.Gap), Waiver: cleanWaivedBy(a.Waiver)}
	})
	return e
}

func cleanGap(g facts.Gap) facts.Gap {
	return facts.Gap{
		Kind: facts.Kind(line(string(g.Kind))), Scope: line(g.Scope), Instance: cleanInstance(g.Instance),
		Reason: line(g.Reason), Remedy: block(g.Remedy), Command: block(g.Command),
	}
}

func cleanInstance(i facts.Instance) facts.Instance {
	return facts.Instance{
		Kind: line(i.Kind), Namespace: line(i.Namespace), Name: line(i.Name), Configuration: line(i.Configuration),
		Class: line(i.Class), More: i.More, Part: facts.Part(line(string(i.Part))),
	}
}

// CleanGap is what printers do to a gap, for whoever else prints it.
func CleanGap(g facts.Gap) facts.Gap { return cleanGap(g) }

func cleanWaiver(w report.Waiver) report.Waiver {
	w.Action, w.State = report.WaiverAction(line(string(w.Action))), report.WaiverState(line(string(w.State)))
	w.Check, w.Object, w.Reason, w.Until, w.Source = line(w.Check), line(w.Object), line(w.Reason), line(w.Until), line(w.Source)
	return w
}

func cleanWaivedBy(w report.WaivedBy) report.WaivedBy {
	return report.WaivedBy{
		Action: report.WaiverAction(line(string(w.Action))), Reason: line(w.Reason), Until: line(w.Until), Source: line(w.Source),
	}
}

func cleanFinding(f checks.Finding) checks.Finding {
	f.Object, f.Place = cleanObject(f.Object), cleanPlace(f.Place)
	f.Container, f.Message, f.Evidence, f.Fix = line(f.Container), line(f.Message), lines(f.Evidence), block(f.Fix)
	f.Steps = cleanSteps(f.Steps)
	if f.Because != nil {
		f.Because = lines(f.Because)
	}
	if f.Namespaces != nil {
		f.Namespaces = lines(f.Namespaces)
	}
	return f
}

func cleanPlace(p checks.Place) checks.Place {
	return checks.Place{File: line(p.File), Line: p.Line, Column: p.Column}
}

func cleanManifests(m *report.Manifests) *report.Manifests {
	if m == nil {
		return nil
	}
	return &report.Manifests{
		KubernetesVersion: line(m.KubernetesVersion), Files: m.Files, Workloads: m.Workloads,
		Skipped: each(m.Skipped, func(s report.SkippedManifest) report.SkippedManifest {
			return report.SkippedManifest{Place: cleanPlace(s.Place), Reason: line(s.Reason)}
		}),
	}
}

func cleanSteps(steps []checks.Step) []checks.Step {
	if steps == nil {
		return nil
	}
	return each(steps, func(s checks.Step) checks.Step {
		return checks.Step{Text: line(s.Text), Command: block(s.Command), Language: checks.Language(line(string(s.Language)))}
	})
}

func cleanObject(o checks.Object) checks.Object {
	return checks.Object{Kind: line(o.Kind), Namespace: line(o.Namespace), Name: line(o.Name)}
}

// CleanWebhook is what printers do to a row of the table of webhooks, for whoever else prints it.
func CleanWebhook(w cluster.WebhookRow) cluster.WebhookRow {
	for _, text := range []*string{&w.Name, &w.Backend, &w.FailurePolicy, &w.SideEffects, &w.Result, &w.Proof} {
		*text = line(*text)
	}
	w.Classes = lines(w.Classes)
	return w
}

// each maps a slice; the result is never nil.
func each[T any](in []T, f func(T) T) []T {
	out := make([]T, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

func lines(in []string) []string { return each(in, line) }

// Escape is what printers do to text that came from a cluster or a file, for whoever else prints it.
func Escape(s string) string { return line(s) }

// line escapes everything that is not a visible character or an ordinary space, the way Go would
// in a string literal: control characters (ESC among them), line breaks, marks that turn or hide
// text (U+202E, U+200B), unusual spaces, and bytes that are not UTF-8.
func line(s string) string {
	if plain(s) {
		return disarm(s)
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteString(s[:size])
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
	return disarm(b.String())
}

// What CI systems take for an instruction in a log: GitHub's ::error file=x::text, at the beginning of
// a line, where wrapping may put it, and the older ##[error]text and Azure's ##vso[...], anywhere.
var (
	workflowCommand = regexp.MustCompile(`(^|\s):(:[a-zA-Z-]+(?:\s.*?)?::)`)
	loggingCommand  = regexp.MustCompile(`#(#(?:vso)?\[)`)
)

// disarm escapes a character of such instructions.
func disarm(s string) string {
	if strings.Contains(s, "::") {
		s = workflowCommand.ReplaceAllString(s, `${1}\x3a${2}`)
	}
	if strings.Contains(s, "##") {
		s = loggingCommand.ReplaceAllString(s, `\x23${1}`)
	}
	return s
}

// plain is the common case, in which nothing needs to be copied.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// block is line for text of several lines. Line breaks at its ends, which would leave gaps in the
// output, are dropped.
func block(s string) string {
	s = strings.Trim(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	return strings.Join(lines(strings.Split(s, "\n")), "\n")
}
