package checks

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The version skew policy of Kubernetes: a kubelet is not newer than any API server and at most three
// minor versions older; at most two if it is older than 1.25, which is possible next to 1.27 and older.
var nodeVersionSkew = Check{
	ID:       "node-version-skew",
	Title:    "every kubelet is within the supported version skew",
	Severity: Warning,
	Category: NodesGroup,
	Needs:    []facts.Kind{facts.Nodes, facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		all, f := nodesOf(s), apiServers(s)
		list := ordinary(all)
		oldest, newest := f.oldest(), f.newest()
		if newest == 0 {
			return Outcome{Missing: noAPIServerVersion(s), Tried: "no API server's version is known"}
		}
		o := Outcome{Tried: triedNodes(all, list, "against "+f.tried(""))}
		for _, n := range list {
			if n.v == nil {
				o.Missing = append(o.Missing, n.noVersion())
				continue
			}
			if message := skew(minor(n.v), oldest, newest); message != "" {
				o.Findings = append(o.Findings, Finding{
					Object: n.object(), Message: message, Fix: skewFix(n, oldest, newest),
					Evidence: append(n.evidence(), "API servers: "+versions(f.seen)),
				})
			}
		}
		o.Missing = append(o.Missing, unseenSkew(s, f, list)...)
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

func skewFix(n node, oldest, newest int) string {
	if minor(n.v) > oldest {
		return "Finish the upgrade of the control plane, or put these nodes back to " + release(oldest) + " or older."
	}
	return nodeUpgrade(release(max(newest-3, 25))+" at least", []node{n})
}

// unseenSkew is the gap of API servers that were not seen, if one of a version that they can have,
// within one minor version of the seen ones, would be too far from a node.
func unseenSkew(s *facts.Snapshot, f fleet, list []node) []facts.Gap {
	if f.counted && f.unseen() == 0 {
		return nil
	}
	for _, n := range list {
		if n.v == nil {
			continue
		}
		now := skew(minor(n.v), f.oldest(), f.newest())
		then := skew(minor(n.v), f.newest()-1, f.oldest()+1)
		if now == "" && then != "" {
			return f.unread(s)
		}
	}
	return nil
}

func noAPIServerVersion(s *facts.Snapshot) []facts.Gap {
	if gaps := unread(s, facts.APIServers); len(gaps) > 0 {
		return gaps
	}
	g := facts.Gap{
		Kind: facts.APIServers, Scope: facts.ScopeVersion, Reason: "no version of an API server was read",
		Remedy: "kubectl version (does the server answer it?)",
	}
	return withWords(s, g, facts.ScopeVersion)
}
