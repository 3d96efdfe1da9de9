package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// makesPods are the kinds whose controllers create pods, and Deployments, which have no events of that.
var makesPods = []facts.Kind{facts.Deployments, facts.ReplicaSets, facts.StatefulSets, facts.DaemonSets, facts.Jobs}

var podRefused = rule{
	Check: checks.Check{
		ID:       "pod-refused",
		Title:    "every owner's pods are admitted",
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
			who, steps := refuser(cause, name, r)
			steps = slices.Concat(s.allowedSteps(r), steps)
			o.Findings = append(o.Findings, checks.Finding{
				Object:   s.topOf(r.maker.Object),
				Message:  fmt.Sprintf("%s: %s: %s", r.lead(), who, prose.Clause(r.words())),
				Evidence: slices.Concat(r.evidence, sidecarShare(r.maker)),
				Steps:    steps,
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

// refuser says who rejects a pod, as the beginning of a sentence, and what to do about it.
func refuser(cause facts.Cause, name string, r refusal) (who string, steps []checks.Step) {
	const configurations = "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml | grep "
	step := func(text, command string) []checks.Step { return []checks.Step{{Text: text, Command: command}} }
	switch cause {
	case facts.CauseDenied:
		return "admission webhook " + name + " denies it",
			step("Change the pod template so the webhook admits it, or ask its owner. See who it belongs to:", configurations+"-B 30 "+prose.Word("name: "+name))
	case facts.CauseFailed, facts.CauseNoDryRun, facts.CausePatch, facts.CauseExpression:
		if name == "" {
			name = "(its name is not in the message)"
		}
		return "admission webhook " + name + " fails",
			step("Repair the webhook: does its Service exist, do its pods run, is its certificate valid?", configurations+"-A 20 "+prose.Word("name: "+name))
	case facts.CausePolicy:
		return "admission policy " + name + " denies it",
			step("Change the pod template so the policy admits it:", prose.Shell("kubectl get validatingadmissionpolicy %s -o yaml", name))
	case facts.CauseAccess:
		return "the API server rejects it", step("Allow the controller's service account, or the user who runs it, to create pods there.", "")
	case facts.CauseNamespace:
		if strings.Contains(r.Message, "violates PodSecurity") {
			return "Pod Security of namespace " + r.maker.Namespace + " denies it",
				step("Set what the message lists in the securityContext of the containers, native sidecars included. See which level the namespace has:",
					prose.Shell("kubectl get namespace %s -o jsonpath='{.metadata.labels}'", r.maker.Namespace))
		}
		if strings.Contains(r.Message, "must specify ") {
			return "a quota of namespace " + r.maker.Namespace + " rejects containers without requests or limits",
				step("Set what the message lists on the containers that it names: in the template, or in the settings of the injector that adds them. A LimitRange with defaults does it for all containers of the namespace. See the quota, and what there is:",
					prose.Shell("kubectl describe resourcequota,limitrange -n %s", r.maker.Namespace))
		}
		return "namespace " + r.maker.Namespace + " does not allow it",
			step("See its limits, and what is used of them. The requests and limits of native sidecars count in full:",
				prose.Shell("kubectl describe resourcequota,limitrange,serviceaccount -n %s", r.maker.Namespace))
	}
	if strings.Contains(r.Message, notInit) {
		return "the API server rejects it",
			step("Move the container to initContainers. There restartPolicy: Always makes a native sidecar; on a regular container it is not allowed before 1.34, and makes none later:",
				prose.Shell("kubectl edit %s %s -n %s", r.maker.resource, r.maker.Name, r.maker.Namespace))
	}
	return "the API server rejects it",
		step("Change the pod template as the message says:", prose.Shell("kubectl edit %s %s -n %s", r.maker.resource, r.maker.Name, r.maker.Namespace))
}

// notInit is what the API server says of a regular container with a restartPolicy, before 1.34.
const notInit = "may not be set for non-init containers"

// sidecarShare is what the native sidecars of a template request, as evidence.
func sidecarShare(m maker) []string {
	if m.template == nil || len(alwaysOf(m)) == 0 {
		return nil
	}
	if text := requests(&corev1.Pod{Spec: m.template.Spec}); text != "" {
		return []string{"requests of the template: " + text}
	}
	return nil
}
