package checks

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// thievesNeed is what tells who took a restartPolicy away.
var thievesNeed = []facts.Kind{facts.APIServers, facts.ControlPlane, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries}

// A thief is who took a restartPolicy away, as far as that is known.
type thief struct {
	name     string
	evidence []string
	because  []string
	fix      string
}

// thieves says who took the field from pods of a namespace: the API server itself when its gate is
// off, else a webhook or policy that was caught with a canary, else those who could have.
func (s *scene) thieves(namespace string, l loss) thief {
	// An API server whose gate is off drops the field from everything that it creates. A ReplicaSet
	// or Job that has it was created by one that keeps it.
	f := apiServers(s.Snapshot)
	if off := having(f.seen, GateOff, GateUnsupported); len(off) > 0 {
		p := off[0]
		t := thief{name: "the API server, whose SidecarContainers gate is off", because: []string{apiserverGateOff.ID}, fix: gateFix(apiServer, p, s.Server)}
		if p.gate == GateUnsupported {
			t = thief{name: "the API server, which does not know the field", because: []string{apiserverTooOld.ID}, fix: upgradeFix(p, s.Server)}
		}
		for _, line := range p.evidence {
			t.evidence = append(t.evidence, p.object.Name+": "+line)
		}
		return t
	}
	all := trials(s.Snapshot)
	var there []trial
	for _, t := range all {
		if slices.Contains(t.class.Namespaces, namespace) {
			there = append(there, t)
		}
	}
	if len(there) == 0 {
		return s.unknownThief(l)
	}
	// The canary of the namespace comes first. Where it came through, one with the labels, annotations
	// and service account of pods there may not have.
	tells := max(0, slices.IndexFunc(there, func(t trial) bool { return len(changesOf(t, facts.Stripped)) > 0 }))
	return caught(there[tells], all, l)
}

// caught is what the canary of the namespace's class shows.
func caught(t trial, all []trial, l loss) thief {
	if t.canary == nil {
		return thief{name: "one of those who are called for pods there", evidence: []string{"called there: " + strings.Join(t.actors(), ", ")}, fix: thiefFix("it")}
	}
	var evidence []string
	for _, c := range changesOf(t, facts.Stripped) {
		like := ""
		if t.class.Shape != nil {
			like = " like " + t.examples()
		}
		evidence = append(evidence, "canary"+like+" in namespace "+t.canary.Namespace+" (dry run): "+c.Detail)
	}
	accused := t.accused(facts.Stripped)
	switch {
	case len(evidence) == 0 && t.canary.Returned != nil:
		names := strings.Join(t.actors(), ", ")
		return thief{
			name:     "a webhook or policy that leaves other pods alone",
			evidence: []string{"a canary in namespace " + t.canary.Namespace + " (dry run) kept the field: who took it looks at labels, annotations or owners, or does not do it any more", "called there: " + orNone(names)},
			fix:      thiefFix("it"),
		}
	case len(accused) == 0:
		return thief{name: "an admission webhook or policy", evidence: append(evidence, t.doubt(all)...), because: []string{webhookStripsRestartPolicy.ID}, fix: thiefFix("it")}
	}
	for _, a := range accused {
		evidence = append(evidence, a.name+": "+strings.Join(a.proof, "; "))
	}
	return thief{name: "webhook or policy " + accused[0].name, evidence: evidence, because: []string{webhookStripsRestartPolicy.ID}, fix: thiefFix(accused[0].name)}
}

// unknownThief names those who could have done it, from what is known without a canary: who can reach
// the object that lost the field.
func (s *scene) unknownThief(l loss) thief {
	doctor := "Find out who did it:\n\n" + indent("kubectl sidecar doctor --checks webhook-strips-restart-policy,apiserver-gate-off")
	if l.kept == "" && !strings.HasPrefix(l.lost, "pod ") {
		kind, _, _ := strings.Cut(l.lost, " ")
		return thief{
			name:     "an API server whose SidecarContainers gate is off, or a webhook or policy on " + kind + "s",
			evidence: []string{"the " + kind + " itself lost the field: webhooks that see pods only did not do it"},
			fix:      paragraphs(doctor, "Turn the gate on (kubectl sidecar explain apiserver-gate-off), or update the webhook (kubectl sidecar explain webhook-strips-restart-policy)."),
		}
	}
	t := thief{name: "an admission webhook, an admission policy, or an API server whose gate is off", fix: paragraphs(doctor, thiefFix("it"))}
	if l.injected {
		t.name = "an admission webhook or policy that comes after the injector, or an API server whose gate is off"
	}
	if strings.HasPrefix(l.lost, "pod") && l.kept != "" {
		t.name = "an admission webhook or policy on pods"
		t.evidence = append(t.evidence, l.kept+" kept the field, which an API server with the gate off would have dropped there too, unless several API servers differ")
	}
	if names := s.podWebhooks(); len(names) > 0 {
		t.evidence = append(t.evidence, "mutating webhooks for pods: "+strings.Join(names, ", ")+" (not all need be called in this namespace)")
	}
	return t
}

// podWebhooks are the mutating webhooks that are called for the creation of pods, as
// "configuration/webhook".
func (s *scene) podWebhooks() []string {
	var out []string
	for _, c := range s.MutatingWebhooks {
		for _, w := range c.Webhooks {
			for _, r := range w.Rules {
				if slices.ContainsFunc(r.Resources, func(name string) bool { return name == "pods" || name == "*" || name == "*/*" }) {
					name := c.Name + "/" + w.Name
					if text := metav1.FormatLabelSelector(w.NamespaceSelector); w.NamespaceSelector != nil && text != "<none>" {
						name += fmt.Sprintf(" (namespaces with %s)", text)
					}
					out = addOnce(out, name)
				}
			}
		}
	}
	return out
}

func thiefFix(name string) string {
	return "Update " + name + " to a version built with k8s.io/api 0.28 or newer; until then keep it away from these pods by its objectSelector or namespaceSelector (kubectl sidecar explain webhook-strips-restart-policy)."
}
