package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Summarize is the verdict in one sentence: what was found on what, and what could not be told. It never
// says less than the exit code does, and nothing of the checks that the user deselected.
func Summarize(r *Report) string {
	t := count(r.Checks)
	if t.ran == 0 {
		return "unknown: no check ran"
	}
	parts := []string{lead(r, t)}
	add := func(n int, format string, args ...any) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(t.warnings, "%s", prose.Counted(t.warnings, "warning"))
	add(t.infos, "%s", prose.Counted(t.infos, "note"))
	switch lacking := unseen(r); {
	case r.Verdict == Unknown && t.blind > 0 || lacking == "":
	case t.unknown > 0 && r.Verdict == Ready:
		// Only checks below severity error, else it would not be ready; say so.
		add(t.unknown, "%s of lesser severity %s unknown (%s)", prose.Counted(t.unknown, "check"), isOrAre(t.unknown), lacking)
	case t.unknown > 0:
		add(t.unknown, "%s could not tell (%s)", prose.Counted(t.unknown, "check"), lacking)
	default:
		parts = append(parts, fmt.Sprintf("not all was seen (%s)", lacking))
	}
	if r.Verdict != Ready && t.waived() != "" {
		parts = append(parts, t.waived())
	}
	expired, invalid := waiversThat(r, Expired), waiversThat(r, Invalid)
	add(expired, "%s expired", prose.Counted(expired, "waiver"))
	add(invalid, "%s cannot be read", prose.Counted(invalid, "annotation"))
	return strings.Join(parts, "; ")
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// lead is what decides the verdict.
func lead(r *Report, t tally) string {
	switch {
	case t.errors > 0:
		return fmt.Sprintf("not ready: %s found errors%s", prose.Of(t.errors, t.ran, "check"), on(r))
	case t.blind > 0:
		return fmt.Sprintf("unknown: %s could not tell (%s), none found an error", prose.Of(t.unknown, t.ran, "check"), unseen(r))
	case r.Verdict != Ready && r.strict() != "":
		return fmt.Sprintf("%s, none of %s found an error (%s)", r.strict(), prose.Counted(t.ran, "check"), covered(r))
	case r.Verdict == Unknown:
		return "unknown: no check of severity error ran"
	case t.waived() != "":
		return fmt.Sprintf("ready, with %s: %s passed (%s)", t.waived(), prose.Of(t.passed, t.ran, "check"), covered(r))
	case t.passed == t.ran:
		return fmt.Sprintf("ready: %s passed (%s)", prose.All(t.ran, "check"), covered(r))
	}
	return fmt.Sprintf("ready: none of %s found an error (%s)", prose.Counted(t.ran, "check"), covered(r))
}

// tally counts checks by answer. Of those that could not tell, the blind would have been errors.
type tally struct {
	ran, passed             int
	errors, warnings, infos int
	unknown, blind          int
	suppressed, accepted    int // findings, and gaps, of which each is counted once
}

// waived counts what does not count; empty when everything does.
func (t tally) waived() string {
	var words []string
	if t.suppressed > 0 {
		words = append(words, prose.Counted(t.suppressed, "suppressed finding"))
	}
	if t.accepted > 0 {
		words = append(words, prose.Counted(t.accepted, "accepted gap"))
	}
	return prose.List(words, "and")
}

func waiversThat(r *Report, state WaiverState) int {
	n := 0
	for _, w := range r.Waivers {
		if w.State == state {
			n++
		}
	}
	return n
}

func count(entries []Entry) tally {
	var t tally
	accepted := map[facts.Gap]bool{}
	for _, e := range entries {
		t.suppressed += len(e.Suppressed)
		for _, a := range e.Accepted {
			accepted[a.Gap] = true
		}
		switch {
		case e.Status == Waived:
		case e.Status == checks.Skipped:
			continue
		case e.Status == checks.Pass:
			t.passed++
		case e.Status == checks.Fail && e.Severity == checks.Error:
			t.errors++
		case e.Status == checks.Fail && e.Severity == checks.Warning:
			t.warnings++
		case e.Status == checks.Fail:
			t.infos++
		default:
			t.unknown++
			if e.Severity == checks.Error {
				t.blind++
			}
		}
		t.ran++
	}
	t.accepted = len(accepted)
	return t
}

// on says on how many objects the errors are: ", on 3 of 7 nodes and 1 namespace".
func on(r *Report) string {
	objects := map[checks.Object]bool{}
	for _, e := range r.Checks {
		if e.Severity == checks.Error {
			for _, f := range e.Findings {
				objects[f.Object] = true
			}
		}
	}
	counts := map[string]int{}
	for o := range objects {
		counts[o.Kind]++
	}
	delete(counts, "")
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		n, noun := counts[kind], nounOf(kind)
		if total := totalOf(r, facts.Kind(prose.Plural(strings.ToLower(kind)))); total >= n {
			words = append(words, prose.Of(n, total, noun))
		} else {
			words = append(words, prose.Counted(n, noun))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " on " + prose.List(words, "and")
}

// nounOf is what a kind of object is called in a sentence.
func nounOf(kind string) string {
	switch kind {
	case "APIServer":
		return "API server"
	case "ControlPlane":
		return "control plane component"
	case "MutatingWebhook":
		return "mutating webhook"
	case "NamespaceClass":
		return "namespace class"
	case "PodShape":
		return "pod template"
	}
	return strings.ToLower(kind)
}

func totalOf(r *Report, kind facts.Kind) int {
	for _, c := range r.Coverage {
		if c.Kind == kind {
			return c.Total
		}
	}
	return -1
}

// covered is how much a "ready" rests on.
func covered(r *Report) string {
	var words []string
	for _, c := range r.Coverage {
		if c.Seen > 0 || c.Total > 0 {
			words = append(words, seenOf(c))
		}
	}
	switch {
	case len(words) > 0:
		return prose.List(words, "and")
	case r.Manifests != nil && r.Manifests.Workloads == 0:
		return "there is no workload in " + prose.Counted(r.Manifests.Files, "file")
	}
	return "nothing to count"
}

// unseen says how much there is of the kinds that any check lacks.
func unseen(r *Report) string {
	var counted, absent, unread, unasked []string
	for _, kind := range LackingKinds(r) {
		at := slices.IndexFunc(r.Coverage, func(c Coverage) bool { return c.Kind == kind })
		switch {
		case at < 0:
			unasked = append(unasked, string(kind))
		case r.Coverage[at].Total == 0:
			absent = append(absent, string(kind))
		case r.Coverage[at].Total < 0 && r.Coverage[at].Seen == 0:
			unread = append(unread, string(kind))
		default:
			counted = append(counted, seenOf(r.Coverage[at]))
		}
	}
	var out []string
	for _, part := range []struct {
		lead  string
		words []string
	}{
		{"seen: ", counted},
		{"none visible: ", absent},
		{"not readable: ", unread},
		{"not looked for: ", unasked},
	} {
		if len(part.words) > 0 {
			out = append(out, part.lead+strings.Join(part.words, ", "))
		}
	}
	return strings.Join(out, "; ")
}

func LackingKinds(r *Report) []facts.Kind {
	var kinds []facts.Kind
	for _, e := range r.Checks {
		for _, g := range e.Missing {
			if !slices.Contains(kinds, g.Kind) {
				kinds = append(kinds, g.Kind)
			}
		}
	}
	return kinds
}

// seenOf is "6 of 7 kubelets", with a question mark where nobody knows how many there are.
func seenOf(c Coverage) string {
	if c.Total < 0 {
		return fmt.Sprintf("%d of ? %s", c.Seen, prose.Plural(c.Noun()))
	}
	return prose.Of(c.Seen, c.Total, c.Noun())
}

// nouns are what kinds of facts are called in a sentence, where it is not their name without its s.
var nouns = map[facts.Kind]string{
	facts.APIServers: "API server", facts.ControlPlane: "static control plane pod", facts.Canaries: "canary",
	facts.MutatingWebhooks: "mutating webhook configuration", facts.MutatingPolicies: "mutating admission policy",
	facts.ValidatingWebhooks: "validating webhook configuration", facts.ValidatingPolicies: "validating admission policy",
	facts.WebhookBackends: "webhook backend", facts.CRDs: "CRD", facts.ReplicaSets: "ReplicaSet", facts.StatefulSets: "StatefulSet",
	facts.DaemonSets: "DaemonSet", facts.CronJobs: "CronJob", facts.Jobs: "Job", facts.Deployments: "Deployment",
	facts.CustomWorkloads: "custom workload", facts.Services: "Service", facts.EndpointSlices: "EndpointSlice",
}

// Noun is what one of its kind is called in a sentence.
func (c Coverage) Noun() string {
	if noun, ok := nouns[c.Kind]; ok {
		return noun
	}
	return strings.TrimSuffix(string(c.Kind), "s")
}

func inWords(v Verdict) string { return strings.ReplaceAll(string(v), "-", " ") }
