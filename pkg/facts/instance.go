package facts

import (
	"fmt"
	"strings"
)

// An Instance is what a gap is about, as data: whoever asks what a gap is about looks here. Scope is the same
// in words, for people, and is not to be read by a program. The zero Instance is the whole kind, or an
// unknown part of it.
type Instance struct {
	// Kind is the kind of the object, as in its manifest: Node, Namespace, Pod, Service, Deployment,
	// ConfigMap, MutatingWebhook. Besides, APIServer is the API servers, NamespaceClass and PodShape are classes of
	// canaries.
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Configuration is that of a MutatingWebhook or ValidatingWebhook, whose own name is Name.
	Configuration string `json:"configuration,omitempty"`
	// Class is the ID of a class of canaries, which is another in the next snapshot. What stays is Namespace,
	// the first of a NamespaceClass, or Name, the first example of a PodShape ("Deployment shop/web"), and
	// More.
	Class string `json:"class,omitempty"`
	// More is how many namespaces or templates the class has besides.
	More int `json:"more,omitempty"`
	// Part is what of it is missing; "" is all of it.
	Part Part `json:"part,omitempty"`
}

// Part names what is missing of an Instance of which the rest is there.
type Part string

const (
	// Of the API servers: see the Scope constants of the same names.
	PartMetrics   Part = "metrics"
	PartUnseen    Part = "unseen"
	PartGate      Part = "gate"
	PartLeases    Part = "leases"
	PartEndpoints Part = "endpoints"
	PartVersion   Part = "version"
	// PartReview and PartTemplate, of a class: not what became of its canary is open, but whose doing it
	// was. See ScopeReview and ScopeTemplate.
	PartReview   Part = "review"
	PartTemplate Part = "podtemplate"
	// PartInjected, of a class: whether a container that was put into its canary lost something.
	PartInjected Part = "injected"
	// PartShapes is the shapes of pods as a whole: some are not known, or were not tried.
	PartShapes Part = "pod shapes"
	// PartCreators is who creates pods: canaries could not be sent as the controllers.
	PartCreators Part = "creators"
	// PartWorkload is the dry-run creates of workloads, PartUpdate the dry-run updates of pods.
	PartWorkload Part = "workload"
	PartUpdate   Part = "update"
	// PartOwners is the owners of pods beyond the number that is read.
	PartOwners Part = "owners"
)

// Kinds of instances that are no objects of the cluster.
const (
	KindAPIServer      = "APIServer"
	KindNamespaceClass = "NamespaceClass"
	KindPodShape       = "PodShape"
	// KindMutatingWebhook is one webhook of a MutatingWebhookConfiguration.
	KindMutatingWebhook = "MutatingWebhook"
	// KindValidatingWebhook is one webhook of a ValidatingWebhookConfiguration.
	KindValidatingWebhook = "ValidatingWebhook"
)

// KindConfigMap is a ConfigMap with a setting of an injector.
const KindConfigMap = "ConfigMap"

// ConfigMapInstance is one ConfigMap.
func ConfigMapInstance(namespace, name string) Instance {
	return Instance{Kind: KindConfigMap, Namespace: namespace, Name: name}
}

// Scope is the instance in words: "node/worker-7", "service/shop/web", "apiserver/gate", "review/class-2
// (namespace prod, +3)"; "" for the zero Instance.
func (i Instance) Scope() string {
	switch {
	case i.Class != "":
		return i.classScope()
	case i.Kind == "":
		return string(i.Part)
	case i.Configuration != "":
		return i.Configuration + "/" + i.Name
	case i.Part != "":
		return strings.ToLower(i.Kind) + "/" + string(i.Part)
	case i.Namespace != "":
		return strings.ToLower(i.Kind) + "/" + i.Namespace + "/" + i.Name
	}
	return strings.ToLower(i.Kind) + "/" + i.Name
}

func (i Instance) classScope() string {
	first := i.Name
	if i.Kind == KindNamespaceClass {
		first = "namespace " + i.Namespace
	}
	if i.More > 0 {
		first += fmt.Sprintf(", +%d", i.More)
	}
	part := ""
	if i.Part != "" {
		part = string(i.Part) + "/"
	}
	return fmt.Sprintf("%s%s (%s)", part, i.Class, first)
}

// Of is the same instance as far as one part of it is concerned.
func (i Instance) Of(p Part) Instance {
	i.Part = p
	return i
}

// NewGap is the gap of an instance, with its scope in words.
func NewGap(kind Kind, i Instance, reason string, remedy Remedy) Gap {
	return Gap{Kind: kind, Scope: i.Scope(), Instance: i, Reason: reason}.ClosedBy(remedy)
}

// UntriedValidator is the gap of a validating webhook ("configuration/webhook") or policy of which canaries do not tell what
// it does.
func UntriedValidator(called, reason string) Gap {
	kind, about := ValidatingPolicies, Instance{Kind: "ValidatingAdmissionPolicy", Name: called}
	if configuration, webhook, ok := strings.Cut(called, "/"); ok {
		kind, about = ValidatingWebhooks, Instance{Kind: KindValidatingWebhook, Configuration: configuration, Name: webhook}
	}
	return NewGap(kind, about, reason,
		Do("see whether a pod of your own that it is meant for is admitted, with a native sidecar:", "kubectl create --dry-run=server -f POD"))
}

// NoPodsOf is the gap of an object that was asked about and has no pods, as far as was seen. It has no scope: nothing
// is known to be well, whatever check is asked.
func NoPodsOf(i Instance, reason string, remedy Remedy) Gap {
	return Gap{Kind: Pods, Instance: i, Reason: reason}.ClosedBy(remedy)
}

// NoPods reports whether a gap is one of NoPodsOf.
func (g Gap) NoPods() bool { return g.Kind == Pods && g.Scope == "" && g.Instance.Kind != "" }

// NodeInstance is one node.
func NodeInstance(name string) Instance { return Instance{Kind: "Node", Name: name} }

// NamespaceInstance is one namespace.
func NamespaceInstance(name string) Instance { return Instance{Kind: "Namespace", Name: name} }

// PodInstance is one pod.
func PodInstance(namespace, name string) Instance {
	return Instance{Kind: "Pod", Namespace: namespace, Name: name}
}

// ServiceInstance is one Service.
func ServiceInstance(namespace, name string) Instance {
	return Instance{Kind: "Service", Namespace: namespace, Name: name}
}

// APIServerInstance is what is missing of the API servers.
func APIServerInstance(p Part) Instance { return Instance{Kind: KindAPIServer, Part: p} }

// Instance is the class, for gaps about it.
func (c *Class) Instance() Instance {
	if c.Shape != nil {
		i := Instance{Kind: KindPodShape, Class: c.ID, More: max(c.Shape.Templates-1, 0)}
		if len(c.Shape.Examples) > 0 {
			i.Name = c.Shape.Examples[0]
		}
		return i
	}
	i := Instance{Kind: KindNamespaceClass, Class: c.ID, More: max(len(c.Namespaces)-1, 0)}
	if len(c.Namespaces) > 0 {
		i.Namespace = c.Namespaces[0]
	}
	return i
}
