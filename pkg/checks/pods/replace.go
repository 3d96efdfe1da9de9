package pods

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The template of a Job and the containers of a pod cannot be changed: the object is deleted and created again, with
// what a filter makes of it.

// replacement is the command that does so. edits are commands that read an object from stdin and write it to stdout.
func (p subject) replacement(m maker, edits ...string) string {
	steps := []string{prose.Shell("kubectl get %s %s -n %s -o json", m.resource, m.Name, m.Namespace)}
	steps = append(steps, edits...)
	if reset := m.reset(); reset != "" {
		steps = append(steps, prose.Shell("kubectl patch --local -f - -o json --type=strategic -p %s", reset))
	}
	if m.Kind != "Pod" || !p.unstoppable() {
		return strings.Join(append(steps, "kubectl replace --force"+p.timeout(m)+" -f -"), " |\n  ")
	}
	return "pod=$(" + strings.Join(steps, " |\n  ") + ") &&\n" +
		p.forceDelete() + " &&\n" +
		`printf '%s' "$pod" | kubectl create -f -`
}

// timeout is how long a replacement has to wait for a pod whose grace period is longer than it does on its own: five
// minutes, and then it does not create anything.
func (p subject) timeout(m maker) string {
	grace := ptr.Deref(p.Spec.TerminationGracePeriodSeconds, 0)
	if m.Kind != "Pod" || seconds(grace) <= longestDeletion {
		return ""
	}
	return fmt.Sprintf(" --timeout=%ds", grace+60)
}

// unstoppable reports whether the kubelet does not stop the pod: it does so only when a postStart hook has returned.
// A replacement waits five minutes for that, and then does not create anything.
func (p subject) unstoppable() bool {
	return slices.ContainsFunc(p.all(), func(c container) bool { return p.hookState(c) == hookHangs })
}

// jobLabels are what the Job controller adds to a template; a new Job gets its own.
var jobLabels = []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}

// reset removes what the cluster put into an object and what would keep it from being recreated.
func (m maker) reset() string {
	if m.Kind == "Pod" {
		return `{"spec":{"nodeName":null}}`
	}
	labels := map[string]any{}
	for _, label := range jobLabels {
		labels[label] = nil
	}
	return encode(map[string]any{"spec": map[string]any{
		"selector": nil, "template": map[string]any{"metadata": map[string]any{"labels": labels}},
	}})
}
