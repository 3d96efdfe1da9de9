package cli

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// admit makes a gap of what was asked about and has no pods, as far as was seen, unless it is to have none or it has
// been told why: nothing else is known to be well. Where it reports that it did, what was read is to be judged again.
func (a *answer) admit(none []collect.Podless) bool {
	unread := slices.ContainsFunc(a.snapshot.GapsOf(facts.Pods, ""), func(g facts.Gap) bool { return !g.NoPods() })
	told := slices.Concat(a.judged.Diagnoses, a.judged.InProgress)
	before := len(a.snapshot.Gaps)
	for _, p := range none {
		p = a.noNodeFits(p)
		o := checks.Object{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}
		explained := slices.ContainsFunc(told, func(d pods.Diagnosis) bool { return d.Object == o || d.Owner == o })
		if !unread && !explained && !slices.Contains(a.snapshot.Gaps, p.Gap) && a.snapshot.Unwanted(p.Kind, p.Namespace, p.Name) == "" {
			a.snapshot.Gaps = append(a.snapshot.Gaps, p.Gap)
		}
	}
	return len(a.snapshot.Gaps) > before
}

// noNodeFits says of a DaemonSet without pods that no node is to have one, where its status does.
func (a *answer) noNodeFits(p collect.Podless) collect.Podless {
	i := slices.IndexFunc(a.snapshot.DaemonSets, func(d appsv1.DaemonSet) bool {
		return p.Kind == "DaemonSet" && d.Namespace == p.Namespace && d.Name == p.Name
	})
	if i < 0 || a.snapshot.DaemonSets[i].Status.DesiredNumberScheduled > 0 {
		return p
	}
	p.Gap = facts.NoPodsOf(facts.Instance{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name},
		fmt.Sprintf("%s has no pods, because no node is to have one (status.desiredNumberScheduled: 0)", p.Asked),
		facts.Do("compare its nodeSelector, affinity and tolerations with the nodes:", "kubectl get nodes --show-labels\nkubectl get nodes -o custom-columns=node:.metadata.name,taints:.spec.taints"))
	return p
}

// childless is what was asked about of a file that has none of its pods.
func (f *family) childless(s *facts.Snapshot, asked []checks.Object) []collect.Podless {
	var out []collect.Podless
	for _, a := range asked {
		if slices.ContainsFunc(s.Pods, func(p pod) bool { return f.related(objectOf("Pod", &p), []checks.Object{a}) }) {
			continue
		}
		if slices.Contains(f.unkept, a) {
			out = append(out, unkeptGap(a))
			continue
		}
		name := collect.Asked{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}
		out = append(out, collect.Podless{Asked: name, Gap: facts.NoPodsOf(
			facts.Instance{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}, fmt.Sprintf("the file has no pods of %s", name),
			facts.Do("add them:", "kubectl get pods -o yaml"))})
	}
	return out
}

// unkept reports of which kinds a file does not tell who uses or chooses its pods: all of them in a snapshot, which
// keeps neither what pods name nor what does nothing but name them.
func unkept(s *facts.Snapshot) func(kind string) bool {
	return func(kind string) bool {
		return facts.IsSubject(kind) && slices.ContainsFunc(s.Pods, func(p pod) bool { return !s.Users.Knows(&p) })
	}
}

// unkeptGap is that of an object of such a kind, with the file that would tell.
func unkeptGap(o checks.Object) collect.Podless {
	name := collect.Asked{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
	get := "pods"
	switch o.Kind {
	case "HorizontalPodAutoscaler":
		get = "pods,replicasets,deployments,statefulsets,hpa"
	case "PodDisruptionBudget":
		get = "pods,pdb"
	case "Endpoints":
		get = "pods,services,endpoints"
	}
	where := "-A"
	if o.Namespace != "" {
		where = prose.Shell("-n %s", o.Namespace)
	}
	return collect.Podless{Asked: name, Gap: facts.NoPodsOf(
		facts.Instance{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}, fmt.Sprintf("the file has no pods of %s: a snapshot does not keep which pods use it", name),
		facts.Do("ask about what kubectl writes, or without -f:",
			fmt.Sprintf("kubectl get %s %s -o yaml | ", get, where)+prose.Shell("kubectl sidecar why -f - %s", strings.ToLower(o.Kind)+"/"+o.Name)))}
}
