package plan

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A ReferenceKind is how something outside the template means a sidecar.
type ReferenceKind string

const (
	// ScalesBy: an autoscaler means it by its name.
	ScalesBy ReferenceKind = "autoscaler"
	// NamesPort: a Service means one of its ports by name. From 1.33 on such ports of native sidecars are found.
	NamesPort ReferenceKind = "service-port"
	// ScrapesPort: a monitor of Prometheus does.
	ScrapesPort ReferenceKind = "monitor-port"
	// DefaultContainer: it is the container that kubectl logs and exec take.
	DefaultContainer ReferenceKind = "default-container"
)

// A Reference is what else has to change, or to be looked at, when a sidecar moves.
type Reference struct {
	Kind      ReferenceKind `json:"kind"`
	Container string        `json:"container"`
	// Object is who means it: "HorizontalPodAutoscaler web".
	Object string `json:"object,omitempty"`
	Port   string `json:"port,omitempty"`
}

// A Need is a kind of objects that may mean one of the sidecars that were found.
type Need string

const (
	Autoscalers Need = "autoscalers"
	Ports       Need = "ports"
)

// Needs are the kinds of objects that have to be looked at.
func (p *Planner) Needs() []Need {
	var out []Need
	if slices.ContainsFunc(p.found, func(c candidate) bool { return len(c.row.Sidecars) > 0 }) {
		out = append(out, Autoscalers)
	}
	if slices.ContainsFunc(p.found, func(c candidate) bool { return len(c.ports) > 0 }) {
		out = append(out, Ports)
	}
	return out
}

// A port is a named one of a sidecar.
type port struct{ container, name string }

func portsOf(w *workload.Workload, list []Sidecar) []port {
	var out []port
	spec := w.Spec()
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if !slices.ContainsFunc(list, func(s Sidecar) bool { return s.Name == c.Name }) {
			continue
		}
		for _, x := range c.Ports {
			if x.Name != "" {
				out = append(out, port{c.Name, x.Name})
			}
		}
	}
	return out
}

// Refer looks at an object of the cluster that may mean a sidecar: all workloads have to be added before.
func (p *Planner) Refer(object map[string]any) {
	kind, _ := object["kind"].(string)
	meta, _ := object["metadata"].(map[string]any)
	name, _ := meta["name"].(string)
	namespace, _ := meta["namespace"].(string)
	for _, i := range p.meant(kind, namespace) {
		c := &p.found[i]
		about := Reference{Object: kind + " " + name}
		switch kind {
		case "HorizontalPodAutoscaler":
			c.scaled(about, namespace, object, []string{"spec", "scaleTargetRef"}, []string{"spec", "metrics"}, "containerResource", "container")
		case "VerticalPodAutoscaler":
			c.scaled(about, namespace, object, []string{"spec", "targetRef"}, []string{"spec", "resourcePolicy", "containerPolicies"}, "", "containerName")
		case "Service":
			selector, _ := workload.Descend(object, []string{"spec", "selector"}).(map[string]any)
			if namespace == c.row.Namespace && len(selector) > 0 && selects(map[string]any{"matchLabels": selector}, c.labels) {
				c.means(about, NamesPort, object, []string{"spec", "ports"}, "targetPort")
			}
		case "PodMonitor":
			selector, _ := workload.Descend(object, []string{"spec", "selector"}).(map[string]any)
			if reaches(object, namespace, c.row.Namespace) && selects(selector, c.labels) {
				c.means(about, ScrapesPort, object, []string{"spec", "podMetricsEndpoints"}, "port")
			}
		case "ServiceMonitor": // it selects Services, of which one is enough
			if reaches(object, namespace, c.row.Namespace) {
				c.means(about, ScrapesPort, object, []string{"spec", "endpoints"}, "targetPort")
			}
		}
	}
}

// meant are the workloads that an object can mean: those with sidecars, of its namespace unless it is a monitor.
func (p *Planner) meant(kind, namespace string) []int {
	if p.withSidecars == nil {
		p.withSidecars = map[string][]int{}
		for i := range p.found {
			if c := &p.found[i]; len(c.row.Sidecars) > 0 {
				p.withSidecars[c.row.Namespace] = append(p.withSidecars[c.row.Namespace], i)
			}
		}
	}
	if kind != "PodMonitor" && kind != "ServiceMonitor" {
		return p.withSidecars[namespace]
	}
	return slices.Concat(slices.Collect(maps.Values(p.withSidecars))...)
}

// scaled looks for the name of a sidecar in a list of an autoscaler of this workload.
func (c *candidate) scaled(about Reference, namespace string, object map[string]any, target, list []string, inner, key string) {
	ref, _ := workload.Descend(object, target).(map[string]any)
	if namespace != c.row.Namespace || ref["kind"] != c.row.Kind || ref["name"] != c.row.Name {
		return
	}
	about.Kind = ScalesBy
	items, _ := workload.Descend(object, list).([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		if inner != "" {
			fields, _ = fields[inner].(map[string]any)
		}
		about.Container, _ = fields[key].(string)
		if slices.ContainsFunc(c.row.Sidecars, func(s Sidecar) bool { return s.Name == about.Container }) {
			c.refer(about)
		}
	}
}

// means looks for the names of ports of sidecars in a list of an object.
func (c *candidate) means(about Reference, kind ReferenceKind, object map[string]any, list []string, key string) {
	items, _ := workload.Descend(object, list).([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields[key].(string)
		for _, x := range c.ports {
			if x.name == name {
				about.Kind, about.Container, about.Port = kind, x.container, name
				c.refer(about)
			}
		}
	}
}

func (c *candidate) refer(r Reference) {
	if !slices.Contains(c.row.References, r) {
		c.row.References = append(c.row.References, r)
	}
}

// selects reports whether a selector matches; one that cannot be read may.
func selects(selector map[string]any, of map[string]string) bool {
	var s metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(selector, &s); err != nil {
		return true
	}
	matcher, err := metav1.LabelSelectorAsSelector(&s)
	return err != nil || matcher.Matches(labels.Set(of))
}

// reaches reports whether a monitor looks at a namespace.
func reaches(object map[string]any, own, namespace string) bool {
	where, _ := workload.Descend(object, []string{"spec", "namespaceSelector"}).(map[string]any)
	names, _ := where["matchNames"].([]any)
	switch {
	case where["any"] == true:
		return true
	case len(names) > 0:
		return slices.Contains(names, any(namespace))
	}
	return own == namespace
}
