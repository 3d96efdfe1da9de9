package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts/factstest"
)

// TestReadyIsProven takes away and alters all that recorded clusters say, one thing at a time: whatever that
// leaves, "nothing is wrong" is said only where every pod is well by its own status.
func TestReadyIsProven(t *testing.T) {
	files, err := filepath.Glob("../../test/e2e/cases/*/seen.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	tried, ready := 0, 0
	for _, file := range files {
		original := factstest.Read(t, file)
		for _, clocked := range []bool{true, false} {
			for name, alter := range alterations(original) {
				s := copied(original)
				if clocked {
					s.TakenAt = metav1.NewTime(s.NewestTime().Add(1e9))
					s.Seen = append(s.Seen, facts.Clock)
				}
				alter(s)
				s.CountToNewest()
				tried++
				if Why(s, pods.Judge(s, nil), nil, "").Verdict != Ready {
					continue
				}
				ready++
				for i := range s.Pods {
					if why := notWell(s, &s.Pods[i]); why != "" {
						t.Errorf("%s: %s: ready, though pod %s %s", file, name, s.Pods[i].Name, why)
					}
				}
			}
		}
	}
	t.Logf("%d snapshots, %d of them ready", tried, ready)
	if ready == 0 {
		t.Error("nothing was ready: the test does not test anything")
	}
}

// copied is a snapshot of which the pods, the events and the lists can be changed.
func copied(s *facts.Snapshot) *facts.Snapshot {
	out := *s
	out.Seen, out.Events, out.Gaps, out.Limits = slices.Clone(s.Seen), slices.Clone(s.Events), slices.Clone(s.Gaps), slices.Clone(s.Limits)
	out.Pods = nil
	for i := range s.Pods {
		out.Pods = append(out.Pods, *s.Pods[i].DeepCopy())
	}
	return &out
}

// alterations are all the ways in which one thing can be missing, or be another.
func alterations(s *facts.Snapshot) map[string]func(*facts.Snapshot) {
	out := map[string]func(*facts.Snapshot){
		"as recorded":     func(*facts.Snapshot) {},
		"no events":       func(s *facts.Snapshot) { s.Events = nil },
		"no jobs":         func(s *facts.Snapshot) { s.Jobs = nil },
		"no cronjobs":     func(s *facts.Snapshot) { s.CronJobs = nil },
		"no deployments":  func(s *facts.Snapshot) { s.Deployments = nil },
		"no replicasets":  func(s *facts.Snapshot) { s.ReplicaSets = nil },
		"no statefulsets": func(s *facts.Snapshot) { s.StatefulSets = nil },
		"no nodes":        func(s *facts.Snapshot) { s.Nodes = nil },
	}
	for i := range s.Events {
		out[fmt.Sprintf("without event %d", i)] = func(s *facts.Snapshot) { s.Events = slices.Delete(s.Events, i, i+1) }
	}
	for _, kind := range s.Seen {
		out["not seen: "+string(kind)] = func(s *facts.Snapshot) {
			s.Seen = slices.DeleteFunc(s.Seen, func(k facts.Kind) bool { return k == kind })
		}
	}
	for i := range s.Pods {
		for name, alter := range podAlterations(&s.Pods[i]) {
			out[s.Pods[i].Name+": "+name] = func(s *facts.Snapshot) { alter(&s.Pods[i]) }
		}
	}
	return out
}

func podAlterations(p *corev1.Pod) map[string]func(*corev1.Pod) {
	out := map[string]func(*corev1.Pod){
		"no status":     func(p *corev1.Pod) { p.Status = corev1.PodStatus{} },
		"no node":       func(p *corev1.Pod) { p.Spec.NodeName = "" },
		"no owner":      func(p *corev1.Pod) { p.OwnerReferences = nil },
		"no birth":      func(p *corev1.Pod) { p.CreationTimestamp = metav1.Time{} },
		"no conditions": func(p *corev1.Pod) { p.Status.Conditions = nil },
		"deleted":       func(p *corev1.Pod) { p.DeletionTimestamp = &p.CreationTimestamp },
	}
	for _, phase := range []corev1.PodPhase{"", corev1.PodPending, corev1.PodRunning, corev1.PodFailed, corev1.PodUnknown} {
		out["phase "+string(phase)] = func(p *corev1.Pod) { p.Status.Phase = phase }
	}
	for i := range p.Status.Conditions {
		for _, status := range []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown} {
			out[fmt.Sprintf("condition %s %s", p.Status.Conditions[i].Type, status)] = func(p *corev1.Pod) { p.Status.Conditions[i].Status = status }
		}
	}
	add := func(name string, list func(p *corev1.Pod) *[]corev1.ContainerStatus) {
		for i := range *list(p) {
			out[fmt.Sprintf("%s %d has no status", name, i)] = func(p *corev1.Pod) { *list(p) = slices.Delete(*list(p), i, i+1) }
			for state, alter := range containerAlterations {
				out[fmt.Sprintf("%s %d %s", name, i, state)] = func(p *corev1.Pod) { alter(&(*list(p))[i]) }
			}
		}
	}
	add("init", func(p *corev1.Pod) *[]corev1.ContainerStatus { return &p.Status.InitContainerStatuses })
	add("main", func(p *corev1.Pod) *[]corev1.ContainerStatus { return &p.Status.ContainerStatuses })
	return out
}

