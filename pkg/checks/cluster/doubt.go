package cluster

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// aside reports whether a gap is about whose doing something was, and not about what was done: the
// canary came back all the same.
func aside(g facts.Gap) bool {
	return strings.HasPrefix(g.Scope, facts.ScopeReview) || strings.HasPrefix(g.Scope, facts.ScopeTemplate)
}

// doubts are those gaps of a class.
func (t admissionRun) doubts(s *facts.Snapshot, scope string) []facts.Gap {
	return slices.DeleteFunc(s.GapsOf(facts.Canaries, "*"), func(g facts.Gap) bool {
		return !strings.HasPrefix(g.Scope, scope+t.class.ID+" ")
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
			out = append(out, t.doubts(s, facts.ScopeReview)...)
		}
		if kind == facts.Stripped && t.canary.Template == facts.TemplateUnknown {
			out = append(out, t.doubts(s, facts.ScopeTemplate)...)
		}
	}
	return out
}

// unprovenFields are the gaps that leave open who took newer fields from a canary, or whether anybody
// did: the API server may not know them.
func unprovenFields(s *facts.Snapshot, all []admissionRun, kept map[string]bool) []facts.Gap {
	var out []facts.Gap
	for _, t := range all {
		if t.canary == nil || t.canary.Fields == nil {
			continue
		}
		taken := takenFields(t, kept)
		if len(taken) < len(t.canary.Fields.Lost) && t.canary.Template == facts.TemplateUnknown {
			out = append(out, t.doubts(s, facts.ScopeTemplate)...)
		}
		if len(t.canary.Fields.Lost) > 0 && len(fieldCulprits(t, t.canary.Fields.Lost)) == 0 {
			out = append(out, t.doubts(s, facts.ScopeReview)...)
		}
	}
	return out
}
