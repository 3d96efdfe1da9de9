package cluster

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// KubeletBugs is from the release notes of Kubernetes (CHANGELOG/CHANGELOG-1.NN.md); the pull request
// is the one for the newest of the fixed versions, the backports hang on it. Where the notes do not say
// since when, the source of 1.28.15 was looked at.
var KubeletBugs = []bug{
	{28, []string{"1.28.2", "1.29.0"}, "init containers and sidecars can be restarted in the wrong order", "kubernetes#120269"},
	{28, []string{"1.29.0"}, "with static CPU or memory management, CPUs, memory and devices of a sidecar are given to a regular container too", "kubernetes#119447, #120461, #120715"},
	{28, []string{"1.28.8", "1.29.3", "1.30.0"}, "in pods with restartPolicy Never or OnFailure a restarted sidecar stays \"terminated\" in the pod's status", "kubernetes#123323"},
	{29, []string{"1.29.8", "1.30.4", "1.31.0"}, "sidecars of a pod that is deleted before it has initialized may not be stopped gracefully", "kubernetes#125935"},
	{28, []string{"1.29.9", "1.30.5", "1.31.1", "1.32.0"}, "after an error of the container runtime an init container or sidecar can stay in Created forever", "kubernetes#126543, #127162"},
	{28, []string{"1.32.0"}, "a sidecar's OOM score does not follow the pod's: it can be killed before the containers it serves", "kubernetes#128029"},
	{28, []string{"1.33.6", "1.34.2", "1.35.0"}, "in pods with restartPolicy Never a sidecar whose startup probe fails once is never seen as started, and the pod stays in Init", "kubernetes#133072"},
	{35, []string{"1.35.4", "1.36.0"}, "after a restart of the kubelet, crashed containers of a pod whose sidecar has a startup probe are not started again", "kubernetes#137146"},
}

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
		all := s.nodes
		list := ordinary(all)
		o := checks.Outcome{Tried: triedNodes(all, list, fmt.Sprintf("against %d known bugs", len(KubeletBugs)))}
		// Thousands of nodes have a few versions.
		type answer struct {
			bugs    []string
			without string
		}
		known := map[string]answer{}
		for _, n := range list {
			if n.Version == nil {
				o.Missing = append(o.Missing, n.noVersionGap())
				continue
			}
			a, ok := known[n.Version.String()]
			if !ok {
				a = answer{described(bugsIn(KubeletBugs, n.Version)), firstWithoutBugs(n.Version)}
				known[n.Version.String()] = a
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

// firstWithoutBugs is the oldest kubelet after v that has no known bug.
func firstWithoutBugs(v *version.Version) string { return FirstWithout(KubeletBugs, v) }
