package pods

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// someCollisions is from how many hash collisions on they are no accident: one is rare.
const someCollisions = 3

var apiserversDisagree = rule{
	Check: checks.Check{
		ID:       checks.APIServersDisagree,
		Title:    "no Deployment makes ReplicaSets without end",
		Severity: checks.Error,
		Category: checks.Pods,
		Needs:    []facts.Kind{facts.Pods},
		Uses:     []facts.Kind{facts.Deployments, facts.ReplicaSets, facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		o := checks.Outcome{Tried: fmt.Sprintf("%s, %s", prose.Counted(len(s.Deployments), "Deployment"), prose.Counted(len(s.Pods), "pod"))}
		for i := range s.Deployments {
			if f := s.endlessFinding(&s.Deployments[i]); f != nil {
				o.Findings = append(o.Findings, *f)
			}
		}
		return o
	},
}

// endless is why the ReplicaSets of an owner lack what it has: the id of the check above when it
// makes them without end.
func (s *scene) endless(owner checks.Object) []string {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		if (checks.Object{Kind: "Deployment", Namespace: d.Namespace, Name: d.Name}) == owner && s.endlessFinding(d) != nil {
			return []string{checks.APIServersDisagree}
		}
	}
	return nil
}

func (s *scene) endlessFinding(d *appsv1.Deployment) *checks.Finding {
	m, known := s.named[checks.Object{Kind: "Deployment", Namespace: d.Namespace, Name: d.Name}]
	if !known || d.Status.CollisionCount == nil || *d.Status.CollisionCount < someCollisions || len(alwaysOf(m)) == 0 {
		return nil
	}
	var without []string
	for _, rs := range s.makers {
		if rs.Kind == "ReplicaSet" && rs.meta.Namespace == d.Namespace && slices.ContainsFunc(rs.meta.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Name == d.Name }) && len(alwaysOf(rs)) < len(alwaysOf(m)) {
			without = append(without, rs.Name)
		}
	}
	if s.Has(facts.ReplicaSets) && len(without) == 0 {
		return nil
	}
	f := &checks.Finding{
		Object:  m.Object,
		Message: fmt.Sprintf("the Deployment makes ReplicaSets without end (%d collisions): it has restartPolicy: Always of %s, an API server drops it from each ReplicaSet, and the two never match", *d.Status.CollisionCount, strings.Join(alwaysOf(m), ", ")),
		Evidence: []string{
			fmt.Sprintf("deployment %s: status.collisionCount: %d", d.Name, *d.Status.CollisionCount),
			fmt.Sprintf("deployment %s has restartPolicy: Always of %s in its template", d.Name, strings.Join(alwaysOf(m), ", ")),
		},
	}
	if len(without) > 0 {
		shown := without[:min(len(without), 3)]
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of it lack the field (%s)", prose.Counted(len(without), "ReplicaSet"), strings.Join(shown, ", ")))
	}
	f.Fix = "Stop it, then give all API servers the same version and gates (kubectl sidecar explain apiservers-disagree), and delete the surplus ReplicaSets:\n\n" +
		prose.Indent(prose.Shell("kubectl rollout pause deployment %s -n %s\nkubectl get replicasets -n %s --sort-by .metadata.creationTimestamp", d.Name, d.Namespace, d.Namespace))
	for _, p := range cluster.Having(s.cluster.APIServers().Seen, gate.Off, gate.Unsupported) {
		id := checks.APIServerGateOff
		if p.Gate == gate.Unsupported {
			id = checks.APIServerTooOld
		}
		f.Because = prose.AddOnce(f.Because, id)
		for _, line := range p.Evidence {
			f.Evidence = append(f.Evidence, p.Object.Name+": "+line)
		}
	}
	return f
}
