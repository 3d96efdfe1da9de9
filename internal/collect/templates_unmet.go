package collect

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// unmetByTemplates records who may be called for workloads, but is called for none of those that are tried: what their
// selectors or match conditions ask for is in no template of the cluster, and not in one of ours.
func (c *collector) unmetByTemplates(chain *admission.Chain, namespaces []corev1.Namespace, all []workload) {
	var names []string
	kinds := map[string][]string{}
	note := func(resource, kind string, target admission.Target, plain map[string]any) {
		met := map[string]bool{}
		for i := range all {
			if all[i].fact.Resource != resource {
				continue
			}
			class := &all[i].fact.Class
			for _, name := range slices.Concat(class.Webhooks, class.Policies) {
				met[name] = true
			}
			for _, v := range class.Validating {
				met[v.Called] = true
			}
		}
		for _, name := range chain.Unmet(namespaces, target, &unstructured.Unstructured{Object: plain}, met) {
			if kinds[name] == nil {
				names = append(names, name)
			}
			kinds[name] = append(kinds[name], kind+"s")
		}
	}
	for _, k := range facts.TemplateKinds {
		note(k.String(), k.Kind, templateTarget(k), plainWorkload(k))
	}
	for _, k := range c.customKinds {
		if plain, places := plainCustom(k); k.namespaced && len(places) > 0 {
			note(k.resource+"."+k.group, k.kind, k.target(), plain)
		}
	}
	for _, name := range names {
		about := facts.Instance{Kind: "Workload", Name: name, Part: facts.PartWorkload}
		c.gap(facts.Canaries, about, fmt.Sprintf("%s is called for %s with what its selectors or match conditions ask for, and no template that was tried has that",
			name, strings.Join(kinds[name], ", ")),
			facts.Do("look at what it asks for, and create one like it:", "kubectl create --dry-run=server -o yaml -f FILE"))
	}
}
