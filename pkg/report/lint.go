package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Manifests is what lint looked at.
type Manifests struct {
	// KubernetesVersion is the one that they are judged for, such as 1.37.
	KubernetesVersion string `json:"kubernetesVersion"`
	// Files were read, Workloads have a pod template.
	Files     int `json:"files"`
	Workloads int `json:"workloads"`
	// Skipped are files and documents that were not judged and are no mistake: sources of templates, and what has
	// sidecars of its own kind.
	Skipped []SkippedManifest `json:"skipped"`
}

// A SkippedManifest was not judged.
type SkippedManifest struct {
	Place  checks.Place `json:"place"`
	Reason string       `json:"reason"`
}

// Lint is the report of lint. s has the gaps, of files that could not be read.
func Lint(s *facts.Snapshot, results []checks.Result, seen Manifests, toolVersion string) *Report {
	r := New(s, cluster.Judgment{Results: results}, toolVersion)
	seen.Skipped = append([]SkippedManifest{}, seen.Skipped...)
	slices.SortStableFunc(seen.Skipped, func(a, b SkippedManifest) int { return byPlace(a.Place, b.Place) })
	r.Manifests = &seen
	r.Limits = append(r.Limits, skippedLimits(seen.Skipped)...)
	for i := range r.Checks {
		r.Checks[i].Findings = facts.WithoutSecrets(r.Checks[i].Findings) // a manifest was read as it is, and is quoted
		slices.SortStableFunc(r.Checks[i].Findings, func(a, b checks.Finding) int { return byPlace(a.Place, b.Place) })
	}
	total := seen.Workloads
	if len(s.GapsOf(facts.Workloads, "*")) > 0 {
		total = unknownTotal
	}
	r.Coverage = append(r.Coverage, Coverage{Kind: facts.Workloads, Seen: seen.Workloads, Total: total})
	r.Summary = Summarize(r)
	return r
}

// skippedLimits says what was not judged, once for each reason.
func skippedLimits(skipped []SkippedManifest) []string {
	var reasons, out []string
	places := map[string][]string{}
	for _, s := range skipped {
		if places[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		places[s.Reason] = append(places[s.Reason], s.Place.String())
	}
	for _, reason := range reasons {
		out = append(out, fmt.Sprintf("not judged: %s: %s", prose.Some(places[reason], 5), reason))
	}
	return out
}

func byPlace(a, b checks.Place) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
