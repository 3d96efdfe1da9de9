package cluster

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// The version skew policy of Kubernetes: a kubelet is not newer than any API server and at most three
// minor versions older; at most two if it is older than 1.25, which is possible next to 1.27 and older.
var nodeVersionSkew = rule{
	Check: checks.Check{
		ID:       "node-version-skew",
		Title:    "every kubelet is within the supported version skew",
		Severity: checks.Warning,
		Category: checks.Nodes,
		Needs:    []facts.Kind{facts.Nodes},
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		all, f := s.nodes, s.apiServers
		list := ordinary(all)
		oldest, newest := f.oldest(), f.newest()
		if newest == 0 {
			return checks.Outcome{Missing: noAPIServerVersion(s.Snapshot), Tried: "no API server's version is known"}
		}
		o := checks.Outcome{Tried: triedNodes(all, list, "against "+f.tried(""))}
		for _, n := range list {
			if n.Version == nil {
				o.Missing = append(o.Missing, n.noVersionGap())
				continue
			}
			if message := skew(gate.Minor(n.Version), oldest, newest); message != "" {
				o.Findings = append(o.Findings, checks.Finding{
					Object: n.object(), Message: message, Steps: skewFix(n, oldest, newest),
					Evidence: append(n.Evidence(), "API servers: "+versions(f.Seen)),
				})
			}
		}
		o.Missing = append(o.Missing, unseenSkew(s.Snapshot, f, list)...)
		return o
	},
}

// maxSkew is how many minor versions a kubelet may be older than an API server.
func maxSkew(kubelet int) int {
	if kubelet < 25 {
		return 2
	}
	return 3
}

// skew says what is wrong with a kubelet next to API servers from oldest to newest.
func skew(kubelet, oldest, newest int) string {
	switch {
	case kubelet > oldest:
		return "the kubelet is newer than an API server, which Kubernetes does not support"
	case newest-kubelet > maxSkew(kubelet):
		return fmt.Sprintf("the kubelet is more than %d minor versions older than an API server, which Kubernetes does not support", maxSkew(kubelet))
	}
	return ""
}

func skewFix(n Node, oldest, newest int) []checks.Step {
	if gate.Minor(n.Version) > oldest {
		return []checks.Step{{Text: "Finish the upgrade of the control plane, or put these nodes back to " + gate.Release(oldest) + " or older."}}
	}
	return NodeUpgrade(gate.Release(max(newest-3, 25))+" at least", []Node{n})
}

// unseenSkew is the gap of API servers that were not seen, if one of a version that they can have,
// within one minor version of the seen ones, would be too far from a node.
func unseenSkew(s *facts.Snapshot, f Fleet, list []Node) []facts.Gap {
	if f.counted && f.unseen() == 0 {
		return nil
	}
	for _, n := range list {
		if n.Version == nil {
			continue
		}
		now := skew(gate.Minor(n.Version), f.oldest(), f.newest())
		then := skew(gate.Minor(n.Version), f.newest()-1, f.oldest()+1)
		if now == "" && then != "" {
			return f.unread(s)
		}
	}
	return nil
}

func noAPIServerVersion(s *facts.Snapshot) []facts.Gap {
	if gaps := checks.Unread(s, facts.APIServers); len(gaps) > 0 {
		return gaps
	}
	g := facts.NewGap(facts.APIServers, facts.APIServerInstance(facts.PartVersion), "no version of an API server was read",
		facts.Do("see whether the server answers:", "kubectl version"))
	return withWords(g, gapsOfServers(s, facts.PartVersion))
}
