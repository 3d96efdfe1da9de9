package report

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// notYet are the checks whose findings say that a cluster does not run native sidecars, or not everywhere.
var notYet = []string{
	"apiserver-gate-off", "apiserver-too-old", checks.KubeletGateOff, "kubelet-too-old", "webhook-strips-restart-policy",
}

// notThisPod are the causes of `why` that mean the same for one pod.
var notThisPod = []string{"kubelet-refuses-sidecars", "restart-policy-stripped", "node-cannot-run-sidecars"}

// meanwhile is what can be done about sidecars until the cluster runs native ones; nil where it does, or that is not
// what is wrong.
func meanwhile(r *Report) []checks.Step {
	if r.Diagnoses != nil {
		return meanwhileFor(r.Diagnoses)
	}
	found := func(id string) bool {
		return slices.ContainsFunc(r.Checks, func(e Entry) bool { return e.ID == id && len(e.Findings) > 0 })
	}
	if !slices.ContainsFunc(notYet, found) {
		return nil
	}
	rejected := found(checks.KubeletGateOff) && !found("apiserver-gate-off") && !found("apiserver-too-old")
	return []checks.Step{{
		Text:    "Until native sidecars run, sidecar-run can order the start and the end of sidecars that are ordinary containers. What to choose, and the change of a manifest:",
		Command: explainNotReady + "\nkubectl sidecar convert -f FILE --strategy " + strategy(rejected),
	}}
}

const explainNotReady = "kubectl sidecar explain not-ready"

// strategy is the one to begin with: kubelets with the gate off reject universal sidecars where API servers keep the field.
func strategy(rejected bool) string {
	if rejected {
		return "wrapper"
	}
	return "universal"
}

// meanwhileFor is the same for what `why` has found.
func meanwhileFor(list []pods.Diagnosis) []checks.Step {
	i := slices.IndexFunc(list, func(d pods.Diagnosis) bool { return slices.Contains(notThisPod, d.RootCause) })
	if i < 0 {
		return nil
	}
	d := list[i]
	name, named := "the sidecar", ""
	if d.Container != "" {
		name, named = d.Container, prose.Shell(" -c %s", d.Container)
	}
	return []checks.Step{{
		Text:    "Until native sidecars run, " + name + " can be an ordinary container: in the manifest, move it back to containers, without restartPolicy. Then sidecar-run can order start and end:",
		Command: explainNotReady + "\nkubectl sidecar convert -f FILE" + named + " --strategy " + strategy(d.RootCause != "restart-policy-stripped"),
	}}
}
