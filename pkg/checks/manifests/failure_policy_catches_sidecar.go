package manifests

import (
	"encoding/json"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

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
	for _, c := range p.natives {
		i, codes := software.CatchesStop(policy, c.Name)
		if i < 0 {
			continue
		}
		var caught []string
		for _, code := range codes {
			caught = append(caught, fmt.Sprint(code))
		}
		r := policy.Rules[i]
		of := "not set"
		if r.OnExitCodes.ContainerName != nil {
			of = *r.OnExitCodes.ContainerName
		}
		place := placeOf(p.AtObject(slices.Concat(way, []string{"rules", number(i), "onExitCodes"})...))
		out = append(out, p.finding(c, place,
			fmt.Sprintf("podFailurePolicy.rules[%d] (%s) also matches exit code %s of %s, which the kubelet stops when the pod fails", i, r.Action, prose.List(caught, "or"), c.Name),
			[]string{fmt.Sprintf("podFailurePolicy.rules[%d].onExitCodes: operator %s, values %v, containerName %s", i, r.OnExitCodes.Operator, r.OnExitCodes.Values, of), c.field("restartPolicy: Always")},
			write("Name the container that does the work in the rule:", "containerName: "+p.mains[0].Name)))
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
