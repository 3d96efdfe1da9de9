package convert

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// Rendered adds a remark where Helm has written into the document which template it comes from.
func (p *Plan) Rendered(d *workload.Document) {
	if d.Node == nil || !p.Changes() {
		return
	}
	nodes := []*yaml.Node{d.Node}
	for n := d.Node; len(n.Content) > 0; {
		n = n.Content[0]
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		for line := range strings.Lines(n.HeadComment) {
			if source, found := strings.CutPrefix(strings.TrimSpace(line), "# Source: "); found {
				p.add(Remark{Kind: FromChart, About: source, Place: d.Place})
				return
			}
		}
	}
}

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
		case "NetworkPolicy":
			p.policy(d)
		case "PodMonitor":
			p.ports(d, []string{"spec", "podMetricsEndpoints"}, "port")
		}
	}
}

// autoscaler looks for the name of a container in a list of an autoscaler of this workload.
func (p *Plan) autoscaler(d *workload.Document, target, list []string, inner, key string) {
	ref, _ := workload.Descend(d.Object, target).(map[string]any)
	if ref["kind"] != p.Workload.Kind || ref["name"] != p.Workload.Name {
		return
	}
	items, _ := workload.Descend(d.Object, list).([]any)
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
	selector, _ := workload.Descend(d.Object, []string{"spec", "selector"}).(map[string]any)
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

// policy looks for named ports in what a NetworkPolicy lets into the pods.
func (p *Plan) policy(d *workload.Document) {
	labels, _ := workload.Descend(d.Object, []string{"spec", "podSelector", "matchLabels"}).(map[string]any)
	for key, value := range labels {
		if p.Workload.Template.Labels[key] != value {
			return
		}
	}
	rules, _ := workload.Descend(d.Object, []string{"spec", "ingress"}).([]any)
	for i := range rules {
		p.ports(d, []string{"spec", "ingress", strconv.Itoa(i), "ports"}, "port")
	}
}

func (p *Plan) ports(d *workload.Document, list []string, key string) {
	items, _ := workload.Descend(d.Object, list).([]any)
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
	name, _ := workload.Descend(d.Object, []string{"metadata", "name"}).(string)
	return kind + " " + name
}
