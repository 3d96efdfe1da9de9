package cluster

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A webhook on Deployments, Jobs or custom resources strips the template before any pod is made of it: no webhook on
// pods ever sees the field, and no canary that is a pod shows it.
var templateStripsRestartPolicy = rule{
	Check: checks.Check{
		ID:       "template-strips-restart-policy",
		Title:    "admission preserves native sidecars in templates of workloads",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
		Uses:     []facts.Kind{facts.CRDs},
	},
	Run: runTemplateStrips,
}

// lossOf is what a change means for whoever wrote the template.
var lossOf = []struct {
	kind facts.ChangeKind
	text string
}{
	{facts.Stripped, "lose restartPolicy: Always of their native sidecars, so these become init containers that never exit"},
	{facts.Moved, "come back with restartPolicy on another init container, or in another order"},
	{facts.Removed, "lose their native sidecars"},
}

func runTemplateStrips(s *scene) checks.Outcome {
	all := workloadRuns(s.Snapshot)
	out := checks.Outcome{Missing: missingWorkloads(s.Snapshot, all)}
	out.Tried = triedWorkloads(s.Snapshot, all, out.Missing)
	for _, loss := range lossOf {
		for _, g := range byCulprit(all, loss.kind) {
			out.Findings = append(out.Findings, checks.Finding{
				Object:     g.object(s.Snapshot),
				Namespaces: g.namespaces(),
				Message:    g.what() + " " + g.loses(loss.kind, loss.text),
				Evidence:   g.evidence(),
				Steps:      templateSteps(s.Snapshot, g),
			})
		}
	}
	return out
}

func templateSteps(s *facts.Snapshot, g *workloadGroup) []checks.Step {
	steps := g.steps(s, checks.Step{
		Text: update(g.named()) + " Until then take these kinds out of its rules, or keep it away by its objectSelector or namespaceSelector.",
	})
	return append(steps, checks.Step{
		Text:    "Apply the workloads again afterwards: what was stripped is not stored anywhere. This shows what is stored:",
		Command: prose.Shell("kubectl get %s -A -o yaml", g.runs[0].trial.Resource),
	})
}

func triedWorkloads(s *facts.Snapshot, all []workloadRun, missing []facts.Gap) string {
	switch {
	case len(all) == 0 && len(missing) > 0:
		return "no template"
	case len(all) == 0:
		return "no webhook or policy sees templates"
	}
	tried := 0
	for _, r := range all {
		if r.canary != nil && (r.canary.Returned != nil || r.trial.Update == facts.ByReview && len(r.openUpdate(s)) == 0) {
			tried++
		}
	}
	return fmt.Sprintf("%d of %s", tried, prose.Counted(len(all), "template"))
}
