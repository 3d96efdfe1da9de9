package plan

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// template is what tells which canaries speak for the candidate.
func (c *candidate) template() cluster.Template {
	return cluster.Template{
		Object: c.row.Kind + " " + c.row.Namespace + "/" + c.row.Name, Namespace: c.row.Namespace, Labels: c.labels, Annotations: c.annotations,
	}
}

// injected are the sidecars that webhooks put into the pods of a workload as regular containers: as a canary shows, or
// because the template asks for them where no canary was like it. Those of which no release can be native are left out.
func (p *Planner) injected(c *candidate) []Injected {
	list, exact := p.view.Injections(c.template())
	var out []Injected
	for _, i := range list {
		k := known.InjectorOf(i.Container)
		if slices.Contains(c.containers, i.Container) || k != nil && (k.Unsupported || !exact && leftOut(k, c)) {
			continue
		}
		found := Injected{Name: i.Container, Webhooks: i.Webhooks, Canary: i.Namespace}
		if k != nil {
			found.Software, found.How = k.Software, k.Enable
		}
		out = append(out, found)
	}
	if exact {
		return out
	}
	for _, k := range known.Injectors() {
		asked := oneLine(k.Pods.Asked(c.labels, c.annotations))
		seen := slices.ContainsFunc(out, func(i Injected) bool { return k.Injects(i.Name) })
		if asked == "" || k.Unsupported || seen || leftOut(&k, c) || slices.ContainsFunc(c.containers, k.Injects) {
			continue
		}
		out = append(out, Injected{Name: k.Containers[0], Software: k.Software, Asked: asked, How: k.Enable})
	}
	return out
}

// leftOut reports whether a template says that the sidecar is not to be there, or native.
func leftOut(k *known.Injector, c *candidate) bool {
	return k.Pods.Refused(c.labels, c.annotations) || k.Pods.IsNative(c.labels, c.annotations)
}

// injectorBlocks are what has to be done about injected sidecars: nobody can move them by hand.
func injectorBlocks(list []Injected) []Block {
	var out []Block
	for _, i := range list {
		b := Block{Kind: InjectorSetting, Names: []string{i.Name}, How: i.How}
		if i.Canary == "" {
			b.Kind, b.Open = InjectorUnread, true
		}
		out = append(out, b)
	}
	return out
}

// gainsOfInjected are what a workload has of native ones, besides what it has already.
func gainsOfInjected(c *candidate, list []Injected, already []Gain) []Gain {
	gain := DrainOrder
	if c.completes {
		gain = JobEnds
	}
	if len(list) == 0 || slices.Contains(already, gain) {
		return nil
	}
	return []Gain{gain}
}

// canariesWhole reports whether canaries tell of all pods what is put into them. Whose doing something was, and what
// becomes of workloads and updates, does not count here.
func canariesWhole(s *facts.Snapshot) bool {
	if !s.Has(facts.Canaries) {
		return false
	}
	other := []facts.Part{facts.PartReview, facts.PartTemplate, facts.PartInjected, facts.PartWorkload, facts.PartUpdate}
	return !slices.ContainsFunc(s.Gaps, func(g facts.Gap) bool {
		switch g.Kind {
		case facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies:
			return true
		case facts.Canaries:
			return !slices.Contains(other, g.Instance.Part)
		}
		return false
	})
}
