package pods

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestUpForAMoment looks at every recorded pod a second after the kubelet has started its exited containers again:
// all of them are up and count as ready, and nothing has become better by that.
func TestUpForAMoment(t *testing.T) {
	files, err := filepath.Glob(recordings + "/*/seen.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	tried := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, dated := range []bool{true, false} {
			s, err := facts.Read(bytes.NewReader(data), file)
			if err != nil {
				t.Fatal(err)
			}
			s.CountToNewest()
			if dated {
				s.Seen = append(s.Seen, facts.Clock)
				s.Gaps = slices.DeleteFunc(s.Gaps, func(g facts.Gap) bool { return g.Kind == facts.Clock })
			}
			up := map[string]bool{}
			for i := range s.Pods {
				if raised(&s.Pods[i], s.TakenAt) {
					up[s.Pods[i].Namespace+"/"+s.Pods[i].Name] = true
				}
			}
			tried += len(up)
			j := Judge(s, nil)
			for _, d := range slices.Concat(j.Diagnoses, j.InProgress) {
				for _, name := range d.Pods {
					delete(up, d.Object.Namespace+"/"+name)
				}
			}
			for name := range up {
				t.Errorf("%s, dated %v: nothing is wrong with %s, which is up for a second", filepath.Base(filepath.Dir(file)), dated, name)
			}
		}
	}
	if tried < 30 {
		t.Errorf("%d pods: too few to tell anything", tried)
	}
}

// raised starts the containers of a pod again that the kubelet would, a second ago; false when there are none.
func raised(p *corev1.Pod, now metav1.Time) bool {
	if facts.PodFinished(p) || p.DeletionTimestamp != nil || p.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		return false
	}
	since, on, any := metav1.NewTime(now.Add(-time.Second)), true, false
	for _, c := range slices.Concat(containers(p.Spec.InitContainers, p.Status.InitContainerStatuses, true), containers(p.Spec.Containers, p.Status.ContainerStatuses, false)) {
		if c.init && !c.sidecar() {
			if !c.passed() {
				return false
			}
			continue
		}
		if end := c.ended(); end != nil {
			c.status.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}}
			c.status.LastTerminationState = corev1.ContainerState{Terminated: end}
			c.status.Ready, c.status.Started, any = true, &on, true
		}
	}
	p.Status.Phase, p.Status.Conditions = corev1.PodRunning, []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return any
}

// TestSucceededThoughAlways: what is started again whenever it exits does not succeed. A pod that counts as if it had was
// stopped by its kubelet, and that is not well, whatever it was before.
func TestSucceededThoughAlways(t *testing.T) {
	for name, p := range healthyShapes {
		if p.Spec.RestartPolicy != corev1.RestartPolicyAlways || p.DeletionTimestamp != nil || p.Spec.NodeName == "" {
			continue
		}
		p = *p.DeepCopy()
		p.Status.Phase, p.Status.Reason, p.Status.ContainerStatuses = corev1.PodSucceeded, "", nil
		for _, c := range p.Spec.Containers {
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, ended(c.Name, 0, time.Minute))
		}
		if got := judged(p); got == "" {
			t.Errorf("%s: nothing is wrong", name)
		}
		evicted := event("Evicted", "The node was low on resource: memory. ", "", 1, time.Minute)
		evicted.Type = corev1.EventTypeWarning
		if got := judged(p, evicted); got != "pod-evicted" {
			t.Errorf("%s, and an event says why: %q", name, got)
		}
	}
}
