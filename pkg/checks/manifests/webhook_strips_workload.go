package manifests

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// AdmissionKinds are what is asked of a cluster about a workload with native sidecars: canaries of it show what webhooks do.
var AdmissionKinds = []facts.Kind{facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries}

// WithNatives are the workloads that have native sidecars, each with the namespace that it goes to.
func (in Input) WithNatives() []*workload.Workload {
	var out []*workload.Workload
	for _, w := range in.Workloads() {
		if slices.ContainsFunc(w.Spec().InitContainers, func(c corev1.Container) bool { return facts.RestartsAlways(&c) }) {
			named := *w
			if named.Namespace == "" {
				named.Namespace = in.Namespace
			}
			out = append(out, &named)
		}
	}
	return out
}

// What webhooks do no manifest tells. Without a cluster nothing is asked, and nothing said.
var webhookStripsWorkload = rule{Rule: checks.Rule[*scene]{
	Check: checks.Check{
		ID:       "webhook-strips-workload",
		Title:    "webhooks of the cluster keep restartPolicy of the workload's native sidecars",
		Severity: checks.Error,
		Category: checks.Manifests,
		Needs:    []facts.Kind{facts.Workloads},
		Uses:     []facts.Kind{facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries},
	},
	Run: func(s *scene) checks.Outcome {
		if s.view == nil {
			return checks.Outcome{Tried: "no cluster was asked"}
		}
		var out checks.Outcome
		tried, all := 0, 0
		for _, p := range s.pods {
			if len(p.natives) == 0 {
				continue
			}
			all++
			trial := s.admission(p)
			switch trial.Keeping {
			case cluster.Keeps:
				tried++
			case cluster.Loses:
				tried++
				out.Findings = append(out.Findings, p.stripped(trial))
			default:
				out.Missing = append(out.Missing, p.untried(s, trial))
			}
		}
		out.Tried = prose.Of(tried, all, "workload") + " with native sidecars"
		return out
	},
}}

// admission is what the cluster does to the pods of a template, and to its own object.
func (s *scene) admission(p *pod) cluster.Trial {
	out := s.view.AdmissionOf(s.nameOf(p), p.Kind)
	if out.Keeping == cluster.Keeps && !p.Is(p.Kind) && s.seesCustom(p.Group()) {
		return cluster.Trial{Keeping: cluster.Untold, Why: "a webhook sees custom resources, and a " + p.Kind + " was not created"}
	}
	return out
}

// seesCustom reports whether a webhook or policy is called for custom resources of a group.
func (s *scene) seesCustom(group string) bool {
	for _, w := range s.Cluster.MutatingWebhooks {
		for i := range w.Webhooks {
			if slices.ContainsFunc(w.Webhooks[i].Rules, func(r admissionregistrationv1.RuleWithOperations) bool {
				return slices.Contains(r.APIGroups, "*") || slices.Contains(r.APIGroups, group)
			}) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.Cluster.MutatingPolicies, func(m facts.MutatingPolicy) bool { return slices.Contains(m.MatchesTemplates, facts.CustomResources) })
}

func (s *scene) namespaceOf(p *pod) string {
	if p.Namespace == "" {
		return s.Namespace
	}
	return p.Namespace
}

// nameOf is the name under which the workload was tried.
func (s *scene) nameOf(p *pod) string {
	named := *p.Workload
	named.Namespace = s.namespaceOf(p)
	return named.String()
}

// A doing is what admission does that makes a change: in a message, with what it means for a sidecar, and in the checks
// of doctor that find it.
type doing struct{ does, means, checks string }

var doings = map[facts.ChangeKind]doing{
	facts.Stripped: {"strips restartPolicy of init containers", "the pod waits forever for %s to exit", "webhook-strips-restart-policy,template-strips-restart-policy"},
	facts.Moved:    {"changes restartPolicy of init containers, or their order", "%s does not run as the manifest says", "webhook-moves-restart-policy,template-strips-restart-policy"},
	facts.Removed:  {"removes init containers, or makes regular ones of them", "%s is no sidecar that starts first and ends last", "webhook-removes-sidecar,template-strips-restart-policy"},
}

func (p *pod) stripped(trial cluster.Trial) checks.Finding {
	c := p.natives[0]
	if i := slices.IndexFunc(p.natives, func(c *container) bool { return c.Name == trial.Container }); i >= 0 {
		c = p.natives[i]
	}
	who := "admission"
	if len(trial.Culprits) > 0 {
		who = prose.List(trial.Culprits, "or")
	}
	d := doings[trial.Change]
	return p.finding(c, p.at(c, "restartPolicy"),
		fmt.Sprintf("%s %s: "+d.means, who, d.does, c.Name),
		append([]string{c.field("restartPolicy: Always")}, trial.Evidence...),
		checks.Step{Text: "Update the webhook, or keep it away from this workload. Who does it and what helps:", Command: "kubectl sidecar doctor --checks " + d.checks})
}

func (p *pod) untried(s *scene, trial cluster.Trial) facts.Gap {
	namespace, why, remedy := s.namespaceOf(p), trial.Why, trial.Remedy
	if why == "" {
		why = "no canary of it was tried"
		if !slices.ContainsFunc(s.Cluster.Namespaces, func(ns corev1.Namespace) bool { return ns.Name == namespace }) {
			why = "namespace " + namespace + " was not found"
		}
	}
	if remedy.Text == "" {
		remedy = facts.Do("have the API server admit it:", "kubectl create --dry-run=server -o yaml -f FILE")
	}
	return facts.NewGap(facts.Canaries, facts.Instance{Kind: p.Kind, Namespace: namespace, Name: p.Name},
		"whether webhooks keep its native sidecars is not known: "+why, remedy)
}