// containerAlterations are what may become of a container.
var containerAlterations = map[string]func(*corev1.ContainerStatus){
	"has no state": func(s *corev1.ContainerStatus) { s.State = corev1.ContainerState{} },
	"waits": func(s *corev1.ContainerStatus) {
		s.State = stateOf(&corev1.ContainerStateWaiting{Reason: "Strange"}, nil)
	},
	"is created": func(s *corev1.ContainerStatus) {
		s.State = stateOf(&corev1.ContainerStateWaiting{Reason: "PodInitializing"}, nil)
	},
	"loops": func(s *corev1.ContainerStatus) {
		s.State = stateOf(&corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}, nil)
	},
	"succeeded":  func(s *corev1.ContainerStatus) { s.State = stateOf(nil, &corev1.ContainerStateTerminated{}) },
	"failed":     func(s *corev1.ContainerStatus) { s.State = stateOf(nil, &corev1.ContainerStateTerminated{ExitCode: 1}) },
	"is unready": func(s *corev1.ContainerStatus) { s.Ready = false },
	"has not started": func(s *corev1.ContainerStatus) {
		off := false
		s.Started = &off
	},
}

func stateOf(waiting *corev1.ContainerStateWaiting, terminated *corev1.ContainerStateTerminated) corev1.ContainerState {
	return corev1.ContainerState{Waiting: waiting, Terminated: terminated}
}

// notWell says what in a pod's own status speaks against its being well; "" when nothing does.
func notWell(s *facts.Snapshot, p *corev1.Pod) string {
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		return ""
	case corev1.PodFailed:
		if slices.ContainsFunc(s.Jobs, func(j batchv1.Job) bool {
			return len(p.OwnerReferences) > 0 && p.OwnerReferences[0].UID == j.UID && j.Status.Succeeded > 0
		}) {
			return ""
		}
		return "failed"
	case corev1.PodRunning:
	default:
		return "is " + string(p.Status.Phase)
	}
	if p.DeletionTimestamp != nil {
		return "is being deleted"
	}
	if !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == "Ready" && c.Status == "True" }) {
		return "is not ready"
	}
	always := map[string]bool{}
	for _, c := range p.Spec.InitContainers {
		always[c.Name] = c.RestartPolicy != nil
	}
	for _, c := range p.Status.InitContainerStatuses {
		if done := c.State.Terminated != nil && c.State.Terminated.ExitCode == 0; always[c.Name] && c.State.Running == nil || !always[c.Name] && !done {
			return "has init container " + c.Name + " in another state"
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Running == nil || !c.Ready {
			return "has container " + c.Name + " not ready"
		}
	}
	return ""
}
