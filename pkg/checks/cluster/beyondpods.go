package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// beyondPods makes the result of a row worse by what the webhook or policy does to templates of workloads and to updates
// of pods, where no canary that is a pod met it.
func (s *scene) beyondPods(row *WebhookRow) {
	worse := func(result, proof string) {
		if row.Result == resultNotCalled || slices.Index(fromWorst, result) < slices.Index(fromWorst, row.Result) {
			row.Result, row.Proof = result, proof
		}
	}
	for _, r := range workloadRuns(s.Snapshot) {
		if slices.Contains(r.actors(), row.Name) {
			worse(r.resultOf(s.Snapshot, row.Name))
		}
	}
	for i := range s.PodUpdates {
		u := &s.PodUpdates[i]
		r := updateRun{admissionRun{class: u.Class, canary: u.Canary}, u}
		if slices.Contains(r.actors(), row.Name) {
			worse(r.resultOf(s.Snapshot, row.Name))
		}
	}
}

// resultOf is what a workload that was created tells of one of those who saw it.
func (r workloadRun) resultOf(s *facts.Snapshot, name string) (result, proof string) {
	proof = "dry run of a " + r.trial.Kind
	if r.trial.Update != "" {
		proof = "dry run of an update of a " + r.trial.Kind
	}
	for _, c := range changeResults {
		if len(r.happened(c.kind)) == 0 {
			continue
		}
		culprits := r.culprits(c.kind)
		switch {
		case slices.ContainsFunc(culprits, func(x culprit) bool { return x.name == name }):
			return c.result, proof
		case len(culprits) == 0 && slices.Contains(r.left(c.kind), name):
			return resultCandidate, proof
		}
	}
	if r.canary == nil || len(openOf(s, nil, []workloadRun{r})) > 0 {
		return resultUnknown, proof
	}
	return resultPreserves, proof
}

// resultOf is what an update of a pod tells of one of those who saw it.
func (r updateRun) resultOf(s *facts.Snapshot, name string) (result, proof string) {
	proof = "dry run of an update"
	found, gaps := r.judge(s, nil)
	for _, f := range found {
		switch f.Object.Name {
		case name:
			return resultStrips, proof
		case r.class.ID:
			return resultCandidate, proof
		}
	}
	if len(gaps) > 0 || r.canary == nil {
		return resultUnknown, proof
	}
	return resultPreserves, proof
}
