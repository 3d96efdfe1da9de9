package print

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
)

// cleanDiagnosis is clean for a diagnosis.
func cleanDiagnosis(d pods.Diagnosis) pods.Diagnosis {
	d.Object, d.Owner = cleanObject(d.Object), cleanObject(d.Owner)
	d.Pods, d.RootCause, d.Container, d.Message = lines(d.Pods), line(d.RootCause), line(d.Container), line(d.Message)
	d.Probably = cleanProbable(d.Probably)
	d.Because, d.Evidence, d.Fix = lines(d.Because), lines(d.Evidence), block(d.Fix)
	d.Steps, d.RuledOut = cleanSteps(d.Steps), lines(d.RuledOut)
	d.Symptoms = each(d.Symptoms, func(s pods.Symptom) pods.Symptom {
		return pods.Symptom{Check: line(s.Check), Finding: cleanFinding(s.Finding)}
	})
	d.Workarounds = lines(d.Workarounds)
	d.Timeline = each(d.Timeline, cleanRow)
	return d
}

func cleanProbable(p *pods.Probable) *pods.Probable {
	if p == nil {
		return nil
	}
	return &pods.Probable{Check: line(p.Check), CertainIf: p.CertainIf, Else: cleanProbable(p.Else)}
}

func cleanRow(r pods.Row) pods.Row {
	r.Name, r.Type, r.Reason = line(r.Name), line(r.Type), line(r.Reason)
	r.Segments = each(r.Segments, func(s pods.Segment) pods.Segment {
		s.State, s.Note = pods.SegmentState(line(string(s.State))), line(s.Note)
		return s
	})
	return r
}
