package checks

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// someCollisions is from how many hash collisions on they are no accident: one is rare.
const someCollisions = 3

var podAPIServersDisagree = Check{
	ID:       apiserversDisagree.ID,
	Title:    "no Deployment makes ReplicaSets without end",
	Severity: Error,
	Category: PodsGroup,
	Needs:    []facts.Kind{facts.Pods, facts.Deployments, facts.ReplicaSets, facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.Deployments, facts.ReplicaSets, facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		sc := sceneOf(s)
		o := Outcome{Tried: fmt.Sprintf("%s, %s", counted(len(s.Deployments), "Deployment"), counted(len(s.Pods), "pod"))}
		for i := range s.Deployments {
			if f := sc.endlessFinding(&s.Deployments[i]); f != nil {
				o.Findings = append(o.Findings, *f)
			}
		}
		return o
	},
}

// endless is why the ReplicaSets of an owner lack what it has: the id of the check above when it
// makes them without end.
func (s *scene) endless(owner Object) []string {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		if (Object{"Deployment", d.Namespace, d.Name}) == owner && s.endlessFinding(d) != nil {
			return []string{apiserversDisagree.ID}
		}
	}
	return nil
}

func (s *scene) endlessFinding(d *appsv1.Deployment) *Finding {
	m, known := s.named[Object{"Deployment", d.Namespace, d.Name}]
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
	f := &Finding{
		Object:  m.Object,
		Message: fmt.Sprintf("the Deployment makes ReplicaSets without end (%d collisions): it has restartPolicy: Always of %s, an API server drops it from each ReplicaSet, and the two never match", *d.Status.CollisionCount, strings.Join(alwaysOf(m), ", ")),
		Evidence: []string{
			fmt.Sprintf("deployment %s: status.collisionCount: %d", d.Name, *d.Status.CollisionCount),
			fmt.Sprintf("deployment %s has restartPolicy: Always of %s in its template", d.Name, strings.Join(alwaysOf(m), ", ")),
		},
	}
	if len(without) > 0 {
		shown := without[:min(len(without), 3)]
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of it lack the field (%s)", counted(len(without), "ReplicaSet"), strings.Join(shown, ", ")))
	}
	f.Fix = "Stop it, then give all API servers the same version and gates (kubectl sidecar explain apiservers-disagree), and delete the surplus ReplicaSets:\n\n" +
		indent(shell("kubectl rollout pause deployment %s -n %s\nkubectl get replicasets -n %s --sort-by .metadata.creationTimestamp", d.Name, d.Namespace, d.Namespace))
	for _, p := range having(apiServers(s.Snapshot).seen, GateOff, GateUnsupported) {
		id := apiserverGateOff.ID
		if p.gate == GateUnsupported {
			id = apiserverTooOld.ID
		}
		f.Because = addOnce(f.Because, id)
		for _, line := range p.evidence {
			f.Evidence = append(f.Evidence, p.object.Name+": "+line)
		}
	}
	return f
}
