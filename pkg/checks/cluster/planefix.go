package cluster

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A platform is who runs a control plane, as far as its version or address tells.
type platform int

const (
	selfManaged platform = iota
	eks
	gke
	aks
	k3s
	rke2
)

// platformOf recognises the marks that distributions leave in their versions, and AKS, which leaves
// none, by the name of its API servers.
func platformOf(version, server string) platform {
	switch {
	case strings.Contains(version, "-eks-"):
		return eks
	case strings.Contains(version, "-gke."):
		return gke
	case strings.Contains(version, "k3s"):
		return k3s
	case strings.Contains(version, "rke2"):
		return rke2
	case strings.Contains(server, ".azmk8s.io"):
		return aks
	}
	return selfManaged
}

// kubeadmNames are what kubeadm calls a component: in its phases and in ClusterConfiguration.
var kubeadmNames = map[string]struct{ phase, key string }{
	APIServer:         {"apiserver", "apiServer"},
	Scheduler:         {"scheduler", "scheduler"},
	controllerManager: {"controller-manager", "controllerManager"},
}

// GateFix says how to turn the gate on in a control plane component.
func GateFix(component string, p Process, server string) string {
	at, kind := gate.FirstMinor, platformOf(p.version, server)
	if e := p.effective(); e != nil {
		at = gate.Minor(e)
	}
	if p.pod != nil && kind == selfManaged {
		return staticPodFix(component, p, at)
	}
	later := "Upgrading to 1.29 or later turns it on too, 1.33 or later for good."
	switch {
	case gate.Emulates(p.v, p.emulation):
		later = "It can be off because this server emulates an older version (--emulated-version): without that it is locked to on."
	case gate.ByDefault(at):
		later = "It is on by default in this version: somebody turned it off. From 1.33 on that is not possible any more."
	}
	if p.probed {
		later += " If the flags are in order, look for a webhook that also matches podtemplates: it can have taken the field from the dry run."
	}
	flag := gate.FlagWithGateOn("", at)
	switch kind {
	case eks, gke, aks:
		return "The provider sets the gates of this control plane: upgrade it, to 1.33 or later if you can, one minor version at a time.\n\n" +
			prose.Indent(upgradeCommand[kind])
	case k3s, rke2:
		if flag == "" {
			return fmt.Sprintf("Remove SidecarContainers=false and AllBeta=false from %s-arg in %s on every server, then restart it. %s", component, configFile[kind], later)
		}
		return fmt.Sprintf("On every server, in %s, then restart it. %s\n\n", configFile[kind], later) +
			prose.Indent(component+"-arg:\n  - feature-gates="+flag)
	}
	if flag == "" {
		return fmt.Sprintf("Remove SidecarContainers=false from the --feature-gates of every %s (or add SidecarContainers=true next to AllBeta=false), and restart it. %s", component, later)
	}
	return fmt.Sprintf("Start every %s with this flag, next to the gates it has already. %s\n\n", component, later) + prose.Indent("--feature-gates="+flag)
}

// upgradeCommand upgrades a managed control plane.
var upgradeCommand = map[platform]string{
	eks: "aws eks update-cluster-version --name CLUSTER --kubernetes-version VERSION",
	gke: "gcloud container clusters upgrade CLUSTER --master --cluster-version VERSION",
	aks: "az aks upgrade --resource-group GROUP --name CLUSTER --control-plane-only --kubernetes-version VERSION",
}

var configFile = map[platform]string{
	k3s:  "/etc/rancher/k3s/config.yaml",
	rke2: "/etc/rancher/rke2/config.yaml",
}

// staticPodFix is the change for kubeadm, per component, and for static pods made by somebody else.
// kubeadm's extraArgs are a map up to v1beta3 and a list from v1beta4 on, which 1.31 introduced.
func staticPodFix(component string, p Process, at int) string {
	names, flag := kubeadmNames[component], gate.FlagWithGateOn(p.pod.FeatureGates, at)
	var args, file string
	switch {
	case flag == "":
		args = "# remove feature-gates"
		file = "Without kubeadm: remove --feature-gates from"
	case p.v != nil && gate.Minor(p.v) >= 31:
		args = fmt.Sprintf("- name: feature-gates\n  value: %q", flag)
	default:
		args = fmt.Sprintf("feature-gates: %q", flag)
	}
	if flag != "" {
		file = "Without kubeadm: set --feature-gates=" + flag + " in"
	}
	return fmt.Sprintf("With kubeadm, change ClusterConfiguration (kubectl -n kube-system edit configmap kubeadm-config):\n\n%s\n\nthen on every control plane node:\n\n%s\n\n%s /etc/kubernetes/manifests/%s.yaml on every control plane node.",
		prose.Indent(names.key+":\n  extraArgs:\n"+prose.IndentBy(args, "    ")),
		prose.Indent("kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' > kubeadm.yaml\nkubeadm init phase control-plane "+names.phase+" --config kubeadm.yaml"),
		file, component)
}

// UpgradeFix says how to bring a control plane component to a version that knows sidecars.
func upgradeFix(p Process, server string) string {
	lead := "Upgrade the control plane to 1.29 or later (1.28 needs the SidecarContainers gate), one minor version at a time, then the nodes."
	kind := platformOf(p.version, server)
	switch {
	case upgradeCommand[kind] != "":
		return lead + "\n\n" + prose.Indent(upgradeCommand[kind])
	case p.pod != nil:
		return lead + " With kubeadm, on a control plane node:\n\n" + prose.Indent("kubeadm upgrade plan\nkubeadm upgrade apply VERSION")
	}
	return lead
}
