package cluster

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// StripperNeeds is what tells what stripped a restartPolicy.
var StripperNeeds = []facts.Kind{facts.APIServers, facts.ControlPlane, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries}

// A Stripper is what stripped a restartPolicy, as far as that is known.
type Stripper struct {
	// Name is how a sentence names it: "webhook or policy mesh/inject.example.com".
	Name     string
	Evidence []string
	// Because are the ids of the checks that find it on the cluster.
	Because []string
	Steps   []checks.Step
}

// Stripper is what strips the field from pods of a namespace: the API server itself when its gate is off,
// else the webhook or policy that a canary shows. It is false where neither is known.
func (v View) Stripper(namespace string) (Stripper, bool) {
	// An API server whose gate is off drops the field from everything that it creates. A ReplicaSet
	// or Job that has it was created by one that keeps it.
	if off := Having(v.s.apiServers.Seen, gate.Off, gate.Unsupported); len(off) > 0 {
		return v.serverStrips(off[0]), true
	}
	var there []admissionRun
	for _, t := range v.s.runs {
		if slices.Contains(t.class.Namespaces, namespace) {
			there = append(there, t)
		}
	}
	if len(there) == 0 {
		return Stripper{}, false
	}
	// The canary of the namespace comes first. Where that kept the field, one with the labels, annotations
	// and service account of pods there can have lost it.
	tells := max(0, slices.IndexFunc(there, func(t admissionRun) bool { return len(changesOf(t, facts.Stripped)) > 0 }))
	return there[tells].stripper(v.s.runs), true
}

// serverStrips is an API server that drops the field from everything that it creates.
func (v View) serverStrips(p Process) Stripper {
	out := Stripper{
		Name:    "the API server, whose SidecarContainers gate is off",
		Because: []string{checks.APIServerGateOff}, Steps: GateFix(APIServer, p, v.s.Server),
	}
	if p.Gate == gate.Unsupported {
		out = Stripper{
			Name:    "the API server, which does not know the field",
			Because: []string{checks.APIServerTooOld}, Steps: upgradeFix(p, v.s.Server),
		}
	}
	for _, line := range p.Evidence {
		out.Evidence = append(out.Evidence, p.Object.Name+": "+line)
	}
	return out
}

// stripper is what the canary of the namespace's class shows.
func (t admissionRun) stripper(all []admissionRun) Stripper {
	if t.canary == nil {
		return Stripper{Name: "one of those that are called for pods there", Evidence: []string{"called there: " + strings.Join(t.actors(), ", ")}, Steps: StripperFix("it")}
	}
	var evidence []string
	for _, c := range changesOf(t, facts.Stripped) {
		like := ""
		if t.class.Shape != nil {
			like = " like " + t.examples()
		}
		evidence = append(evidence, "canary"+like+" in namespace "+t.canary.Namespace+" (dry run): "+c.Detail)
	}
	found := t.culprits(facts.Stripped)
	switch {
	case len(evidence) == 0 && t.canary.Returned != nil:
		names := strings.Join(t.actors(), ", ")
		return Stripper{
			Name:     "a webhook or policy that leaves other pods alone",
			Evidence: []string{"a canary in namespace " + t.canary.Namespace + " (dry run) kept the field: what stripped it looks at labels, annotations or owners, or no longer does it", "called there: " + prose.OrNone(names)},
			Steps:    StripperFix("it"),
		}
	case len(found) == 0:
		return Stripper{Name: "an admission webhook or policy", Evidence: append(evidence, t.doubtAbout(facts.Stripped, all)...), Because: []string{webhookStripsRestartPolicy.ID}, Steps: StripperFix("it")}
	}
	for _, c := range found {
		evidence = append(evidence, c.name+": "+strings.Join(c.proof, "; "))
	}
	return Stripper{Name: "webhook or policy " + found[0].name, Evidence: evidence, Because: []string{webhookStripsRestartPolicy.ID}, Steps: StripperFix(found[0].name)}
}

// Unanswered are the gaps of the canaries of namespaces that were to tell what strips the field, and were refused.
func (v View) Unanswered(namespaces []string) []facts.Gap {
	var out []facts.Gap
	for _, t := range v.s.runs {
		about := slices.ContainsFunc(namespaces, func(n string) bool { return slices.Contains(t.class.Namespaces, n) })
		if about && t.canary != nil && t.canary.Returned == nil && !showsStripping(t) {
			out = append(out, t.gap())
		}
	}
	return out
}

// StripperFix is what to do about a webhook that strips the field.
func StripperFix(name string) []checks.Step {
	return []checks.Step{
		{Text: "Update " + name + " to a version built with k8s.io/api 0.28 or newer. Until then keep it away from these pods by its objectSelector or namespaceSelector. How:", Command: "kubectl sidecar explain webhook-strips-restart-policy"},
	}
}
