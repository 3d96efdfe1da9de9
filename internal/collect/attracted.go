package collect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// attracted are classes for the webhooks and policies that no canary would meet, because no template and no pod
// of the cluster has the labels or annotations that they ask for: the canary has them. Where it is not known what
// they ask for, that is a gap.
func (c *collector) attracted(chain *admission.Chain, namespaces []corev1.Namespace, all []class) []class {
	met := map[string]bool{}
	for i := range all {
		for _, name := range append(slices.Clone(all[i].fact.Policies), all[i].fact.Webhooks...) {
			met[name] = true
		}
	}
	var out []class
	for _, name := range chain.Names() {
		if met[name] {
			continue
		}
		pod, selectable := attract(chain, chain.Kinds(namespaces), name)
		switch {
		case pod != nil:
			out = append(out, attractedBy(chain, namespaces, name, pod)...)
		case selectable:
			c.gap(facts.Canaries, actorInstance(name), "no canary met it: no pod template, no running pod and no plain pod is what its conditions ask for",
				facts.Do("look for restartPolicy in a pod of your own that it is meant for:", "kubectl create --dry-run=server -o yaml -f POD"))
		}
	}
	return out
}

// attractTries is in how many kinds of namespaces a pod is looked for.
const attractTries = 5

// attract is a pod that meets a webhook or policy in one of the namespaces; nil where none was found, and then
// selectable is whether there are any.
func attract(chain *admission.Chain, kinds []*corev1.Namespace, name string) (pod *corev1.Pod, selectable bool) {
	tried := 0
	for _, ns := range kinds {
		pod, could, ok := chain.Attract(name, ns)
		if ok {
			return pod, true
		}
		if could {
			tried++
		}
		if tried == attractTries {
			break
		}
	}
	return nil, tried > 0
}

// attractedBy are the classes of namespaces where a pod meets a webhook or policy, by its name in [class.met].
func attractedBy(chain *admission.Chain, namespaces []corev1.Namespace, name string, pod *corev1.Pod) []class {
	canary := func(namespace string) *corev1.Pod {
		copied := pod.DeepCopy()
		copied.Namespace = namespace
		return copied
	}
	out := variantsOf(chain, namespaces, facts.Class{Variant: "with " + differences(pod)}, canary)
	return slices.DeleteFunc(out, func(c class) bool {
		return !slices.Contains(c.met(), name)
	})
}

// differences are the labels and annotations that a plain canary has not.
func differences(pod *corev1.Pod) string {
	plain := admission.Canary("")
	var out []string
	for _, m := range []struct {
		what     string
		has, not map[string]string
	}{{"label", pod.Labels, plain.Labels}, {"annotation", pod.Annotations, plain.Annotations}} {
		for _, k := range slices.Sorted(maps.Keys(m.has)) {
			if m.not[k] != m.has[k] {
				out = append(out, fmt.Sprintf("the %s %s=%s", m.what, k, m.has[k]))
			}
		}
	}
	if len(out) == 0 {
		return "nothing special"
	}
	return strings.Join(out, " and ")
}

// actorInstance is a webhook or a policy by its name in the chain.
func actorInstance(name string) facts.Instance {
	configuration, webhook, ok := strings.Cut(name, "/")
	if !ok {
		return facts.Instance{Kind: "MutatingAdmissionPolicy", Name: name}
	}
	return facts.Instance{Kind: facts.KindMutatingWebhook, Configuration: configuration, Name: webhook}
}
