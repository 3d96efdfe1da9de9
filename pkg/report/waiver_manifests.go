package report

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// ManifestAnnotations are the waivers that stand on workloads, in their order.
func ManifestAnnotations(in manifests.Input) []Waiver {
	var out []Waiver
	seen := map[string]bool{}
	for _, w := range in.Workloads() {
		object := ObjectName(checks.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name})
		text := facts.IgnoreOf(w.Annotations)
		if text == "" || seen[object+text] { // the same object may be in several files, and have several templates
			continue
		}
		seen[object+text] = true
		out = append(out, ParseAnnotation(text, object)...)
	}
	return out
}
