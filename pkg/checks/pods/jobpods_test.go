package pods

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func TestJobPods(t *testing.T) {
	is := func(kind batchv1.JobConditionType) []batchv1.JobCondition {
		return []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue}}
	}
	two, three := ptr.To(int32(2)), ptr.To(int32(3))
	for name, c := range map[string]struct {
		spec       batchv1.JobSpec
		status     batchv1.JobStatus
		has, wants int32
	}{
		"new":                            {batchv1.JobSpec{}, batchv1.JobStatus{}, 0, 1},
		"at work":                        {batchv1.JobSpec{}, batchv1.JobStatus{Active: 1}, 1, 1},
		"one of two":                     {batchv1.JobSpec{Parallelism: two, Completions: three}, batchv1.JobStatus{Active: 1}, 1, 2},
		"one terminating":                {batchv1.JobSpec{Parallelism: two, Completions: three}, batchv1.JobStatus{Active: 1, Terminating: ptr.To(int32(1))}, 2, 2},
		"the last":                       {batchv1.JobSpec{Parallelism: two, Completions: three}, batchv1.JobStatus{Active: 1, Succeeded: 2}, 1, 1},
		"the last, not counted":          {batchv1.JobSpec{Parallelism: two, Completions: two}, batchv1.JobStatus{Active: 1, UncountedTerminatedPods: &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"a"}}}, 1, 1},
		"work queue":                     {batchv1.JobSpec{Parallelism: two}, batchv1.JobStatus{Active: 1}, 1, 2},
		"work queue that runs empty":     {batchv1.JobSpec{Parallelism: two}, batchv1.JobStatus{Active: 1, Succeeded: 1}, 1, 1},
		"indexes that failed":            {batchv1.JobSpec{Parallelism: two, Completions: three}, batchv1.JobStatus{Active: 1, FailedIndexes: ptr.To("0,2")}, 1, 1},
		"suspended":                      {batchv1.JobSpec{Suspend: ptr.To(true)}, batchv1.JobStatus{}, 0, 0},
		"complete":                       {batchv1.JobSpec{}, batchv1.JobStatus{Succeeded: 1, Conditions: is(batchv1.JobComplete)}, 0, 0},
		"failed":                         {batchv1.JobSpec{}, batchv1.JobStatus{Failed: 1, Conditions: is(batchv1.JobFailed)}, 0, 0},
		"about to be failed":             {batchv1.JobSpec{Parallelism: two, Completions: two}, batchv1.JobStatus{Active: 1, Conditions: is(batchv1.JobFailureTarget)}, 0, 0},
		"no parallelism, as if paused":   {batchv1.JobSpec{Parallelism: ptr.To(int32(0)), Completions: three}, batchv1.JobStatus{}, 0, 0},
		"a retry that is waited for":     {batchv1.JobSpec{Completions: ptr.To(int32(1))}, batchv1.JobStatus{Failed: 1}, 0, 1},
		"a condition that does not hold": {batchv1.JobSpec{}, batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse}}}, 0, 1},
	} {
		if has, wants := jobPods(&batchv1.Job{Spec: c.spec, Status: c.status}); has != c.has || wants != c.wants {
			t.Errorf("%s: %d of %d pods, want %d of %d", name, has, wants, c.has, c.wants)
		}
	}
}

// A Job that waits to make its pod again was refused once; that is over when it has got a pod since.
func TestRefusedOnce(t *testing.T) {
	refused := metav1.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		made metav1.Time
		want int
	}{
		"made before": {metav1.NewTime(refused.Add(-time.Second)), 1},
		"made since":  {metav1.NewTime(refused.Add(time.Second)), 0},
	} {
		job := batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "report", UID: "j-1"}, Spec: batchv1.JobSpec{Parallelism: ptr.To(int32(2)), Completions: ptr.To(int32(2))}}
		pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "report-a", CreationTimestamp: c.made, OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: ptr.To(true)},
		}}}
		s := sceneOf(&facts.Snapshot{
			TakenAt: metav1.NewTime(refused.Add(time.Minute)), Seen: facts.Kinds(), Jobs: []batchv1.Job{job}, Pods: []corev1.Pod{pod},
			Events: []corev1.Event{{
				Reason: failedCreate, Type: corev1.EventTypeWarning, FirstTimestamp: refused, LastTimestamp: refused,
				InvolvedObject: corev1.ObjectReference{Kind: "Job", Namespace: "shop", Name: job.Name, UID: job.UID},
				Message:        `Error creating: pods "report-b" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1`,
			}},
		})
		if got := len(s.refusals()); got != c.want {
			t.Errorf("%s: %d refusals, want %d", name, got, c.want)
		}
	}
}
