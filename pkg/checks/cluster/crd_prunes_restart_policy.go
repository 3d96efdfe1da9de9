package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The API server prunes what the schema of a CRD does not name, before it stores the object. A controller
// that makes pods from the object never sees the field.
var crdPrunesRestartPolicy = rule{
	Check: checks.Check{
		ID:       "crd-prunes-restart-policy",
		Title:    "schemas of custom resources keep restartPolicy of init containers",
		Severity: checks.Warning,
		Category: checks.Admission,
		Needs:    []facts.Kind{facts.CRDs},
	},
	Run: runCRDPrunes,
}

func runCRDPrunes(s *scene) checks.Outcome {
	var out checks.Outcome
	embed := 0
	for _, d := range s.CustomResourceDefinitions {
		if len(d.Versions) > 0 {
			embed++
		}
		if slices.ContainsFunc(d.Versions, func(v facts.CRDVersion) bool { return len(v.Prunes) > 0 }) {
			out.Findings = append(out.Findings, prunesFinding(d))
		}
	}
	out.Tried = fmt.Sprintf("%s, %d of which embed init containers", prose.Counted(len(s.CustomResourceDefinitions), "CRD"), embed)
	out.Missing = slices.DeleteFunc(s.GapsOf(facts.CRDs, "*"), func(g facts.Gap) bool { return g.Scope == "" })
	out.Missing = append(out.Missing, conversions(s)...)
	return out
}

// conversions are the gaps of CRDs whose objects a webhook converts: it can lose the field, and was not tried.
func conversions(s *scene) []facts.Gap {
	var out []facts.Gap
	for _, d := range s.CustomResourceDefinitions {
		if !d.Converts || len(d.Versions) == 0 {
			continue
		}
		var read []string
		for _, v := range d.Versions {
			if v.Served {
				read = append(read, prose.Shell("kubectl get %s -A -o yaml", strings.Replace(d.Name, ".", "."+v.Name+".", 1)))
			}
		}
		out = append(out, facts.NewGap(facts.CRDs, facts.Instance{Kind: "CustomResourceDefinition", Name: d.Name},
			fmt.Sprintf("a webhook converts every %s between its versions, and whether it keeps restartPolicy of init containers was not tried", d.Kind),
			facts.Do("read one that has a native sidecar in each version, and look for restartPolicy:", strings.Join(read, "; "))))
	}
	return out
}

func prunesFinding(d facts.CRD) checks.Finding {
	f := checks.Finding{Object: checks.Object{Kind: "CustomResourceDefinition", Name: d.Name}}
	var versions []string
	for _, v := range d.Versions {
		if len(v.Prunes) == 0 {
			continue
		}
		versions = append(versions, v.Name)
		what := fmt.Sprintf("version %s (served: %t, storage: %t)", v.Name, v.Served, v.Storage)
		f.Evidence = append(f.Evidence, fmt.Sprintf("schema of %s: items of %s have image, but not restartPolicy, and do not preserve unknown fields", what, prose.Some(v.Prunes, 3)))
	}
	f.Message = fmt.Sprintf("the API server prunes restartPolicy from init containers of every %s (%s)", d.Kind, strings.Join(versions, ", "))
	if k, ok := known.CRDByName(d.Name); ok {
		f.Steps = append(f.Steps, checks.Step{Text: fmt.Sprintf("The CRD of %s has the field since %s.", k.Software, k.Fixed)})
		f.Evidence = append(f.Evidence, sourceText(k.Evidence, k.Sources))
	}
	f.Steps = append(f.Steps, checks.Step{Text: "Update the CRD, which Helm does not do on its own, and apply the objects again: what was pruned is not stored anywhere."})
	return f
}
