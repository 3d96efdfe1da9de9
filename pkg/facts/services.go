package facts

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Kinds of facts about who sends to pods. They are looked for only where NeedsServices says so.
const (
	// Services is those that name a port of a sidecar of the pods; all of them where a file has them.
	Services Kind = "services"
	// EndpointSlices is those of these Services.
	EndpointSlices Kind = "endpointslices"
)

// TrimService keeps whom a Service selects and which of their ports it means.
func TrimService(s *corev1.Service) corev1.Service {
	return withoutSecrets(corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: s.Name, Namespace: s.Namespace},
		Spec:       corev1.ServiceSpec{Selector: s.Spec.Selector, Ports: s.Spec.Ports},
	})
}

// TrimEndpointSlice keeps which pods a slice lists, with which ports, for which Service; no addresses.
func TrimEndpointSlice(s *discoveryv1.EndpointSlice) discoveryv1.EndpointSlice {
	out := discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: s.Name, Namespace: s.Namespace},
		AddressType: s.AddressType, Ports: s.Ports,
	}
	if service := s.Labels[discoveryv1.LabelServiceName]; service != "" {
		out.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	}
	for _, e := range s.Endpoints {
		if e.TargetRef == nil || e.TargetRef.Kind != "Pod" {
			continue
		}
		out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{Conditions: e.Conditions, TargetRef: &corev1.ObjectReference{
			Kind: e.TargetRef.Kind, Namespace: e.TargetRef.Namespace, Name: e.TargetRef.Name, UID: e.TargetRef.UID,
		}})
	}
	return withoutSecrets(out)
}

// A SidecarPort is a port of a Service whose target is the name of a port that only a native sidecar
// of a pod declares.
type SidecarPort struct {
	// Index is the port's place in the Service.
	Index   int
	Port    corev1.ServicePort
	Sidecar string
	Target  corev1.ContainerPort
}

// SidecarPorts are the ports of a Service that mean one of a native sidecar of the pod by its name;
// none when the Service does not select the pod.
func SidecarPorts(s *corev1.Service, p *corev1.Pod) []SidecarPort {
	if s.Namespace != p.Namespace || len(s.Spec.Selector) == 0 || !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.Labels)) {
		return nil
	}
	named := namedSidecarPorts(p)
	var out []SidecarPort
	for i, port := range s.Spec.Ports {
		if port.TargetPort.Type != intstr.String {
			continue
		}
		for _, n := range named {
			if n.Target.Name == port.TargetPort.StrVal && protocol(n.Target.Protocol) == protocol(port.Protocol) {
				out = append(out, SidecarPort{Index: i, Port: port, Sidecar: n.Sidecar, Target: n.Target})
				break
			}
		}
	}
	return out
}

// NeedsServices reports whether a pod may look well and get nothing of what is sent to it: it is
// ready, and a native sidecar has a port that a Service could mean by its name.
func NeedsServices(p *corev1.Pod) bool {
	return PodReady(p) && p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil && len(namedSidecarPorts(p)) > 0
}

// namedSidecarPorts are the named ports of native sidecars. Names that a regular container declares,
// too, are not among them: every version looks there first.
func namedSidecarPorts(p *corev1.Pod) []SidecarPort {
	type key struct {
		name     string
		protocol corev1.Protocol
	}
	regular := map[key]bool{}
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			regular[key{port.Name, protocol(port.Protocol)}] = true
		}
	}
	var out []SidecarPort
	for _, c := range p.Spec.InitContainers {
		if !RestartsAlways(&c) {
			continue
		}
		for _, port := range c.Ports {
			if port.Name != "" && !regular[key{port.Name, protocol(port.Protocol)}] {
				out = append(out, SidecarPort{Sidecar: c.Name, Target: port})
			}
		}
	}
	return out
}

// protocol is what the API server makes of an empty one.
func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// NamespaceScope is the scope of a gap that is about one namespace.
func NamespaceScope(name string) string { return "namespace/" + name }

// ServiceScope is the scope of a gap that is about one Service.
func ServiceScope(s *corev1.Service) string { return "service/" + s.Namespace + "/" + s.Name }

// RestartsAlways reports whether a container has restartPolicy: Always, which makes an init container a
// native sidecar (KEP-753).
func RestartsAlways(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
