package collect

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The rights that looking at pods needs. They are not asked for first: trying costs one request,
// as asking would.
var (
	getPods = Rule{
		PolicyRule: rule("get", "", "pods"), Kind: facts.Pods, Why: "look at a pod",
	}
	listPods = Rule{
		PolicyRule: rule("list", "", "pods"), Kind: facts.Pods, Why: "find a workload's pods, and suspicious ones",
	}
	listEvents = Rule{
		PolicyRule: rule("list", "", "events"), Kind: facts.Events, Why: "see what the kubelet and the controllers said of a pod",
	}
	getNode = Rule{
		PolicyRule: rule("get", "", "nodes"), Kind: facts.Nodes, Why: "read the kubelet version of a pod's node",
	}
	listReplicaSets = ownerRule("list", "apps", facts.ReplicaSets)
	listJobs        = ownerRule("list", "batch", facts.Jobs)
	listDeployments = ownerRule("list", "apps", facts.Deployments)
	listServices    = Rule{
		PolicyRule: rule("list", "", "services"), Kind: facts.Services, Why: "find the Services that mean a sidecar's port by its name",
	}
	listSlicesOf = Rule{
		PolicyRule: rule("list", "discovery.k8s.io", "endpointslices"), Kind: facts.EndpointSlices, Why: "see whether such a Service reaches the port",
	}
	getNamespace = Rule{
		PolicyRule: rule("get", "", "namespaces"), Kind: facts.Pods, Why: "tell a namespace without pods from one that does not exist",
	}
	getAutoscaler = Rule{
		PolicyRule: rule("get", "autoscaling", "horizontalpodautoscalers"), Kind: facts.Pods, Why: "find what an autoscaler scales",
	}
	// watchRules are what watching needs besides.
	watchRules = []Rule{
		{PolicyRule: rule("watch", "", "pods"), Kind: facts.Pods, NoGap: true, Why: "be told when a pod changes, with --watch, which cannot stay without"},
		{PolicyRule: rule("watch", "", "events"), Kind: facts.Events, NoGap: true, Why: "be told of events, with --watch: failures of probes, pulls of images"},
	}
	getBudget = Rule{
		PolicyRule: rule("get", "policy", "poddisruptionbudgets"), Kind: facts.Pods, Why: "find the pods that a disruption budget is about",
	}
	readLogs = Rule{
		PolicyRule: rule("get", "", "pods/log"), Kind: facts.Logs, Optional: true,
		Why: "quote the last lines of the container to blame; they may hold what is no one else's business",
	}
	// podRules is all of them; those that read alike stand together.
	podRules = []Rule{
		getPods, listPods, getNode, listNodes, listEvents,
		ownerRule("get", "apps", facts.Deployments),
		ownerRule("get", "apps", facts.ReplicaSets),
		ownerRule("get", "apps", facts.StatefulSets),
		ownerRule("get", "apps", facts.DaemonSets),
		ownerRule("get", "batch", facts.Jobs),
		ownerRule("get", "batch", facts.CronJobs),
		listDeployments, listReplicaSets, listJobs,
		listServices, listSlicesOf,
		getNamespace, getAutoscaler, getBudget,
		readLogs,
	}
)

func ownerRule(verb, group string, kind facts.Kind) Rule {
	why := "compare a pod with the template that it was made from"
	if verb == "list" {
		why = "find what stands between a workload and its pods"
	}
	return Rule{PolicyRule: rule(verb, group, string(kind)), Kind: kind, Why: why}
}

// PodGaps are the kinds of facts in which a right of PodRules leaves a gap when it is missing.
func (r Rule) PodGaps() []facts.Kind {
	if b := builtinNamed(string(r.Kind)); slices.Contains(r.Verbs, "get") && b != nil && b.owner != nil {
		return []facts.Kind{r.Kind, facts.Pods} // those of a workload that is asked about by its name
	}
	if r.Kind == facts.Services || r.Kind == facts.EndpointSlices {
		return []facts.Kind{r.Kind, facts.Pods} // those of a Service that is asked about by its name
	}
	return []facts.Kind{r.Kind}
}

// PodRules is the least privilege to look at pods without a gap, everywhere.
func PodRules() []Rule { return slices.Clone(podRules) }

// WatchRules is what `why --watch` needs besides PodRules.
func WatchRules() []Rule { return slices.Clone(watchRules) }

// forWhy reports whether a right is for looking at pods, and not at the cluster.
func (r Rule) forWhy() bool {
	return r.Kind != facts.Nodes && slices.ContainsFunc(podRules, func(o Rule) bool { return o.Kind == r.Kind })
}
