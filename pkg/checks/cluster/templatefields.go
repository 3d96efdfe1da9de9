package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// templateRuns are the workloads whose templates can carry newer fields: those of the built-in kinds; of updates, those
// that carry some.
func templateRuns(s *facts.Snapshot) []workloadRun {
	var out []workloadRun
	for _, r := range workloadRuns(s) {
		if r.builtIn() && (r.trial.Update == "" || r.canary != nil && r.canary.Fields != nil && len(r.canary.Fields.Sent) > 0) {
			out = append(out, r)
		}
	}
	return out
}

func (r workloadRun) builtIn() bool {
	return slices.ContainsFunc(facts.TemplateKinds, func(k facts.TemplateKind) bool { return k.APIVersion() == r.trial.APIVersion && k.Kind == r.trial.Kind })
}

// noteKept notes the fields that the API server keeps. What an update was about is stored already.
func (r workloadRun) noteKept(kept map[string]bool) {
	r.admissionRun.noteKept(kept)
	if r.trial.Update != "" {
		for _, f := range r.canary.Fields.Sent {
			kept[f] = true
		}
	}
}

// customFieldGaps are the kinds of custom resources that somebody sees: newer fields are not tried there.
func customFieldGaps(s *facts.Snapshot) []facts.Gap {
	var out []facts.Gap
	for _, r := range workloadRuns(s) {
		g := facts.NewGap(facts.Canaries, facts.WorkloadInstance(r.trial.Kind),
			fmt.Sprintf("newer fields were not tried in %s, whose schema may drop them", r.trial.Resource),
			facts.Do("look for the fields that you use in one that is stored:", prose.Shell("kubectl get %s -A -o yaml", r.trial.Resource)))
		if !r.builtIn() && !slices.ContainsFunc(out, func(other facts.Gap) bool { return other.Scope == g.Scope }) {
			out = append(out, g)
		}
	}
	return out
}

// templatesLoseFields are the findings of templates that lost newer fields which the API server keeps: one for each
// culprit, and one for each trial whose culprit is not known.
func (s *scene) templatesLoseFields(all []workloadRun, kept map[string]bool) []checks.Finding {
	var order []string
	groups, lost := map[string]*workloadGroup{}, map[string][]string{}
	for _, r := range all {
		fields := strippedFields(r.admissionRun, kept)
		if len(fields) == 0 {
			continue
		}
		by := fieldCulprits(r.admissionRun, fields)
		if len(by) == 0 {
			by = map[string][]string{"": fields}
		}
		for name, stripped := range by {
			key := name
			if name == "" {
				key = r.class.ID
			}
			if groups[key] == nil {
				groups[key] = &workloadGroup{attribution: &attribution{name: name}}
				order = append(order, key)
			}
			g := groups[key]
			g.in, g.runs = append(g.in, r.admissionRun), append(g.runs, r)
			lost[key] = append(lost[key], stripped...)
		}
	}
	var out []checks.Finding
	for _, key := range order {
		out = append(out, templateFieldsFinding(s.Snapshot, groups[key], ordered(lost[key])))
	}
	return out
}

func templateFieldsFinding(s *facts.Snapshot, g *workloadGroup, fields []facts.Field) checks.Finding {
	var names []string
	for _, f := range fields {
		names = append(names, fmt.Sprintf("%s (k8s.io/api 0.%d)", f.Path, f.API))
	}
	first := g.runs[0]
	g.details = [][]string{{fmt.Sprintf("%s in namespace %s (dry run): its template was sent with these and came back without: %s",
		first.trial.Kind, first.canary.Namespace, strings.Join(names, ", "))}}
	if g.name == "" {
		g.details[0] = append(g.details[0], first.doubt(leftForFields(first.admissionRun, first.canary.Fields.Lost), nil)...)
	}
	return checks.Finding{
		Object:     g.object(s),
		Namespaces: g.namespaces(),
		Message:    fmt.Sprintf("%s lose %s", g.what(), prose.Counted(len(fields), "newer field")),
		Evidence:   g.evidence(),
		Steps:      g.steps(s, newerFieldsStep),
	}
}

// templateFieldGaps are the templates of which it is not known what becomes of newer fields.
func templateFieldGaps(s *facts.Snapshot, all []workloadRun, kept map[string]bool) []facts.Gap {
	var out []facts.Gap
	for _, r := range all {
		switch {
		case r.canary == nil || r.canary.Refusal != nil:
			out = append(out, openOf(s, nil, []workloadRun{r})...)
		case r.canary.Fields == nil:
			out = append(out, facts.NewGap(facts.Canaries, r.trial.Instance(),
				"it was created without newer fields, because it was refused with them or the API server's version is not known",
				facts.Do("see the findings of the other checks on webhooks first, then run this again")))
		case len(strippedFields(r.admissionRun, kept)) < len(r.canary.Fields.Lost):
			out = append(out, facts.NewGap(facts.Canaries, r.trial.Instance(),
				"its template lost newer fields, and it is not known whether the API server keeps them: "+strings.Join(r.canary.Fields.Lost, ", "),
				facts.Do("see the findings of the other checks on webhooks first, then run this again")))
		}
	}
	return out
}

func triedTemplates(all []workloadRun) string {
	if len(all) == 0 {
		return ""
	}
	tried := 0
	for _, r := range all {
		if r.canary != nil && r.canary.Fields != nil {
			tried++
		}
	}
	return fmt.Sprintf("; %d of %s", tried, prose.Counted(len(all), "template"))
}
