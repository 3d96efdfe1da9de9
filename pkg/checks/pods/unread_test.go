package pods

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestUnreadOwner: a ReplicaSet that could not be read may belong to a Deployment. The finding stands;
// it says so, and what else of its kinds of facts is missing.
func TestUnreadOwner(t *testing.T) {
	now := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	long, yes := metav1.NewTime(now.Add(-time.Hour)), true
	refused := facts.NewGap(facts.ReplicaSets, facts.Instance{Kind: "ReplicaSet", Namespace: "shop", Name: "web-1"}, "not allowed to get replicasets", facts.Do("rbac"))
	s := &facts.Snapshot{
		TakenAt: now, Seen: facts.Kinds(),
		Gaps: []facts.Gap{refused, {Kind: facts.Services, Reason: "not asked for by this check", Remedy: "none"}},
		Pods: []corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{
				Name: "web-1-a", Namespace: "shop", CreationTimestamp: long,
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "u", Controller: &yes}},
			},
			Spec: corev1.PodSpec{
				NodeName:       "node",
				InitContainers: []corev1.Container{{Name: "proxy", Image: "envoy:1"}}, Containers: []corev1.Container{{Name: "app"}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{{
				Name: "proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: long}},
			}}},
		}},
	}
	const note = "not known: whether replicaset web-1 has an owner, which would be the one to change: not allowed to get replicasets"
	found := Judge(s, nil).Diagnoses
	if len(found) != 1 || found[0].RootCause != initContainerNeverExits.ID || !slices.Contains(found[0].Evidence, note) {
		t.Errorf("%s", checktest.YAML(t, found))
	}
	for _, r := range Judge(s, nil).Results {
		var want []facts.Gap
		if r.Check.ID == initContainerNeverExits.ID {
			want = []facts.Gap{refused}
		}
		if diff := cmp.Diff(want, r.Outcome.Missing); diff != "" {
			t.Errorf("%s misses (-want +got)\n%s", r.Check.ID, diff)
		}
	}
	s.Gaps = nil
	// With its template known, the field was lost on the way: the canary that would tell to whom has no answer.
	always := corev1.ContainerRestartPolicyAlways
	template := corev1.PodTemplateSpec{Spec: *s.Pods[0].Spec.DeepCopy()}
	template.Spec.InitContainers[0].RestartPolicy = &always
	s.ReplicaSets = []appsv1.ReplicaSet{{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop", UID: "u"}, Spec: appsv1.ReplicaSetSpec{Template: template}}}
	s.Classes = []facts.Class{{ID: "class-1", Namespaces: []string{"shop"}, Webhooks: []string{"a/a.example.com"}}}
	s.Canaries = []facts.Canary{{Class: "class-1", Namespace: "shop", Sent: &corev1.Pod{}, Refusal: &facts.Refusal{Message: "connection refused"}}}
	for _, r := range Judge(s, nil).Results {
		if r.Check.ID != restartPolicyStripped.ID {
			continue
		}
		want := []facts.Gap{{
			Kind: facts.Canaries, Scope: "class-1 (namespace shop)", Instance: s.Classes[0].Instance(),
			Reason: "the canary was refused: connection refused",
			Remedy: "give it more time: --request-timeout 30s --timeout 5m",
		}}
		if diff := cmp.Diff(want, r.Outcome.Missing); diff != "" || len(r.Outcome.Findings) != 1 {
			t.Errorf("%d findings, and misses (-want +got)\n%s", len(r.Outcome.Findings), diff)
		}
	}
	s.ReplicaSets, s.Classes, s.Canaries = nil, nil, nil
	if text := checktest.YAML(t, Judge(s, nil).Diagnoses); strings.Contains(text, "not known:") {
		t.Errorf("without a gap: %s", text)
	}
}
