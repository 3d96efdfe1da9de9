package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var webhookStripsNewerFields = rule{
	Check: checks.Check{
		ID:       "webhook-strips-newer-fields",
		Title:    "admission preserves recently added pod fields",
		Severity: checks.Warning,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: runWebhookStripsNewerFields,
}

func runWebhookStripsNewerFields(s *scene) checks.Outcome {
	all := s.runs
	decides := func(t admissionRun) bool { return t.canary != nil && t.canary.Fields != nil }
	out := checks.Outcome{Missing: fieldGaps(s.Snapshot, all, decides), Tried: triedClasses(all, decides)}
	seen, templates := keptSomewhere(all), templateRuns(s.Snapshot)
	out.Tried += triedTemplates(templates)
	for _, r := range templates {
		r.noteKept(seen)
	}
	out.Missing = append(out.Missing, unprovenFields(s.Snapshot, all, seen)...)
	out.Missing = append(out.Missing, s.reservations()...)
	out.Missing = append(out.Missing, templateFieldGaps(s.Snapshot, templates, seen)...)
	out.Missing = append(out.Missing, customFieldGaps(s.Snapshot)...)
	lost := map[string][]string{} // by culprit, or by class where there is none
	in := map[string][]admissionRun{}
	var order []string
	note := func(who string, fields []string, t admissionRun) {
		if in[who] == nil {
			order = append(order, who)
		}
		in[who] = append(in[who], t)
		lost[who] = append(lost[who], fields...)
	}
	for _, t := range all {
		fields := strippedFields(t, seen)
		if len(fields) == 0 {
			continue
		}
		culprits := fieldCulprits(t, fields)
		for who, stripped := range culprits {
			note(who, stripped, t)
		}
		if len(culprits) == 0 {
			note("", fields, t)
		}
	}
	slices.Sort(order)
	for _, who := range order {
		out.Findings = append(out.Findings, newerFieldsFinding(s.Snapshot, &attribution{name: who, in: in[who]}, ordered(lost[who])))
	}
	out.Findings = append(out.Findings, s.templatesLoseFields(templates, seen)...)
	return out
}

// keptSomewhere are the fields that some canary came back with: the API server keeps those.
func keptSomewhere(all []admissionRun) map[string]bool {
	kept := map[string]bool{}
	for _, t := range all {
		t.noteKept(kept)
	}
	return kept
}

func (t admissionRun) noteKept(kept map[string]bool) {
	if t.canary == nil || t.canary.Fields == nil {
		return
	}
	for _, f := range except(t.canary.Fields.Sent, t.canary.Fields.Lost) {
		kept[f] = true
	}
}

// strippedFields are those that the canary lost although the API server keeps them.
func strippedFields(t admissionRun, kept map[string]bool) []string {
	if t.canary == nil || t.canary.Fields == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.canary.Fields.Lost), func(f string) bool {
		return !kept[f] && !slices.Contains(t.canary.Fields.ServerKeeps, f)
	})
}

// fieldCulprits says for each webhook that was called directly which of the fields it stripped.
func fieldCulprits(t admissionRun, fields []string) map[string][]string {
	out := map[string][]string{}
	for _, r := range t.canary.Reviews {
		if stripped := common(r.LostFields, fields); len(stripped) > 0 {
			out[r.Webhook] = stripped
		}
	}
	if left := leftForFields(t, fields); len(out) == 0 && len(left) == 1 {
		out[left[0]] = fields
	}
	return out
}

// leftForFields are those of the class who can have stripped the fields.
func leftForFields(t admissionRun, fields []string) []string {
	return except(t.actors(), t.answeredWithout(func(r facts.Review) bool { return len(common(r.LostFields, fields)) > 0 }))
}

// common are the elements of a that are in b.
func common(a, b []string) []string { return except(a, except(a, b)) }

// ordered is the fields by age, each once.
func ordered(fields []string) []facts.Field {
	return slices.DeleteFunc(facts.NewerFields(), func(f facts.Field) bool { return !slices.Contains(fields, f.Path) })
}

// newerFieldsStep is what to do about a webhook.
var newerFieldsStep = checks.Step{Text: "Update the webhook, or rebuild it with a k8s.io/api as new as the cluster, and let it send patches of only what it changed."}

func newerFieldsFinding(s *facts.Snapshot, v *attribution, fields []facts.Field) checks.Finding {
	var names []string
	for _, f := range fields {
		names = append(names, fmt.Sprintf("%s (k8s.io/api 0.%d)", f.Path, f.API))
	}
	t := v.in[0]
	oldest := fields[0].API
	if len(changesOf(t, facts.Stripped)) > 0 {
		oldest = min(oldest, gate.FirstMinor)
	}
	f := checks.Finding{
		Object:     v.object(s),
		Namespaces: v.namespaces(),
		Message:    fmt.Sprintf("pods lose %s in %s", prose.Counted(len(fields), "newer field"), v.where()),
		Evidence: []string{
			fmt.Sprintf("canary in namespace %s (dry run) was sent with these and came back without: %s", t.canary.Namespace, strings.Join(names, ", ")),
		},
		Steps: v.steps(s, newerFieldsStep),
	}
	if v.name == "" {
		f.Evidence = append(f.Evidence, t.doubt(leftForFields(t, t.canary.Fields.Lost), nil)...)
	} else if !v.isPolicy(s) {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s was probably built with k8s.io/api older than 0.%d", v.name, oldest))
	}
	f.Evidence = append(f.Evidence, t.chain(s)...)
	return f
}

// fieldGaps are the classes whose canary had to go without newer fields.
func fieldGaps(s *facts.Snapshot, all []admissionRun, decides func(admissionRun) bool) []facts.Gap {
	gaps := undecided(s, all, func(admissionRun) bool { return true })
	for _, t := range all {
		switch {
		case t.isIn(gaps) || decides(t):
		case t.canary == nil || t.canary.Refusal != nil:
			gaps = append(gaps, t.gap())
		default:
			gaps = append(gaps, facts.NewGap(facts.Canaries, t.class.Instance(),
				"the canary was sent without newer fields, because it was refused with them or the API server's version is not known",
				facts.Do("see the findings of the other checks on webhooks first, then run this again")))
		}
	}
	return gaps
}
