package pods

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestWaitsForOthers: what a pod or a Job waits for that is in somebody else's hands is named.
func TestWaitsForOthers(t *testing.T) {
	suspend := true
	queued := batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "j", UID: "j-1", CreationTimestamp: before(time.Hour), Labels: map[string]string{"kueue.x-k8s.io/queue-name": "team"}}}
	queued.Spec.Suspend = &suspend
	preempted := shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		at := before(-20 * time.Second)
		p.Name, p.DeletionTimestamp = "p", &at
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "PreemptionByScheduler", Message: "preempting"}}
	})
	for want, s := range map[string]*facts.Snapshot{
		"the Job is suspended until Kueue admits it from queue team, for 60m": {Jobs: []batchv1.Job{queued}},
		"the pod is being deleted (PreemptionByScheduler: preempting)":        {Pods: []corev1.Pod{preempted}},
	} {
		s.TakenAt, s.Seen = metav1.NewTime(noon), facts.Kinds()
		if j := Judge(s, nil); len(j.Diagnoses) != 0 || len(j.InProgress) != 1 || !strings.HasPrefix(j.InProgress[0].Message, want) {
			t.Errorf("%+v, %+v, want %q", j.Diagnoses, j.InProgress, want)
		}
	}
}
