package cluster

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// sidecarLabel is what the fixes put on nodes; nothing else reads it.
const sidecarLabel = "kubectl-sidecar.dev/native-sidecars"

// manyNodes is from how many names on a command line is no longer a help.
const manyNodes = 8

// keepAway says how to keep pods with native sidecars on the nodes that can run them; nothing when there
// is no such node, or all are.
func keepAway(when string, all []Node) []checks.Step {
	good, bad := partition(all)
	if len(good) == 0 || len(bad) == 0 {
		return nil
	}
	command, rule := labelCommand(good, bad)
	return []checks.Step{
		{Text: when + " keep pods with native sidecars on the nodes that can run them. Label the nodes:", Command: command},
		{Text: "and require the label in the pod templates:", Command: `affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - ` + rule, Language: checks.YAML},
	}
}

// partition separates the nodes that are known to run sidecars from all others, virtual ones included.
func partition(all []Node) (good, bad []Node) {
	for _, n := range all {
		if n.Gate == gate.On && n.Virtual == "" {
			good = append(good, n)
		} else {
			bad = append(bad, n)
		}
	}
	return good, bad
}

// labelCommand names the good nodes where they are few or share a label, else the bad ones.
func labelCommand(good, bad []Node) (command, rule string) {
	const (
		can    = "{key: " + sidecarLabel + `, operator: In, values: ["true"]}`
		cannot = "{key: " + sidecarLabel + `, operator: NotIn, values: ["false"]}`
	)
	if len(good) <= manyNodes {
		return "kubectl label node " + names(good) + " " + sidecarLabel + "=true", can
	}
	if selector := commonLabel(good, bad); selector != "" {
		return "kubectl label node -l " + prose.Word(selector) + " " + sidecarLabel + "=true", can
	}
	if len(bad) <= manyNodes {
		return "kubectl label node " + names(bad) + " " + sidecarLabel + "=false", cannot
	}
	return `kubectl sidecar doctor -o json --checks kubelet-too-old,kubelet-gate-off,node-cannot-run-sidecars |
  jq -r '.checks[] | (.findings[].object.name), (.missing[].instance | select(.kind == "Node").name)' |
  sort -u | xargs -I{} kubectl label node {} ` + sidecarLabel + "=false", cannot
}

func names(list []Node) string {
	var out []string
	for _, n := range list {
		out = append(out, prose.Word(n.Name))
	}
	return strings.Join(out, " ")
}

// poolLabels are what providers call their node pools; they are preferred over other labels.
var poolLabels = []string{
	"eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name", "cloud.google.com/gke-nodepool",
	"kubernetes.azure.com/agentpool", "karpenter.sh/nodepool", "node.kubernetes.io/instance-group",
}

// commonLabel is a label, as a selector, that all good nodes have and no bad one; "" if there is none.
func commonLabel(good, bad []Node) string {
	var selectors []string
	for key, value := range good[0].Labels {
		is := func(n Node) bool { v, ok := n.Labels[key]; return ok && v == value }
		if !slices.ContainsFunc(good, func(n Node) bool { return !is(n) }) && !slices.ContainsFunc(bad, is) {
			selectors = append(selectors, key+"="+value)
		}
	}
	rank := func(selector string) int {
		key, _, _ := strings.Cut(selector, "=")
		if i := slices.Index(poolLabels, key); i >= 0 {
			return i
		}
		return len(poolLabels)
	}
	slices.SortFunc(selectors, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	if len(selectors) == 0 {
		return ""
	}
	return selectors[0]
}

// NodeUpgrade says how to bring kubelets to a version.
func NodeUpgrade(to string, list []Node) []checks.Step {
	lead := "Upgrade the kubelets to " + to + ", but not beyond the API servers"
	var commands []string
	for _, n := range list {
		if command := poolUpgrade(n); command != "" {
			commands = prose.AddOnce(commands, command)
		}
	}
	if len(commands) == 0 {
		return []checks.Step{
			{Text: lead + ", node by node. Drain the node:", Command: "kubectl drain NODE --ignore-daemonsets"},
			{Text: "Upgrade its kubelet, then let pods on it again:", Command: "kubectl uncordon NODE"},
		}
	}
	slices.Sort(commands)
	return []checks.Step{{Text: lead + ". Here nodes are upgraded by pool:", Command: strings.Join(commands, "\n")}}
}

// poolUpgrade is the provider's command for the pool of a node; "" where it is not recognized.
func poolUpgrade(n Node) string {
	switch {
	case n.Labels["eks.amazonaws.com/nodegroup"] != "":
		return prose.Shell("aws eks update-nodegroup-version --cluster-name CLUSTER --nodegroup-name %s", n.Labels["eks.amazonaws.com/nodegroup"])
	case n.Labels["cloud.google.com/gke-nodepool"] != "":
		return prose.Shell("gcloud container clusters upgrade CLUSTER --node-pool %s", n.Labels["cloud.google.com/gke-nodepool"])
	case n.Labels["kubernetes.azure.com/agentpool"] != "":
		return prose.Shell("az aks nodepool upgrade --resource-group GROUP --cluster-name CLUSTER --name %s --kubernetes-version VERSION", n.Labels["kubernetes.azure.com/agentpool"])
	}
	return ""
}

// KubeletGateFix says how to turn the gate on in kubelets.
func KubeletGateFix(list []Node) []checks.Step {
	of := func(mark string) bool {
		return slices.ContainsFunc(list, func(n Node) bool { return strings.Contains(n.Status.NodeInfo.KubeletVersion, mark) })
	}
	switch {
	case !slices.ContainsFunc(list, func(n Node) bool { return poolUpgrade(n) == "" }):
		upgrade := NodeUpgrade("1.33 or later, where the gate cannot be off", list)
		upgrade[0].Text = "The provider configures these kubelets. " + upgrade[0].Text
		return upgrade
	case of("+k3s"), of("+rke2"):
		return []checks.Step{{
			Text:    "On each of these nodes, set this in " + configFile[k3s] + " (RKE2: " + configFile[rke2] + "), then restart its service:",
			Command: "kubelet-arg:\n  - feature-gates=SidecarContainers=true", Language: checks.YAML,
		}}
	}
	return []checks.Step{
		{
			Text:    "On each of these nodes, set this in the kubelet's configuration file (kubeadm: /var/lib/kubelet/config.yaml), then restart the kubelet (systemctl restart kubelet):",
			Command: "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nfeatureGates:\n  SidecarContainers: true", Language: checks.YAML,
		},
		{Text: "From 1.29 on it is enough to remove what turns the gate off in that file or in --feature-gates: SidecarContainers: false or AllBeta: false. " +
			"Remove the line before 1.37, which does not know the gate and would not start."},
		{Text: "With kubeadm, make the change for all nodes:", Command: "kubectl -n kube-system edit configmap kubelet-config"},
		{Text: "and then apply it on each node:", Command: "kubeadm upgrade node phase kubelet-config\nsystemctl restart kubelet"},
	}
}
