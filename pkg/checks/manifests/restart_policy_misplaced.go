package manifests

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// Versions of the field on other containers than native sidecars (feature gate ContainerRestartRules, KEP-5307).
const (
	// restartRulesMinor is the first version that knows it, and drops it by default; restartRulesOnMinor has it on.
	restartRulesMinor   = 34
	restartRulesOnMinor = 35
)

var restartPolicyMisplaced = podCheck(checks.Check{
	ID:       "restart-policy-misplaced",
	Title:    "restartPolicy: Always is on init containers, where it makes a native sidecar",
	Severity: checks.Error,
	Uses:     versions,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.all() {
		if message := p.misplaced(c); message != "" {
			out = append(out, p.finding(c, p.at(c, "restartPolicy"), message,
				[]string{c.field(fmt.Sprintf("restartPolicy: %s", *c.RestartPolicy))}, p.misplacedSteps(c)...))
		}
	}
	return out
})

var restartPolicies = []corev1.ContainerRestartPolicy{corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyOnFailure, corev1.ContainerRestartPolicyNever}

func (p *pod) misplaced(c *container) string {
	if c.RestartPolicy == nil || c.native() {
		return ""
	}
	policy, minor := *c.RestartPolicy, p.server.minor
	what := "container " + c.Name
	if c.init {
		what = "init container " + c.Name
	}
	said := fmt.Sprintf("restartPolicy: %s of %s", policy, what)
	makesNone := " makes no native sidecar"
	switch {
	case !slices.Contains(restartPolicies, policy):
		return said + " is none that there is: the API server rejects it"
	case policy != corev1.ContainerRestartPolicyAlways && minor >= restartRulesOnMinor:
		return "" // a restart rule, and meant as one
	case minor < restartRulesMinor:
		return said + makesNone + ": the API server rejects it"
	case minor < restartRulesOnMinor:
		return said + makesNone + ": the API server drops it"
	case p.Completes():
		return said + makesNone + ": the kubelet starts it again whenever it exits, and the pod never completes"
	}
	return said + makesNone + ": it is started beside the others and stopped with them"
}

func (p *pod) misplacedSteps(c *container) []checks.Step {
	if c.init {
		return []checks.Step{write("If it is to run as long as the pod, write:", "restartPolicy: Always"), do("Otherwise remove the field: an init container runs once.")}
	}
	if len(p.mains) == 1 {
		return []checks.Step{do("Remove the field. %s is the only regular container: the restartPolicy of the pod is what counts.", c.Name)}
	}
	return []checks.Step{
		do("If %s is a sidecar, move it with the field to initContainers, which needs Kubernetes %s or later. Otherwise remove the field.", c.Name, gate.Release(gate.FirstMinor+1)),
	}
}
