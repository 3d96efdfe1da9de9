package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// aboutCause reports whether a gap leaves open who changed a canary, and not what became of it: it came back
// all the same.
func aboutCause(g facts.Gap) bool {
	return g.Instance.Part == facts.PartReview || g.Instance.Part == facts.PartTemplate
}

// doubts are the gaps of one part of what was asked about a class.
func (t admissionRun) doubts(s *facts.Snapshot, part facts.Part) []facts.Gap {
	return slices.DeleteFunc(s.GapsOf(facts.Canaries, "*"), func(g facts.Gap) bool {
		return g.Instance.Class != t.class.ID || g.Instance.Part != part
	})
}

// unproven are the gaps that leave open who changed a canary.
func unproven(s *facts.Snapshot, all []admissionRun, kind facts.ChangeKind, evidence func(admissionRun) []string) []facts.Gap {
	var out []facts.Gap
	for _, t := range all {
		if len(evidence(t)) == 0 {
			continue
		}
		if len(t.culprits(kind)) == 0 {
			out = append(out, t.doubts(s, facts.PartReview)...)
		}
		if kind == facts.Stripped && t.canary.Template == facts.TemplateUnknown {
			out = append(out, t.doubts(s, facts.PartTemplate)...)
		}
	}
	return out
}

// unprovenFields are the gaps that leave open who stripped newer fields from a canary, or whether anybody
// did: the API server may not know them.
func unprovenFields(s *facts.Snapshot, all []admissionRun, kept map[string]bool) []facts.Gap {
	var out []facts.Gap
	for _, t := range all {
		if t.canary == nil || t.canary.Fields == nil {
			continue
		}
		stripped := strippedFields(t, kept)
		if len(stripped) < len(t.canary.Fields.Lost) && t.canary.Template == facts.TemplateUnknown {
			out = append(out, t.doubts(s, facts.PartTemplate)...)
		}
		if len(t.canary.Fields.Lost) > 0 && len(fieldCulprits(t, t.canary.Fields.Lost)) == 0 {
			out = append(out, t.doubts(s, facts.PartReview)...)
		}
	}
	return out
}
