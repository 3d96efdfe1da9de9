package manifests

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The API server prunes what the schema of a CRD does not name. Which release of a CRD is installed no manifest tells.
var customResourceDropsField = rule{checks.Rule[*scene]{
	Check: checks.Check{
		ID:       "custom-resource-drops-field",
		Title:    "schemas of custom resources keep restartPolicy of init containers",
		Severity: checks.Warning,
		Category: checks.Manifests,
		Needs:    []facts.Kind{facts.Workloads},
		Uses:     []facts.Kind{facts.CRDs},
	},
	Run: func(s *scene) checks.Outcome {
		out := s.ofPods("custom-resource-drops-field", (*pod).dropped)
		var missing []facts.Gap
		for _, gap := range out.Missing {
			if !slices.Contains(missing, gap) {
				missing = append(missing, gap)
			}
		}
		out.Missing, out.Tried = missing, prose.Counted(len(s.pods), "workload")
		return out
	},
}, (*pod).dropped}

// dropped is what becomes of the field in the object of a pod template.
func (p *pod) dropped() checks.Outcome {
	var out checks.Outcome
	if len(p.natives) == 0 || p.Group() == "" || p.Is(p.Kind) {
		return out
	}
	f, gap := p.s.dropped(p)
	if f != nil {
		out.Findings = append(out.Findings, *f)
	}
	if gap != nil {
		out.Missing = append(out.Missing, *gap)
	}
	return out
}

// crds are those of the cluster.
func (s *scene) crds() []facts.CRD {
	if s.Cluster == nil {
		return nil
	}
	return s.Cluster.CustomResourceDefinitions
}

// dropped is whether the schema of a custom resource prunes the field, or why that is not known.
func (s *scene) dropped(p *pod) (*checks.Finding, *facts.Gap) {
	if s.Cluster == nil {
		return nil, p.unknownRelease()
	}
	_, version, _ := strings.Cut(p.APIVersion, "/")
	way := append(slices.Clone(p.Way), "initContainers")
	for _, d := range s.crds() {
		if d.Group != p.Group() || d.Kind != p.Kind {
			continue
		}
		switch fate, in := d.FateOf(version, way); fate {
		case facts.Pruned:
			return p.pruned(d.Name, version, in, strings.Join(way, ".")), nil
		case facts.Converted:
			return nil, s.converted(p, d.Name)
		case facts.Kept:
			return nil, nil
		}
	}
	if unread := s.Cluster.GapsOf(facts.CRDs, "*"); len(unread) > 0 {
		return nil, &unread[0]
	}
	gap := facts.NewGap(facts.CRDs, facts.Instance{Kind: p.Kind, Namespace: s.namespaceOf(p), Name: p.Name},
		fmt.Sprintf("no CRD of the cluster names init containers where %s %s has them: what becomes of restartPolicy there is not known", p.Kind, p.Name),
		facts.Do("look for it in what a dry run prints:", "kubectl create --dry-run=server -o yaml -f FILE"))
	return nil, &gap
}

// unknownRelease: without a cluster nobody knows which CRD is installed.
func (p *pod) unknownRelease() *facts.Gap {
	name := strings.ToLower(prose.Plural(p.Kind)) + "." + p.Group()
	reason := "whether the CRD has restartPolicy of init containers depends on its release"
	if k, ok := known.CRDByName(name); ok {
		reason = fmt.Sprintf("%s: the CRD has restartPolicy of init containers from %s on", k.Software, k.Fixed)
	}
	gap := facts.NewGap(facts.CRDs, facts.Instance{Kind: "CustomResourceDefinition", Name: name}, reason+"; which one is installed is not known",
		facts.Do("let the cluster tell:", "kubectl sidecar lint --cluster -f FILE"))
	return &gap
}

// converted: a webhook converts the object before it is stored, or before its controller reads it.
func (s *scene) converted(p *pod, crd string) *facts.Gap {
	gap := facts.NewGap(facts.CRDs, facts.Instance{Kind: p.Kind, Namespace: s.namespaceOf(p), Name: p.Name},
		fmt.Sprintf("a webhook converts every %s between its versions, and whether it keeps restartPolicy of init containers was not tried", p.Kind),
		facts.Do("look for it in what a dry run prints, and in each version of one that is stored:",
			"kubectl create --dry-run=server -o yaml -f FILE", prose.Shell("kubectl get crd %s -o jsonpath='{.spec.versions[*].name}'", crd)))
	return &gap
}

// pruned is about a schema that drops the field: that of the version of the manifest, or of the one that is stored.
func (p *pod) pruned(crd, version, in, list string) *checks.Finding {
	c := p.natives[0]
	stored := ""
	if in != version {
		stored = ", in which the object is stored"
	}
	f := p.finding(c, p.at(c, "restartPolicy"),
		fmt.Sprintf("the schema of %s prunes restartPolicy of init containers: the pod waits forever for %s to exit", crd, c.Name),
		[]string{c.field("restartPolicy: Always"), fmt.Sprintf("customresourcedefinition/%s, version %s%s: %s has no restartPolicy", crd, in, stored, list)},
		do("Update the CRD to a release whose schema has the field."))
	return &f
}
