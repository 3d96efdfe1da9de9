package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The API server prunes what a CRD's schema does not name, before it notes who wrote which field:
// only what was applied with kubectl still shows it.
var crdPrunesRestartPolicy = rule{
	Check: checks.Check{
		ID:       checks.CRDPrunesRestartPolicy,
		Title:    "no custom resource has lost the restartPolicy that it was applied with",
		Severity: checks.Warning,
		Category: checks.Pods,
		Needs:    []facts.Kind{facts.Pods},
		Uses:     []facts.Kind{facts.CustomWorkloads, facts.ReplicaSets, facts.Jobs},
	},
	Run: func(s *scene) checks.Outcome {
		o := checks.Outcome{Tried: fmt.Sprintf("%s, %s", prose.Counted(len(s.CustomWorkloads), "custom resource"), prose.Counted(len(s.Pods), "pod"))}
		for i := range s.CustomWorkloads {
			w := &s.CustomWorkloads[i]
			lost := slices.DeleteFunc(slices.Clone(w.Applied), func(name string) bool {
				return slices.ContainsFunc(w.Template.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name && facts.RestartsAlways(&c) })
			})
			if len(lost) > 0 {
				o.Findings = append(o.Findings, prunedFinding(w, lost))
			}
		}
		o.Missing = unseenCustom(s)
		return o
	},
}

// unseenCustom are the owners of waiting pods that are of a custom kind and were not seen.
func unseenCustom(s *scene) []facts.Gap {
	var out []facts.Gap
	for _, p := range s.subjects() {
		m := p.target()
		if c, _ := p.server(); c == nil || !m.custom || m.template != nil {
			continue
		}
		out = append(out, facts.Gap{
			Kind: facts.CustomWorkloads, Scope: podScope(p),
			Reason: fmt.Sprintf("whether %s %s has lost a restartPolicy is not known: it was not seen", m.resource, m.Name),
			Remedy: facts.HowToGet(facts.CustomWorkloads),
		})
	}
	return out
}

func prunedFinding(w *facts.CustomWorkload, lost []string) checks.Finding {
	group, _, _ := strings.Cut(w.APIVersion, "/")
	f := checks.Finding{
		Object:  checks.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name},
		Message: fmt.Sprintf("restartPolicy: Always of %s was applied and is not in the stored object: the schema of the CRD for %s.%s does not have the field, and the API server prunes it", strings.Join(lost, ", "), w.Kind, group),
		Evidence: []string{
			fmt.Sprintf("%s was applied with restartPolicy: Always of %s (annotation %s)", w.Name, strings.Join(lost, ", "), facts.LastAppliedAnnotation),
			fmt.Sprintf("%s.spec.initContainers[name=%q].restartPolicy is absent", w.Path, lost[0]),
		},
	}
	f.Fix = "Update the CRD to one whose schema has initContainers[].restartPolicy (Helm does not update CRDs by itself), then apply the object again. To see whether it has:\n\n" +
		prose.Indent(prose.Shell("kubectl explain %s --api-version %s", strings.ToLower(w.Kind)+"."+w.Path+".spec.initContainers.restartPolicy", w.APIVersion))
	plural, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(w.APIVersion, w.Kind))
	if k, ok := known.CRDByName(plural.GroupResource().String()); ok {
		f.Fix = fmt.Sprintf("The CRD of %s has it since %s. %s", k.Software, k.Fixed, f.Fix)
	}
	return f
}
