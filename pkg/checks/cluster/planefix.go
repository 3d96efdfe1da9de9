package cluster

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
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

// platformOf recognizes the marks that distributions leave in their versions, and AKS, which leaves
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
func GateFix(component string, p Process, server string) []checks.Step {
	at, kind := gate.FirstMinor, platformOf(p.version, server)
	if e := p.effective(); e != nil {
		at = gate.Minor(e)
	}
	if p.pod != nil && kind == selfManaged {
		return staticPodFix(component, p, at)
	}
	if command := upgradeCommand[kind]; command != "" {
		return []checks.Step{{
			Text:    "The provider sets the gates of this control plane. Upgrade it, to 1.33 or later if you can, one minor version at a time:",
			Command: command,
		}}
	}
	flag, why := gate.FlagWithGateOn("", at), whyOff(p, at)
	switch file := configFile[kind]; {
	case file != "" && flag == "":
		return []checks.Step{{Text: fmt.Sprintf("Remove SidecarContainers=false and AllBeta=false from %s-arg in %s on every server, then restart it. %s", component, file, why)}}
	case file != "":
		return []checks.Step{
			{Text: fmt.Sprintf("On every server, set this in %s, then restart it:", file), Command: component + "-arg:\n  - feature-gates=" + flag, Language: checks.YAML},
			{Text: why},
		}
	case flag == "":
		return []checks.Step{{Text: fmt.Sprintf("Remove SidecarContainers=false from the --feature-gates of every %s (or add SidecarContainers=true next to AllBeta=false), and restart it. %s", component, why)}}
	}
	return []checks.Step{
		{Text: fmt.Sprintf("Start every %s with this flag, next to the gates that it has already:", component), Command: "--feature-gates=" + flag, Language: checks.Plain},
		{Text: why},
	}
}

// whyOff says what turned the gate off in a version, and what turns it on for good.
func whyOff(p Process, at int) string {
	out := "Upgrading to 1.29 or later turns it on too, 1.33 or later for good."
	switch {
	case gate.Emulates(p.v, p.emulation):
		out = "It can be off because this server emulates an older version (--emulated-version): without that it is locked to on."
	case gate.ByDefault(at):
		out = "It is on by default in this version: somebody turned it off. From 1.33 on that is no longer possible."
	}
	if p.probed {
		out += " If the flags are in order, look for a webhook that also matches podtemplates: it can have stripped the field from the dry run."
	}
	return out
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
func staticPodFix(component string, p Process, at int) []checks.Step {
	names, flag := kubeadmNames[component], gate.FlagWithGateOn(p.pod.FeatureGates, at)
	manifest := fmt.Sprintf("/etc/kubernetes/manifests/%s.yaml on every control plane node", component)
	edit := "kubectl -n kube-system edit configmap kubeadm-config"
	apply := checks.Step{
		Text: "and apply it on every control plane node:",
		Command: "kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' > kubeadm.yaml\n" +
			"kubeadm init phase control-plane " + names.phase + " --config kubeadm.yaml",
	}
	if flag == "" {
		return []checks.Step{
			{Text: fmt.Sprintf("With kubeadm, remove feature-gates from %s.extraArgs in ClusterConfiguration:", names.key), Command: edit},
			apply,
			{Text: "Without kubeadm, remove --feature-gates from " + manifest + "."},
		}
	}
	args := fmt.Sprintf("feature-gates: %q", flag)
	if p.v != nil && gate.Minor(p.v) >= 31 {
		args = fmt.Sprintf("- name: feature-gates\n  value: %q", flag)
	}
	return []checks.Step{
		{Text: "With kubeadm, edit ClusterConfiguration:", Command: edit},
		{Text: "to have", Command: names.key + ":\n  extraArgs:\n" + prose.IndentBy(args, "    "), Language: checks.YAML},
		apply,
		{Text: "Without kubeadm, set this flag in " + manifest + ":", Command: "--feature-gates=" + flag, Language: checks.Plain},
	}
}

// upgradeFix says how to bring a control plane component to a version that knows sidecars.
func upgradeFix(p Process, server string) []checks.Step {
	return planeUpgrade("Upgrade the control plane to 1.29 or later (1.28 needs the SidecarContainers gate), one minor version at a time, then the nodes", p, server)
}

// planeUpgrade is an upgrade of a control plane with the commands for it, where they are known.
func planeUpgrade(lead string, p Process, server string) []checks.Step {
	switch command := upgradeCommand[platformOf(p.version, server)]; {
	case command != "":
		return []checks.Step{{Text: lead + ":", Command: command}}
	case p.pod != nil:
		return []checks.Step{{Text: lead + ". With kubeadm, on a control plane node:", Command: "kubeadm upgrade plan\nkubeadm upgrade apply VERSION"}}
	}
	return []checks.Step{{Text: lead + "."}}
}
