package facts

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestUnwanted(t *testing.T) {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	job := func(name, owner string, suspended, complete bool) batchv1.Job {
		yes := true
		j := batchv1.Job{ObjectMeta: meta(name), Spec: batchv1.JobSpec{Suspend: &suspended}}
		if owner != "" {
			j.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", Name: owner, Controller: &yes}}
		}
		if complete {
			j.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
		}
		return j
	}
	yes, none, one := true, int64(0), int64(1)
	s := &Snapshot{
		Jobs: []batchv1.Job{
			job("suspended", "", true, false), job("complete", "", false, true), job("open", "", false, false),
			job("a-1", "over", false, true), job("a-2", "over", false, true), job("b-1", "half", false, true), job("b-2", "half", false, false),
		},
		CronJobs: []batchv1.CronJob{
			{ObjectMeta: meta("over")}, {ObjectMeta: meta("half"), Spec: batchv1.CronJobSpec{Suspend: &yes}},
			{ObjectMeta: meta("stopped"), Spec: batchv1.CronJobSpec{Suspend: &yes}}, {ObjectMeta: meta("new")},
		},
		CustomWorkloads: []CustomWorkload{
			{Kind: "Rollout", Namespace: "shop", Name: "zero", Replicas: &none},
			{Kind: "Rollout", Namespace: "shop", Name: "one", Replicas: &one},
			{Kind: "Rollout", Namespace: "shop", Name: "paused", Replicas: &one, Paused: true},
		},
	}
	for _, test := range []struct {
		kind, name string
		want       Unwanted
	}{
		{"Job", "suspended", UnwantedSuspended},
		{"Job", "complete", UnwantedCompleted},
		{"Job", "open", ""},
		{"Job", "absent", ""},
		{"CronJob", "over", UnwantedCompleted},
		{"CronJob", "half", ""}, // what it started before is to complete
		{"CronJob", "stopped", UnwantedSuspended},
		{"CronJob", "new", ""},
		{"Rollout", "zero", UnwantedReplicas},
		{"Rollout", "one", ""},
		{"Rollout", "paused", UnwantedPaused},
		{"Node", "zero", ""},
	} {
		if got := s.Unwanted(test.kind, "shop", test.name); got != test.want {
			t.Errorf("%s %s: %q, want %q", test.kind, test.name, got, test.want)
		}
	}
	if got := s.Unwanted("Job", "other", "suspended"); got != "" {
		t.Errorf("in another namespace: %q", got)
	}
}
