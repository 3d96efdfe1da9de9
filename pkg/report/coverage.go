package report

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// counters say for each kind how many instances were read and how many there are. A kind that is
// listed as a whole has as many as were read and one more for each gap that names an instance.
var counters = map[facts.Kind]func(s *facts.Snapshot) (seen, total int){
	facts.APIServers: func(s *facts.Snapshot) (int, int) {
		seen := max(len(s.APIServers), len(staticAPIServers(s)))
		if s.APIServerCount() == 0 && seen == 0 {
			return 0, unknownTotal
		}
		return seen, max(seen, s.APIServerCount())
	},
	facts.ControlPlane:       listed(facts.ControlPlane, func(s *facts.Snapshot) int { return len(s.ControlPlane) }),
	facts.Nodes:              listed(facts.Nodes, func(s *facts.Snapshot) int { return len(s.Nodes) }),
	facts.Namespaces:         listed(facts.Namespaces, func(s *facts.Snapshot) int { return len(s.Namespaces) }),
	facts.MutatingWebhooks:   listed(facts.MutatingWebhooks, func(s *facts.Snapshot) int { return len(s.MutatingWebhooks) }),
	facts.MutatingPolicies:   listed(facts.MutatingPolicies, func(s *facts.Snapshot) int { return len(s.MutatingPolicies) }),
	facts.ValidatingWebhooks: listed(facts.ValidatingWebhooks, func(s *facts.Snapshot) int { return len(s.ValidatingWebhooks) }),
	facts.ValidatingPolicies: listed(facts.ValidatingPolicies, func(s *facts.Snapshot) int { return len(s.ValidatingPolicies) }),
	facts.Canaries:           func(s *facts.Snapshot) (int, int) { return triedClasses(s), len(s.Classes) },
	facts.Pods:               listed(facts.Pods, func(s *facts.Snapshot) int { return len(s.Pods) }),
	facts.Events:             listed(facts.Events, func(s *facts.Snapshot) int { return len(s.Events) }),
	facts.Deployments:        listed(facts.Deployments, func(s *facts.Snapshot) int { return len(s.Deployments) }),
	facts.ReplicaSets:        listed(facts.ReplicaSets, func(s *facts.Snapshot) int { return len(s.ReplicaSets) }),
	facts.StatefulSets:       listed(facts.StatefulSets, func(s *facts.Snapshot) int { return len(s.StatefulSets) }),
	facts.DaemonSets:         listed(facts.DaemonSets, func(s *facts.Snapshot) int { return len(s.DaemonSets) }),
	facts.Jobs:               listed(facts.Jobs, func(s *facts.Snapshot) int { return len(s.Jobs) }),
	facts.CronJobs:           listed(facts.CronJobs, func(s *facts.Snapshot) int { return len(s.CronJobs) }),
	facts.CustomWorkloads:    listed(facts.CustomWorkloads, func(s *facts.Snapshot) int { return len(s.CustomWorkloads) }),
	facts.Services:           listed(facts.Services, func(s *facts.Snapshot) int { return len(s.Services) }),
	facts.EndpointSlices:     listed(facts.EndpointSlices, func(s *facts.Snapshot) int { return len(s.EndpointSlices) }),
	facts.Logs:               listed(facts.Logs, func(s *facts.Snapshot) int { return len(s.Logs) }),
}

const unknownTotal = -1

func listed(kind facts.Kind, count func(*facts.Snapshot) int) func(*facts.Snapshot) (int, int) {
	return func(s *facts.Snapshot) (int, int) {
		n := count(s)
		return n, n + len(s.GapsOf(kind, "*")) - len(s.GapsOf(kind, ""))
	}
}

// coverage counts what was seen of each kind that was looked for, in the order of facts.Kinds.
func coverage(s *facts.Snapshot, nodes []cluster.Node) []Coverage {
	out := []Coverage{}
	for _, kind := range facts.Kinds() {
		count, countable := counters[kind]
		if kind == facts.Kubelets {
			count, countable = func(s *facts.Snapshot) (int, int) { return decidedKubelets(s, nodes) }, true
		}
		if !countable || !s.Has(kind) {
			continue
		}
		c := Coverage{Kind: kind}
		c.Seen, c.Total = count(s)
		if len(s.GapsOf(kind, "")) > 0 && c.Total <= c.Seen {
			c.Total = unknownTotal // something is missing, and nothing tells how much
		}
		out = append(out, c)
	}
	return out
}

func staticAPIServers(s *facts.Snapshot) []facts.ControlPlanePod {
	var out []facts.ControlPlanePod
	for _, p := range s.ControlPlane {
		if p.Component == "kube-apiserver" {
			out = append(out, p)
		}
	}
	return out
}

// decidedKubelets counts the nodes whose gate is known, by a reading or by their version.
func decidedKubelets(s *facts.Snapshot, nodes []cluster.Node) (seen, total int) {
	for _, n := range nodes {
		if n.Source != "" {
			seen++
		}
	}
	if !s.Has(facts.Nodes) || len(s.GapsOf(facts.Nodes, "")) > 0 {
		return seen, unknownTotal
	}
	return seen, len(s.Nodes)
}

// triedClasses counts the classes in which a canary got an answer of the API server.
func triedClasses(s *facts.Snapshot) int {
	tried := map[string]bool{}
	for _, c := range s.Canaries {
		if c.Returned != nil || c.Refusal != nil && c.Refusal.Code != 0 {
			tried[c.Class] = true
		}
	}
	return len(tried)
}
