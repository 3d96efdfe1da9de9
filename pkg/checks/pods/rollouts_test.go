package pods

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestDelivery: a changed template reaches the pod also where its owner does not roll it out, and what that takes is
// said before.
func TestDelivery(t *testing.T) {
	for _, test := range []struct {
		pod     string
		change  func(s *facts.Snapshot)
		command string // after the patch
		says    string
	}{
		{"web-1-x", func(s *facts.Snapshot) { s.Deployments[0].Spec.Paused = true }, "kubectl rollout resume deployment web -n n", "Its rollout is paused: the second command resumes it"},
		{"agent-x", func(s *facts.Snapshot) {
			s.DaemonSets[0].Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
		}, "kubectl delete pod agent-x -n n", "The DaemonSet replaces no pod on its own (updateStrategy: OnDelete): the second command deletes pod agent-x, and"},
		{"db-0", func(s *facts.Snapshot) {
			s.StatefulSets[0].Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To(int32(2))}
		}, `kubectl patch statefulset db -n n --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'` + "\nkubectl delete pod db-0 -n n", "The third command deletes pod db-0"},
		{"db-0", func(*facts.Snapshot) {}, "kubectl delete pod db-0 -n n", "The second command deletes pod db-0"},
	} {
		s := underOwners()
		test.change(s)
		var last []checks.Step
		for _, p := range sceneOf(s).subjects() {
			if p.Name == test.pod {
				last = p.editSteps("Change it", p.inits[1], setAlways("proxy")...)
			}
		}
		if len(last) != 1 || !strings.HasSuffix(last[0].Command, "\n"+test.command) || !strings.Contains(last[0].Text, test.says) {
			t.Errorf("%s: got %+v, want %q with %q", test.pod, last, test.command, test.says)
		}
	}
}

// TestStaticPods: what the API server shows of a static pod is a mirror, which no command changes.
func TestStaticPods(t *testing.T) {
	s := underOwners()
	for i := range s.Pods {
		p := &s.Pods[i]
		p.OwnerReferences, p.Annotations, p.Spec.NodeName = nil, map[string]string{corev1.MirrorPodAnnotationKey: "x"}, "n1"
	}
	for _, p := range sceneOf(s).subjects() {
		proxy := p.inits[1]
		for _, steps := range [][]checks.Step{
			p.editSteps("Change it", proxy, setAlways("proxy")...), p.moveSteps("Move it", p.mains[0], 0, nil),
			{p.recreateStep("Recreate it")}, {p.avoidStep("Keep it away")}, p.recreateSteps(), {p.hostUsersStep()}, p.demoteSteps(proxy),
		} {
			for _, step := range steps {
				if strings.Contains(step.Command, "kubectl") {
					t.Errorf("%s: %s\n%s", p.Name, step.Text, step.Command)
				}
			}
			if text := checks.FixOf(steps); !strings.Contains(text, "manifest") {
				t.Errorf("%s: no manifest in %q", p.Name, text)
			}
		}
	}
}
