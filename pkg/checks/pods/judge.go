// Package pods has the checks on pods: why does one not start, run, become ready or terminate?
package pods

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Judgment is what the checks say of pods.
type Judgment struct {
	cluster.Judgment
	// Diagnoses join the findings of Results, and name every other pod that is not known to be well; never nil.
	Diagnoses []Diagnosis
	// InProgress are the pods that wait for something that may still come, and with which nothing is wrong so far;
	// never nil.
	InProgress []Diagnosis
	// scene is what they were judged by.
	scene *scene
}

// Judge judges a snapshot with all checks on pods. asked are the objects that the user named; none
// means all that the snapshot has.
func Judge(s *facts.Snapshot, asked []checks.Object) Judgment {
	return sceneOf(s).judge(asked)
}

// JudgeFirst judges only the first n pods of a snapshot, and what it has of others as their siblings. The caller says
// that those were not judged, as a gap.
func JudgeFirst(s *facts.Snapshot, asked []checks.Object, n int) Judgment {
	sc := sceneOf(s)
	sc.first = n
	return sc.judge(asked)
}

func (sc *scene) judge(asked []checks.Object) Judgment {
	s := sc.Snapshot
	results := checks.Run(s, sc, rules(), nil)
	sc.addUnseen(results, asked)
	out := Judgment{
		Judgment:   cluster.Judgment{Results: results, Nodes: sc.cluster.Nodes(), Webhooks: sc.cluster.Webhooks()},
		InProgress: []Diagnosis{}, scene: sc,
	}
	out.Diagnoses = sc.diagnose(results)
	out.Diagnoses = slices.DeleteFunc(out.Diagnoses, func(d Diagnosis) bool {
		if d.Progress == nil {
			return false
		}
		out.InProgress = append(out.InProgress, d)
		return true
	})
	return out
}

// tellOfMakers are the kinds that tell of pods that were never created.
var tellOfMakers = []facts.Kind{
	facts.Events, facts.Deployments, facts.ReplicaSets, facts.StatefulSets, facts.DaemonSets, facts.Jobs, facts.CronJobs,
}

// addUnseen adds what could not be read at all to the check whose answer rests on it, unless every
// pod that was asked about is there and well: then nothing else could tell more.
func (s *scene) addUnseen(results []checks.Result, asked []checks.Object) {
	onlyPods := len(asked) > 0 && !slices.ContainsFunc(asked, func(o checks.Object) bool { return o.Kind != "Pod" })
	if onlyPods && len(s.Pods) > 0 && AllSettled(s.Pods) {
		return
	}
	i := slices.IndexFunc(results, func(r checks.Result) bool { return r.Check.ID == checks.PodRefused })
	o := &results[i].Outcome
	for _, kind := range tellOfMakers {
		for _, g := range s.GapsOf(kind, "") {
			if !slices.Contains(o.Missing, g) {
				o.Missing = append(o.Missing, g)
			}
		}
	}
}
