package print

import (
	"io"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

const (
	shortDiagnoses = 9
	shortProofs    = 2   // lines of evidence of a single diagnosis
	shortProof     = 200 // letters of each
)

// shortWhy is the answer, what decides it, and the command to run.
func shortWhy(w io.Writer, r *report.Report, _ Options) error {
	s := &summarized{}
	s.add("%s", r.Summary)
	list := byCause(r)
	if len(list) == 1 {
		s.diagnosis(list[0])
	} else {
		for i, d := range list {
			if i == shortDiagnoses && len(list) > i+1 {
				s.add("[...] %d more", len(list)-i)
				break
			}
			s.add("[%s] %s%s: %s", causeTitle(d), report.ObjectName(d.Object), report.PodsOf(d), cutEnd(d.Message, shortWhat))
		}
	}
	if r.Verdict != report.NotReady {
		s.holes(r)
	}
	s.about(r)
	_, err := io.WriteString(w, s.out.String())
	return err
}

// diagnosis says all that there is room for: the sentence about it stands above.
func (s *summarized) diagnosis(d pods.Diagnosis) {
	for _, e := range d.Evidence[:min(shortProofs, len(d.Evidence))] {
		s.add("evidence: %s", cutEnd(e, shortProof))
	}
	if c := nextCommand(stepsOf(d.Steps, d.Fix)); c != "" {
		s.whole(strings.ToLower(fixTitle(d)) + ": " + c)
	}
	if d.RootCause != "" {
		s.add("see: kubectl sidecar explain %s", d.RootCause)
	}
}
