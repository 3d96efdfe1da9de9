package cli

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// admit makes a gap of what was asked about and has no pods, as far as was seen, unless it is to have none or it has
// been told why: nothing else is known to be well.
func (a *answer) admit(none []collect.Podless) {
	unread := slices.ContainsFunc(a.snapshot.GapsOf(facts.Pods, ""), func(g facts.Gap) bool { return !g.NoPods() })
	told := slices.Concat(a.judged.Diagnoses, a.judged.InProgress)
	before := len(a.snapshot.Gaps)
	for _, p := range none {
		o := checks.Object{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}
		explained := slices.ContainsFunc(told, func(d pods.Diagnosis) bool { return d.Object == o || d.Owner == o })
		if !unread && !explained && a.snapshot.Unwanted(p.Kind, p.Namespace, p.Name) == "" {
			a.snapshot.Gaps = append(a.snapshot.Gaps, p.Gap)
		}
	}
	if len(a.snapshot.Gaps) > before {
		a.judged = pods.Judge(a.snapshot, a.asked)
	}
}

// childless is what was asked about of a file that has none of its pods.
func (f *family) childless(s *facts.Snapshot, asked []checks.Object) []collect.Podless {
	var out []collect.Podless
	for _, a := range asked {
		if slices.ContainsFunc(s.Pods, func(p pod) bool { return slices.Contains(f.line(objectOf("Pod", &p)), a) }) {
			continue
		}
		name := collect.Asked{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}
		out = append(out, collect.Podless{Asked: name, Gap: facts.NoPodsOf(
			facts.Instance{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}, fmt.Sprintf("the file has no pods of %s", name),
			facts.Do("add them:", "kubectl get pods -o yaml"))})
	}
	return out
}
