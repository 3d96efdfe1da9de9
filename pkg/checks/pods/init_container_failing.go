package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var initContainerFailing = podCheck(checks.Check{
	ID:    "init-container-failing",
	Title: "every init container succeeds",
	Uses:  slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c := p.blocked()
	if c == nil || c.sidecar() || c.running() || !c.failed() {
		return nil, nil
	}
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("init container %s fails: %s, %s", c.Name, exit(c.ended()), prose.Counted(int(c.restarts()), "restart")),
		Evidence:  append(p.ending(*c), p.lastWords(*c, 5)...),
		Steps:     []checks.Step{p.logStep(*c)},
	}
	if c.ended().Reason == oomKilled {
		f.Evidence = append(f.Evidence, memoryLimit(*c))
		f.Steps = p.memorySteps(*c)
	}
	if c.quietlyFailed() {
		p.tellQuietFailure(f)
	}
	if later, _, _ := p.needs(*c); later != nil {
		f.Because = []string{initContainerBeforeSidecar.ID}
	} else {
		f.Message += "; the pod waits for it, and no sidecar is to blame"
	}
	return f, nil
})

// tellQuietFailure explains an init container that failed although its exit code is 0, and a pod that looks
// initialized and does not go on.
func (p subject) tellQuietFailure(f *checks.Finding) {
	f.Message += "; the kubelet counts that as failed in spite of the exit code"
	if c := facts.PodConditionOf(p.Pod, corev1.PodInitialized); c != nil && c.Status == corev1.ConditionTrue {
		f.Evidence = append(f.Evidence, "condition Initialized: True, which goes by the exit code")
	}
	if p.Spec.RestartPolicy != corev1.RestartPolicyNever {
		return
	}
	f.Message += ", and with restartPolicy Never neither runs it again nor fails the pod"
	f.Evidence = append(f.Evidence, "spec.restartPolicy: Never")
	if kind := p.target().Kind; kind != "Pod" && kind != "Job" { // whose new limit comes with a new pod
		f.Steps = append(f.Steps, p.recreate("Then recreate the pod: the kubelet does not run the init container again"))
	}
}
