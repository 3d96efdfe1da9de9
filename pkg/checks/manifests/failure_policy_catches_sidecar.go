package manifests

import (
	"encoding/json"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// stopCodes are what a sidecar exits with when the kubelet stops it: by SIGKILL and by SIGTERM.
var stopCodes = []int32{137, 143}

// A rule of a podFailurePolicy that names no container also looks at the exit codes of init containers
// (pkg/controller/job/pod_failure_policy.go, matchOnExitCodes), and so at those of a sidecar that was stopped.
var failurePolicyCatchesSidecar = podCheck(checks.Check{
	ID:       "failure-policy-catches-sidecar",
	Title:    "rules of podFailurePolicy do not match the exit code of a sidecar that was stopped",
	Severity: checks.Warning,
}, func(p *pod) []checks.Finding {
	policy, way := p.failurePolicy()
	if policy == nil {
		return nil
	}
	var out []checks.Finding
	for i, r := range policy.Rules {
		for _, c := range p.natives {
			caught := caughtBy(r.OnExitCodes, c.Name)
			if len(caught) == 0 {
				continue
			}
			place := placeOf(p.AtObject(slices.Concat(way, []string{"rules", number(i), "onExitCodes"})...))
			out = append(out, p.finding(c, place,
				fmt.Sprintf("podFailurePolicy.rules[%d] (%s) also matches exit code %s of %s, which the kubelet stops when the pod fails", i, r.Action, prose.List(caught, "or"), c.Name),
				[]string{fmt.Sprintf("podFailurePolicy.rules[%d].onExitCodes: operator %s, values %v, containerName %s", i, r.OnExitCodes.Operator, r.OnExitCodes.Values, "not set"), c.field("restartPolicy: Always")},
				write("Name the container that does the work in the rule:", "containerName: "+p.mains[0].Name)))
		}
	}
	return out
})

// failurePolicy is the policy of the Job that a workload is or makes, with the keys that lead to it.
func (p *pod) failurePolicy() (*batchv1.PodFailurePolicy, []string) {
	if !p.Is("Job", "CronJob") || p.Object == nil || len(p.mains) == 0 {
		return nil, nil
	}
	var at any = p.Object
	way := append(slices.Clone(p.Way[:len(p.Way)-2]), "podFailurePolicy") // without template.spec
	for _, key := range way {
		fields, _ := at.(map[string]any)
		at = fields[key]
	}
	var out batchv1.PodFailurePolicy
	text, err := json.Marshal(at)
	if at == nil || err != nil || json.Unmarshal(text, &out) != nil {
		return nil, nil
	}
	return &out, way
}

// caughtBy are the exit codes of a container that was stopped which a requirement matches.
func caughtBy(on *batchv1.PodFailurePolicyOnExitCodesRequirement, name string) []string {
	if on == nil || on.ContainerName != nil {
		return nil // a rule that names the sidecar means it
	}
	var out []string
	for _, code := range stopCodes {
		if slices.Contains(on.Values, code) == (on.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
			out = append(out, fmt.Sprint(code))
		}
	}
	return out
}

