package pods

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// lacking are entries of controllers that do not have the pods that they should have, and of Jobs that have failed,
// where nothing else is said of them or of their pods.
func (s *scene) lacking(told func(owner checks.Object) bool) []Diagnosis {
	var out []Diagnosis
	for _, m := range s.makers {
		if m.meta == nil || m.meta.DeletionTimestamp != nil || told(s.topOf(m.Object)) {
			continue
		}
		if w := s.lacks(m); w != nil {
			d := s.ownerEntry(m, w.words(), w.next)
			if w.inProgress() {
				d.Progress = w.progress()
			}
			out = append(out, d)
		}
	}
	return out
}

// lacks is what a controller waits for; nil when it has what it should have.
func (s *scene) lacks(m maker) *pending {
	born := ageOf(s.Snapshot, m.meta.CreationTimestamp)
	describe := checks.Step{Text: "See what its controller says:", Command: prose.Shell("kubectl describe %s %s -n %s", m.resource, m.Name, m.Namespace)}
	if j := s.jobs[m.Object]; j != nil {
		return s.lacksOfJob(m, j, born, describe)
	}
	seen := max(m.pods, int32(len(s.siblings[m.meta.UID])))
	if seen >= m.wants {
		return nil
	}
	return &pending{
		wait: WaitPods, state: fmt.Sprintf("it has %s, and nothing that was read says why", prose.Of(int(seen), int(m.wants), "pod")),
		since: born, allowed: settle, limit: usually, next: describe,
	}
}

func (s *scene) lacksOfJob(m maker, j *batchv1.Job, born age, describe checks.Step) *pending {
	c := facts.JobConditionOf(j, batchv1.JobFailed)
	switch {
	case c != nil:
		return &pending{state: fmt.Sprintf("the Job has failed: %s: %s", c.Reason, prose.Clause(c.Message)), since: age{at: c.LastTransitionTime}, next: describe}
	case facts.JobSuspended(j) && facts.QueueOf(j) != "" && !facts.JobIs(j, batchv1.JobComplete) && len(s.siblings[j.UID]) == 0:
		return &pending{
			wait: WaitPods, state: fmt.Sprintf("the Job is suspended until Kueue admits it from queue %s", facts.QueueOf(j)), since: born,
			next: checks.Step{Text: "See what Kueue waits for:", Command: prose.Shell("kubectl describe workloads.kueue.x-k8s.io -n %s", j.Namespace)},
		}
	case !m.lacksPods || m.pods > 0 || len(s.siblings[j.UID]) > 0:
		return nil
	}
	return &pending{wait: WaitPods, state: "the Job has no pod, and nothing that was read says why", since: born, allowed: settle, limit: usually, next: describe}
}

func (s *scene) ownerEntry(m maker, message string, next checks.Step) Diagnosis {
	steps := []checks.Step{next}
	return Diagnosis{
		Object: m.Object, Owner: s.topOf(m.Object), Pods: []string{}, Message: message, Because: []string{}, Evidence: s.ownerEvidence(m),
		Steps: steps, Fix: checks.FixOf(steps), Symptoms: []Symptom{}, Workarounds: []string{},
	}
}

// ownerEvidence is what the events about a controller say.
func (s *scene) ownerEvidence(m maker) []string {
	events := slices.DeleteFunc(s.eventsOf(m.Object, string(m.meta.UID)), func(e corev1.Event) bool { return e.Type == corev1.EventTypeNormal })
	out := newest(s.Snapshot, events, 3)
	if at := m.meta.CreationTimestamp; !at.IsZero() {
		out = append([]string{fmt.Sprintf("%s %s was created %s", m.resource, m.Name, ageOf(s.Snapshot, metav1.NewTime(at.Time)).ago())}, out...)
	}
	return out
}
