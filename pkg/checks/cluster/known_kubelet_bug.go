package cluster

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The gate plays no part: a kubelet that has it off will have these bugs when it is turned on.
var knownKubeletBug = rule{
	Check: checks.Check{
		ID:       "known-kubelet-bug",
		Title:    "kubelets are free of known bugs with native sidecars",
		Severity: checks.Warning,
		Category: checks.Nodes,
		Needs:    []facts.Kind{facts.Nodes},
	},
	Run: func(s *scene) checks.Outcome {
		all, bugs := s.nodes, known.Bugs("kubelet")
		list := ordinary(all)
		o := checks.Outcome{Tried: triedNodes(all, list, fmt.Sprintf("against %d known bugs", len(bugs)))}
		// Thousands of nodes have a few versions.
		type answer struct {
			bugs    []string
			without string
		}
		answers := map[string]answer{}
		for _, n := range list {
			if n.Version == nil {
				o.Missing = append(o.Missing, n.noVersionGap())
				continue
			}
			a, ok := answers[n.Version.String()]
			if !ok {
				a = answer{described(known.BugsIn(bugs, n.Version)), known.FirstWithout(bugs, n.Version)}
				answers[n.Version.String()] = a
			}
			if len(a.bugs) == 0 {
				continue
			}
			o.Findings = append(o.Findings, checks.Finding{
				Object: n.object(), Message: fmt.Sprintf("kubelet %s has %s with native sidecars", n.Status.NodeInfo.KubeletVersion, prose.Counted(len(a.bugs), "known bug")),
				Evidence: append([]string{n.VersionEvidence()}, a.bugs...), Steps: NodeUpgrade(a.without+" or later", []Node{n}),
			})
		}
		return o
	},
}
