package pods

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// stripper says who stripped the field from pods of a namespace: the one that is known, else those who
// could have.
func (s *scene) stripper(namespace string, l loss) cluster.Stripper {
	if found, ok := s.cluster.Stripper(namespace); ok {
		return found
	}
	return s.unknownStripper(l)
}

// unknownStripper names those who could have done it, from what is known without a canary: who can reach
// the object that lost the field.
func (s *scene) unknownStripper(l loss) cluster.Stripper {
	doctor := checks.Step{Text: "Find out who did it:", Command: "kubectl sidecar doctor --checks webhook-strips-restart-policy,apiserver-gate-off"}
	if kind := l.lost.resource; l.kept == "" && kind != "pod" {
		return cluster.Stripper{
			Name:     "an API server whose SidecarContainers gate is off, or a webhook or policy on " + kind + "s",
			Evidence: []string{"the " + kind + " itself lost the field: webhooks that see pods only did not do it"},
			Steps: []checks.Step{doctor, {
				Text:    "Turn the gate on, or update the webhook. How:",
				Command: "kubectl sidecar explain apiserver-gate-off\nkubectl sidecar explain webhook-strips-restart-policy",
			}},
		}
	}
	t := cluster.Stripper{
		Name:  "an admission webhook, an admission policy, or an API server whose gate is off",
		Steps: append([]checks.Step{doctor}, cluster.StripperFix("it")...),
	}
	if l.injected {
		t.Name = "an admission webhook or policy that comes after the injector, or an API server whose gate is off"
		if n := s.lockedNode(); n != nil {
			t.Name = "an admission webhook or policy that comes after the injector"
			t.Evidence = append(t.Evidence, fmt.Sprintf("node %s: %s: an API server is never older than its kubelets, and from 1.33 on it cannot drop the field", n.Name, n.VersionEvidence()))
		}
	}
	if l.lost.resource == "pod" && l.kept != "" {
		t.Name = "an admission webhook or policy on pods"
		t.Evidence = append(t.Evidence, l.kept+" kept the field, which an API server with the gate off would have dropped there too, unless several API servers differ")
	}
	if names := s.podWebhooks(); len(names) > 0 {
		t.Evidence = append(t.Evidence, "mutating webhooks for pods: "+strings.Join(names, ", ")+" (not all of them are necessarily called in this namespace)")
	}
	return t
}

// lockedNode is a node whose kubelet is so new that the gate of every API server is locked on; nil when there is none.
func (s *scene) lockedNode() *cluster.Node {
	list := s.cluster.Nodes()
	for i := range list {
		if v := list[i].Version; list[i].Virtual == "" && v != nil && v.AtLeast(version.MajorMinor(1, 33)) {
			return &list[i]
		}
	}
	return nil
}

// podWebhooks are the mutating webhooks that are called for the creation of pods, as
// "configuration/webhook".
func (s *scene) podWebhooks() []string {
	var out []string
	for _, c := range s.MutatingWebhooks {
		for _, w := range c.Webhooks {
			for _, r := range w.Rules {
				if facts.HasResource(r.Resources, "pods") {
					name := c.Name + "/" + w.Name
					if text := metav1.FormatLabelSelector(w.NamespaceSelector); w.NamespaceSelector != nil && text != "<none>" {
						name += fmt.Sprintf(" (namespaces with %s)", text)
					}
					out = prose.AddOnce(out, name)
				}
			}
		}
	}
	return out
}
