package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// schedulerProof is how to see what an invisible scheduler does: only a real pod shows it, a dry run
// is never scheduled. The text is that of pkg/scheduler/framework/plugins/noderesources/fit.go.
var schedulerProof = facts.Do(
	`ask the provider, or try with a real pod. With the gate off it says "Pod has a restartable init container and the SidecarContainers feature is disabled":`,
	`kubectl run sidecar-probe --image=IMAGE --restart=Never --overrides='{"spec":{"initContainers":[{"name":"sidecar","image":"IMAGE","restartPolicy":"Always"}]}}'`,
	`kubectl get pod sidecar-probe -o jsonpath='{.status.conditions[?(@.type=="PodScheduled")].message}'`,
	`kubectl delete pod sidecar-probe`)

// With the gate off the scheduler's NodeResourcesFit plugin rejects every pod with a native sidecar.
var schedulerGateOff = rule{
	Check: checks.Check{
		ID:       "scheduler-gate-off",
		Title:    "the SidecarContainers gate is on in every kube-scheduler",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: gateOff(Scheduler, gate.FirstMinor,
		"the SidecarContainers gate of this kube-scheduler is off: every pod with a native sidecar stays Pending (\"Pod has a restartable init container and the SidecarContainers feature is disabled\")",
		schedulerProof),
}
