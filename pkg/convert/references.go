package convert

import (
	"maps"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// References adds remarks on what other objects say about the containers that move: those of the same files.
func (p *Plan) References(all []workload.Document) {
	if len(p.Moves) == 0 {
		return
	}
	for i := range all {
		d := &all[i]
		kind, _ := d.Object["kind"].(string)
		switch kind {
		case "HorizontalPodAutoscaler":
			p.autoscaler(d, []string{"spec", "scaleTargetRef"}, []string{"spec", "metrics"}, "containerResource", "container")
		case "VerticalPodAutoscaler":
			p.autoscaler(d, []string{"spec", "targetRef"}, []string{"spec", "resourcePolicy", "containerPolicies"}, "", "containerName")
		case "Service":
			p.service(d)
		case "PodMonitor":
			p.ports(d, []string{"spec", "podMetricsEndpoints"}, "port")
		}
	}
}

// autoscaler looks for the name of a container in a list of an autoscaler of this workload.
func (p *Plan) autoscaler(d *workload.Document, target, list []string, inner, key string) {
	ref, _ := descend(d.Object, target).(map[string]any)
	if ref["kind"] != p.Workload.Kind || ref["name"] != p.Workload.Name {
		return
	}
	items, _ := descend(d.Object, list).([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		if inner != "" {
			fields, _ = fields[inner].(map[string]any)
		}
		name, _ := fields[key].(string)
		if slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Container == name }) {
			p.add(Remark{Kind: Scales, Container: name, About: nameOf(d), Place: d.Place})
		}
	}
}

// service looks for named ports in a Service whose selector fits the template.
func (p *Plan) service(d *workload.Document) {
	selector, _ := descend(d.Object, []string{"spec", "selector"}).(map[string]any)
	labels := p.Workload.Template.Labels
	for key := range maps.Keys(selector) {
		if value, _ := selector[key].(string); labels[key] != value {
			return
		}
	}
	if len(selector) > 0 {
		p.ports(d, []string{"spec", "ports"}, "targetPort")
	}
}

func (p *Plan) ports(d *workload.Document, list []string, key string) {
	items, _ := descend(d.Object, list).([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields[key].(string)
		for _, m := range p.Moves {
			if slices.Contains(portsOf(p.Workload.Spec(), m.Container), name) {
				p.add(Remark{Kind: NamesPort, Container: m.Container, About: nameOf(d) + ": " + name, Place: d.Place})
			}
		}
	}
}

// nameOf is "Service web".
func nameOf(d *workload.Document) string {
	kind, _ := d.Object["kind"].(string)
	name, _ := descend(d.Object, []string{"metadata", "name"}).(string)
	return kind + " " + name
}
