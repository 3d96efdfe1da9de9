package checks

import (
	"cmp"
	"slices"
	"strings"
)

// sidecarLabel is what the fixes put on nodes; nothing else reads it.
const sidecarLabel = "kubectl-sidecar.dev/native-sidecars"

// manyNodes is from how many names on a command line is no longer a help.
const manyNodes = 8

// keepAway says how to keep pods with native sidecars on the nodes that can run them; "" when there is
// no such node, or all are.
func keepAway(when string, all []node) string {
	good, bad := partition(all)
	if len(good) == 0 || len(bad) == 0 {
		return ""
	}
	command, rule := labelCommand(good, bad)
	return when + " keep pods with native sidecars on the nodes that can run them. Label the nodes:\n\n" + indent(command) +
		"\n\nand require it in the pod templates:\n\n" + indent(`affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
      - matchExpressions:
        - `+rule)
}

// partition separates the nodes that are known to run sidecars from all others, virtual ones included.
func partition(all []node) (good, bad []node) {
	for _, n := range all {
		if n.gate == GateOn && n.virtual == "" {
			good = append(good, n)
		} else {
			bad = append(bad, n)
		}
	}
	return good, bad
}

// labelCommand names the good nodes where they are few or share a label, else the bad ones.
func labelCommand(good, bad []node) (command, rule string) {
	const (
		can    = "{key: " + sidecarLabel + `, operator: In, values: ["true"]}`
		cannot = "{key: " + sidecarLabel + `, operator: NotIn, values: ["false"]}`
	)
	if len(good) <= manyNodes {
		return "kubectl label node " + names(good) + " " + sidecarLabel + "=true", can
	}
	if selector := commonLabel(good, bad); selector != "" {
		return "kubectl label node -l " + word(selector) + " " + sidecarLabel + "=true", can
	}
	if len(bad) <= manyNodes {
		return "kubectl label node " + names(bad) + " " + sidecarLabel + "=false", cannot
	}
	return `kubectl sidecar doctor -o json --checks kubelet-too-old,kubelet-gate-off,node-cannot-run-sidecars |
  jq -r '.checks[] | (.findings[].object.name), (.missing[].scope | select(startswith("node/")) | ltrimstr("node/"))' |
  sort -u | xargs -I{} kubectl label node {} ` + sidecarLabel + "=false", cannot
}

func names(list []node) string {
	var out []string
	for _, n := range list {
		out = append(out, word(n.Name))
	}
	return strings.Join(out, " ")
}

// poolLabels are what providers call their node pools; they are preferred over other labels.
var poolLabels = []string{
	"eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name", "cloud.google.com/gke-nodepool",
	"kubernetes.azure.com/agentpool", "karpenter.sh/nodepool", "node.kubernetes.io/instance-group",
}

// commonLabel is a label, as a selector, that all good nodes have and no bad one; "" if there is none.
func commonLabel(good, bad []node) string {
	var selectors []string
	for key, value := range good[0].Labels {
		is := func(n node) bool { v, ok := n.Labels[key]; return ok && v == value }
		if !slices.ContainsFunc(good, func(n node) bool { return !is(n) }) && !slices.ContainsFunc(bad, is) {
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

// nodeUpgrade says how to bring kubelets to a version.
func nodeUpgrade(to string, list []node) string {
	out := "Upgrade the kubelets to " + to + ", but not beyond the API servers"
	var commands []string
	for _, n := range list {
		if command := poolUpgrade(n); command != "" {
			commands = addOnce(commands, command)
		}
	}
	if len(commands) == 0 {
		return out + ", node by node:\n\n" + indent("kubectl drain NODE --ignore-daemonsets\n# upgrade its kubelet\nkubectl uncordon NODE")
	}
	slices.Sort(commands)
	return out + ". Here that is done by pool:\n\n" + indent(strings.Join(commands, "\n"))
}

// poolUpgrade is the provider's command for the pool of a node; "" where it is not recognised.
func poolUpgrade(n node) string {
	switch {
	case n.Labels["eks.amazonaws.com/nodegroup"] != "":
		return shell("aws eks update-nodegroup-version --cluster-name CLUSTER --nodegroup-name %s", n.Labels["eks.amazonaws.com/nodegroup"])
	case n.Labels["cloud.google.com/gke-nodepool"] != "":
		return shell("gcloud container clusters upgrade CLUSTER --node-pool %s", n.Labels["cloud.google.com/gke-nodepool"])
	case n.Labels["kubernetes.azure.com/agentpool"] != "":
		return shell("az aks nodepool upgrade --resource-group GROUP --cluster-name CLUSTER --name %s --kubernetes-version VERSION", n.Labels["kubernetes.azure.com/agentpool"])
	}
	return ""
}

// kubeletGateFix says how to turn the gate on in kubelets.
func kubeletGateFix(list []node) string {
	of := func(mark string) bool {
		return slices.ContainsFunc(list, func(n node) bool { return strings.Contains(n.Status.NodeInfo.KubeletVersion, mark) })
	}
	switch {
	case !slices.ContainsFunc(list, func(n node) bool { return poolUpgrade(n) == "" }):
		return "The provider configures these kubelets. " + nodeUpgrade("1.33 or later, where the gate cannot be off", list)
	case of("+k3s"), of("+rke2"):
		return "On each of these nodes, in " + configFile[k3s] + " (RKE2: " + configFile[rke2] + "), then restart its service:\n\n" +
			indent("kubelet-arg:\n  - feature-gates=SidecarContainers=true")
	}
	return "On each of these nodes, in the kubelet's configuration file (kubeadm: /var/lib/kubelet/config.yaml), then systemctl restart kubelet:\n\n" +
		indent("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nfeatureGates:\n  SidecarContainers: true") +
		"\n\nFrom 1.29 on it is enough to remove what turns the gate off there, or in --feature-gates: SidecarContainers: false or AllBeta: false. " +
		"Take the line out again before 1.37, which does not know the gate and would not start. " +
		"With kubeadm, make the change for all nodes (kubectl -n kube-system edit configmap kubelet-config), then on each node:\n\n" +
		indent("kubeadm upgrade node phase kubelet-config\nsystemctl restart kubelet")
}

// paragraphs joins the parts of a fix that are not empty.
func paragraphs(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}
