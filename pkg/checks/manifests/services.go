package manifests

import (
	"encoding/json"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A service is a Service in a file.
type service struct {
	corev1.Service
	place workload.Place
}

// servicesIn are the Services of a document, also in a List.
func servicesIn(d *workload.Document) []service {
	var out []service
	objects := []any{d.Object}
	if items, ok := d.Object["items"].([]any); ok {
		objects = append(objects, items...)
	}
	for _, o := range objects {
		fields, ok := o.(map[string]any)
		if !ok || fields["kind"] != "Service" || fields["apiVersion"] != "v1" {
			continue
		}
		text, err := json.Marshal(fields)
		if err != nil {
			continue
		}
		s := service{place: d.Place}
		_ = json.Unmarshal(text, &s.Service) // what is wrong with it is not ours to say
		out = append(out, s)
	}
	return out
}

// selects reports whether a Service sends to the pods of a template.
func (s service) selects(p *pod) bool {
	return len(s.Spec.Selector) > 0 && (s.Namespace == "" || p.Namespace == "" || s.Namespace == p.Namespace) &&
		labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.podLabels()))
}

func (p *pod) podLabels() map[string]string {
	if p.Is("Pod") {
		return p.Labels
	}
	return p.Template.Labels
}

// byName are the Services that look for a port of a container by its name.
func (p *pod) byName(port corev1.ContainerPort) []service {
	var out []service
	for _, s := range p.s.services {
		if !s.selects(p) {
			continue
		}
		for _, sp := range s.Spec.Ports {
			if sp.TargetPort.StrVal == port.Name {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

// needsServices reports whether what is said of the pod depends on Services of other files.
func (p *pod) needsServices() bool {
	named := func(port corev1.ContainerPort) bool { return port.Name != "" }
	return p.server.minor < namedPortMinor &&
		slices.ContainsFunc(p.natives, func(c *container) bool { return slices.ContainsFunc(c.Ports, named) })
}

func number(n int) string { return strconv.Itoa(n) }
