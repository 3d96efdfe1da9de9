package pods

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// makesPods are the kinds whose controllers create pods, and Deployments, which have no events of that.
var makesPods = []facts.Kind{facts.Deployments, facts.ReplicaSets, facts.StatefulSets, facts.DaemonSets, facts.Jobs}

var podRefused = rule{
	Check: checks.Check{
		ID:       "pod-refused",
		Title:    "the pods of every owner are accepted",
		Severity: checks.Error,
		Category: checks.Pods,
		Needs:    []facts.Kind{facts.Pods},
		Uses:     slices.Concat(witnessed, makesPods),
	},
	Run: func(s *scene) checks.Outcome {
		o := checks.Outcome{Tried: fmt.Sprintf("%s, %s", prose.Counted(len(s.makers), "owner"), prose.Counted(len(s.Pods), "pod"))}
		for _, r := range s.refusals() {
			cause, name := r.Cause()
			if cause == facts.CauseStripped {
				continue
			}
			who, fix := refuser(cause, name, r)
			o.Findings = append(o.Findings, checks.Finding{
				Object:   s.topOf(r.maker.Object),
				Message:  fmt.Sprintf("%s: %s refuses it: %s", r.lead(), who, prose.Clause(r.words())),
				Evidence: slices.Concat(r.evidence, sidecarShare(r.maker)),
				Fix:      fix,
			})
		}
		return o
	},
}

// words is the refusal without what the controller puts before it.
func (r refusal) words() string {
	_, text, found := strings.Cut(r.OneLine(), "Error creating: ")
	if !found {
		_, text, found = strings.Cut(r.OneLine(), "failed error: ")
	}
	if !found {
		return r.OneLine()
	}
	return text
}

// refuser says who refuses a pod and what to do about it.
func refuser(cause facts.Cause, name string, r refusal) (who, fix string) {
	switch cause {
	case facts.CauseDenied:
		return "admission webhook " + name, "Change the pod template so that the webhook accepts it, or ask its owner; see who it belongs to:\n\n" +
			prose.Indent("kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml | grep -B 30 "+prose.Word("name: "+name))
	case facts.CauseFailed, facts.CauseNoDryRun, facts.CausePatch, facts.CauseExpression:
		if name == "" {
			name = "(its name is not in the message)"
		}
		return "admission webhook " + name + ", which fails,", "Repair the webhook: is its Service there, do its pods run, is its certificate valid?\n\n" +
			prose.Indent("kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml | grep -A 20 "+prose.Word("name: "+name))
	case facts.CausePolicy:
		return "admission policy " + name, "Change the pod template so that the policy accepts it:\n\n" + prose.Indent(prose.Shell("kubectl get validatingadmissionpolicy %s -o yaml", name))
	case facts.CauseAccess:
		return "the API server", "Let the controller's service account create pods there, or the user who runs it."
	case facts.CauseNamespace:
		if strings.Contains(r.Message, "violates PodSecurity") {
			return "Pod Security of namespace " + r.maker.Namespace, "Set what the message lists in the securityContext of the containers, native sidecars included; see which level the namespace has:\n\n" +
				prose.Indent(prose.Shell("kubectl get namespace %s -o jsonpath='{.metadata.labels}'", r.maker.Namespace))
		}
		return "the namespace " + r.maker.Namespace, "See its limits, and what is used of them; the requests and limits of native sidecars count in full:\n\n" +
			prose.Indent(prose.Shell("kubectl describe resourcequota,limitrange,serviceaccount -n %s", r.maker.Namespace))
	}
	return "the API server", "Change the pod template as the message says:\n\n" + prose.Indent(prose.Shell("kubectl edit %s %s -n %s", r.maker.resource, r.maker.Name, r.maker.Namespace))
}

// sidecarShare is what the native sidecars of a template ask for, as evidence.
func sidecarShare(m maker) []string {
	if m.template == nil || len(alwaysOf(m)) == 0 {
		return nil
	}
	p := subject{inits: containers(m.template.Spec.InitContainers, nil, true), mains: containers(m.template.Spec.Containers, nil, false)}
	if text := p.requests(); text != "" {
		return []string{"requests of the template: " + text}
	}
	return nil
}
