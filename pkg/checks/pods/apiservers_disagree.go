package pods

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

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
		Title:    "every Deployment settles on one ReplicaSet",
		Severity: checks.Error,
		Category: checks.Pods,
		Needs:    []facts.Kind{facts.Pods},
		Uses:     []facts.Kind{facts.Deployments, facts.ReplicaSets, facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		o := checks.Outcome{Tried: fmt.Sprintf("%s, %s", prose.Counted(len(s.Deployments), "Deployment"), prose.Counted(len(s.Pods), "pod"))}
		for i := range s.Deployments {
			if e := s.endlessOf(&s.Deployments[i]); e != nil {
				o.Findings = append(o.Findings, e.finding(s.cluster.APIServers().Seen))
			}
		}
		return o
	},
}

// endless is why the ReplicaSets of an owner lack what it has: the id of the check above when it
// keeps creating them.
func (s *scene) endless(owner checks.Object) []string {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		if (checks.Object{Kind: "Deployment", Namespace: d.Namespace, Name: d.Name}) == owner && s.endlessOf(d) != nil {
			return []string{checks.APIServersDisagree}
		}
	}
	return nil
}

// An endlessOwner is a Deployment that keeps creating ReplicaSets, because none has what it has.
type endlessOwner struct {
	maker
	collisions int32
	// paused is that it has been stopped since.
	paused bool
	// without are the ReplicaSets that lack the field; empty where they were not seen.
	without []string
}

// endlessOf is nil for a Deployment that does not keep creating ReplicaSets, as far as can be seen.
func (s *scene) endlessOf(d *appsv1.Deployment) *endlessOwner {
	m, known := s.named[checks.Object{Kind: "Deployment", Namespace: d.Namespace, Name: d.Name}]
	collisions := ptr.Deref(d.Status.CollisionCount, 0)
	if !known || collisions < someCollisions || len(alwaysOf(m)) == 0 {
		return nil
	}
	out := &endlessOwner{maker: m, collisions: collisions, paused: d.Spec.Paused}
	for _, rs := range s.makers {
		if rs.Kind != "ReplicaSet" || !rs.ownedBy(m) {
			continue
		}
		if len(alwaysOf(rs)) >= len(alwaysOf(m)) {
			return nil // it has found its own: the count of collisions stays, and so do older ReplicaSets
		}
		out.without = append(out.without, rs.Name)
	}
	if s.Has(facts.ReplicaSets) && len(out.without) == 0 {
		return nil
	}
	return out
}

// ownedBy reports whether an owner reference of m names the owner.
func (m maker) ownedBy(owner maker) bool {
	return m.Namespace == owner.Namespace && slices.ContainsFunc(m.meta.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Name == owner.Name })
}

func (e endlessOwner) finding(servers []cluster.Process) checks.Finding {
	always := strings.Join(alwaysOf(e.maker), ", ")
	did := "the Deployment keeps creating ReplicaSets (%d hash collisions)"
	if e.paused {
		did = "the Deployment kept creating ReplicaSets (%d hash collisions) until it was paused"
	}
	f := checks.Finding{
		Object: e.Object,
		Message: fmt.Sprintf(did+": its template has restartPolicy: Always on %s, "+
			"an API server drops it from every ReplicaSet, so the two never match", e.collisions, always),
		Evidence: []string{
			fmt.Sprintf("deployment %s: status.collisionCount: %d", e.Name, e.collisions),
			fmt.Sprintf("deployment %s has restartPolicy: Always on %s in its template", e.Name, always),
		},
		Steps: e.steps(),
	}
	if e.paused {
		f.Evidence = append(f.Evidence, fmt.Sprintf("deployment %s: spec.paused: true", e.Name))
	}
	if len(e.without) > 0 {
		shown := e.without[:min(len(e.without), 3)]
		lack := "lack"
		if len(e.without) == 1 {
			lack = "lacks"
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s of it %s the field (%s)", prose.Counted(len(e.without), "ReplicaSet"), lack, strings.Join(shown, ", ")))
	}
	for _, p := range cluster.Having(servers, gate.Off, gate.Unsupported) {
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

func (e endlessOwner) steps() []checks.Step {
	steps := []checks.Step{
		{Text: "Stop it:", Command: prose.Shell("kubectl rollout pause deployment %s -n %s", e.Name, e.Namespace)},
		{Text: "Give all API servers the same version and gates. How:", Command: "kubectl sidecar explain apiservers-disagree"},
		{
			Text:    "Then, not before, resume the rollout. The Deployment creates a ReplicaSet that matches, scales the surplus ones down, and keeps as many of them as revisionHistoryLimit says:",
			Command: prose.Shell("kubectl rollout resume deployment %s -n %s", e.Name, e.Namespace),
		},
	}
	if e.paused {
		return steps[1:]
	}
	return steps
}
