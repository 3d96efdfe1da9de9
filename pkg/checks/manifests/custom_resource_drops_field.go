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
var customResourceDropsField = rule{
	Check: checks.Check{
		ID:       "custom-resource-drops-field",
		Title:    "schemas of custom resources keep restartPolicy of init containers",
		Severity: checks.Warning,
		Category: checks.Manifests,
		Needs:    []facts.Kind{facts.Workloads},
		Uses:     []facts.Kind{facts.CRDs},
	},
	Run: func(s *scene) checks.Outcome {
		out := checks.Outcome{Tried: prose.Counted(len(s.pods), "workload")}
		for _, p := range s.pods {
			if len(p.natives) == 0 || p.Group() == "" || p.Is(p.Kind) {
				continue
			}
			f, gap := s.dropped(p)
			if f != nil {
				out.Findings = append(out.Findings, *f)
			}
			if gap != nil && !slices.Contains(out.Missing, *gap) {
				out.Missing = append(out.Missing, *gap)
			}
		}
		return out
	},
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
	for _, d := range s.crds() {
		if d.Group == p.Group() && d.Kind == p.Kind {
			return p.prunedBy(d), nil
		}
	}
	name := strings.ToLower(prose.Plural(p.Kind)) + "." + p.Group()
	k, ok := known.CRDByName(name)
	if !ok || s.Cluster != nil {
		return nil, nil
	}
	gap := facts.NewGap(facts.CRDs, facts.Instance{Kind: "CustomResourceDefinition", Name: name},
		fmt.Sprintf("%s: the CRD has restartPolicy of init containers from %s on; which one is installed is not known", k.Software, k.Fixed),
		facts.Do("let the cluster tell:", "kubectl sidecar lint --cluster -f FILE"))
	return nil, &gap
}

func (p *pod) prunedBy(d facts.CRD) *checks.Finding {
	_, version, _ := strings.Cut(p.APIVersion, "/")
	list := strings.Join(p.Way, ".") + ".initContainers"
	for _, v := range d.Versions {
		if v.Name != version || !slices.Contains(v.Prunes, list) {
			continue
		}
		c := p.natives[0]
		f := p.finding(c, p.at(c, "restartPolicy"),
			fmt.Sprintf("the schema of %s prunes restartPolicy of init containers: the pod waits forever for %s to exit", d.Name, c.Name),
			[]string{c.field("restartPolicy: Always"), fmt.Sprintf("customresourcedefinition/%s, version %s: %s has no restartPolicy", d.Name, v.Name, list)},
			do("Update the CRD to a release whose schema has the field."))
		return &f
	}
	return nil
}
