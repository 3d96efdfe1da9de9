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
		Title:    "custom resources keep the restartPolicy they were applied with",
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
		reason := fmt.Sprintf("whether %s %s has lost a restartPolicy is not known: it was not seen", m.resource, m.Name)
		out = append(out, facts.NewGap(facts.CustomWorkloads, p.instance(), reason, facts.HowToGet(facts.CustomWorkloads)))
	}
	return out
}

func prunedFinding(w *facts.CustomWorkload, lost []string) checks.Finding {
	group, _, _ := strings.Cut(w.APIVersion, "/")
	names := strings.Join(lost, ", ")
	update := "Update the CRD to one whose schema has initContainers[].restartPolicy, then apply the object again. " +
		"Helm does not update CRDs on its own. To see whether the schema has it:"
	plural, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(w.APIVersion, w.Kind))
	if k, ok := known.CRDByName(plural.GroupResource().String()); ok {
		update = fmt.Sprintf("The CRD of %s has it since %s. %s", k.Software, k.Fixed, update)
	}
	field := strings.ToLower(w.Kind) + "." + w.Path + ".spec.initContainers.restartPolicy"
	return checks.Finding{
		Object: checks.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name},
		Message: fmt.Sprintf("restartPolicy: Always of %s was applied and is not in the stored object: "+
			"the schema of the CRD for %s.%s does not have the field, so the API server prunes it", names, w.Kind, group),
		Evidence: []string{
			fmt.Sprintf("%s was applied with restartPolicy: Always on %s (annotation %s)", w.Name, names, facts.LastAppliedAnnotation),
			fmt.Sprintf("%s.spec.initContainers[name=%q].restartPolicy is absent", w.Path, lost[0]),
		},
		Steps: []checks.Step{{Text: update, Command: prose.Shell("kubectl explain %s --api-version %s", field, w.APIVersion)}},
	}
}
