package facts

import (
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// components are the control plane components whose gate matters.
var components = []string{"kube-apiserver", "kube-scheduler", "kube-controller-manager"}

const (
	mirrorAnnotation    = corev1.MirrorPodAnnotationKey
	advertiseAnnotation = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
)

// StaticPod reads a control plane component's mirror pod; ok is false for every other pod.
func StaticPod(p *corev1.Pod) (pod ControlPlanePod, ok bool) {
	component := p.Labels["component"]
	if _, mirror := p.Annotations[mirrorAnnotation]; !mirror || p.Labels["tier"] != "control-plane" ||
		!slices.Contains(components, component) || len(p.Spec.Containers) == 0 {
		return ControlPlanePod{}, false
	}
	c := p.Spec.Containers[0]
	for _, other := range p.Spec.Containers {
		if other.Name == component {
			c = other
		}
	}
	f := flags(slices.Concat(c.Command, c.Args))
	pod = ControlPlanePod{
		Component: component, Name: p.Name, Node: p.Spec.NodeName, Version: ImageTag(c.Image),
		FeatureGates:    strings.Join(f["--feature-gates"], ","),
		EmulatedVersion: strings.Join(f["--emulated-version"], ","),
		Ignore:          IgnoreOf(p.Annotations),
	}
	if component == "kube-apiserver" {
		pod.Address = advertised(p, f)
	}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			pod.Ready = condition.Status == corev1.ConditionTrue
		}
	}
	return pod, true
}

// advertised is the address that kubeadm notes on the pod, else that of the flags.
func advertised(p *corev1.Pod, f map[string][]string) string {
	if address := p.Annotations[advertiseAnnotation]; address != "" {
		return address
	}
	host, port := f["--advertise-address"], f["--secure-port"]
	if len(host) == 0 {
		return ""
	}
	if len(port) == 0 {
		port = []string{"6443"} // kube-apiserver's default
	}
	return net.JoinHostPort(host[len(host)-1], port[len(port)-1])
}

// flags returns the values of each flag of a command line, in order: "--a=b", "--a b", and both
// within the one argument of a shell, as kops writes them.
func flags(args []string) map[string][]string {
	var words []string
	for _, arg := range args {
		if strings.Contains(arg, " --") {
			for _, word := range strings.Fields(arg) {
				words = append(words, strings.Trim(word, `"'`))
			}
			continue
		}
		words = append(words, arg)
	}
	out := map[string][]string{}
	for i, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !strings.HasPrefix(name, "--") {
			continue
		}
		if !ok && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			value = words[i+1]
		}
		out[name] = append(out[name], strings.Trim(value, `"'`))
	}
	return out
}
