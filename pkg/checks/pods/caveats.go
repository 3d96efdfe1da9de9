package pods

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// What a command does besides mending is said before it: what it deletes, what runs again, and what a container does
// differently as a native sidecar. All of these are sentences without a period.

// changeStep is a command that changes the owner, after what has to be known before it is run.
func (p subject) changeStep(text, command string, notes ...string) checks.Step {
	if p.static() {
		return textStep(text, append(notes, p.inManifest())...)
	}
	notes = append(notes, p.harm()...)
	return checks.Step{Text: strings.Join(append([]string{text}, notes...), ". ") + ":", Command: command}
}

// harm is what the command of a fix deletes or runs again, see command.
func (p subject) harm() []string {
	m := p.target()
	switch m.Kind {
	case "Job":
		return []string{fmt.Sprintf("A Job's template cannot be changed, so this deletes Job %s with its pods and creates it again: its work runs again from the start%s",
			m.Name, p.workDoneText()),
			"If that must not happen, change the manifest for the next Job instead, and delete this one"}
	case "Pod":
		if p.unstoppable() {
			return []string{fmt.Sprintf("A pod's containers cannot be changed, and the kubelet stops none before its postStart hook returns, so this removes pod %s from the API and creates it again%s: the processes of the old one run on until then",
				m.Name, strings.TrimSuffix(p.lost(), ","))}
		}
		return []string{fmt.Sprintf("A pod's containers cannot be changed, so this deletes pod %s%s and creates it again", m.Name, p.lost())}
	case "CronJob":
		if len(p.makers) > 1 {
			return []string{fmt.Sprintf("The second command deletes Job %s with its pods and their logs: its work runs again at the next time of the schedule, not before", p.makers[0].Name)}
		}
	}
	return p.deliveryHarm(m)
}

// lost is what goes with a pod, for the sentence that says that it is deleted; nothing where none of its containers has
// run.
func (p subject) lost() string {
	if !slices.ContainsFunc(p.all(), container.ran) {
		return ""
	}
	return ", with what it has written outside of persistent volumes,"
}

// workDoneText is how much of a Job's work is done, for the sentence that says that it runs again.
func (p subject) workDoneText() string {
	job := p.job()
	switch {
	case job != nil && job.Status.Succeeded > 0:
		return fmt.Sprintf(", also that of %s done", map[bool]string{true: "the pod that is", false: prose.Counted(int(job.Status.Succeeded), "pod") + " that are"}[job.Status.Succeeded == 1])
	case slices.ContainsFunc(p.mains, func(c container) bool { return p.over(c) && c.ended().ExitCode == 0 }):
		return ", also what is done"
	}
	return ""
}

// job is the Job that made the pod; nil when none did or it was not seen.
func (p subject) job() *batchv1.Job {
	for _, m := range p.makers {
		if j := p.s.jobs[m.Object]; m.Kind == "Job" && j != nil {
			return j
		}
	}
	return nil
}

// recreateStep deletes the pod for its owner to create it again. A pod without an owner would be gone for good.
func (p subject) recreateStep(text string) checks.Step {
	object := prose.Shell("pod %s -n %s", p.Name, p.Namespace)
	switch {
	case p.static():
		return p.recreateStatic(text)
	case len(p.OwnerReferences) == 0:
		return checks.Step{
			Text:    fmt.Sprintf("%s. It has no owner that would, so this deletes it%s and creates it again:", text, p.lost()),
			Command: p.replacement(maker{Object: p.object(), resource: "pod"}),
		}
	case p.ofJob():
		return checks.Step{
			Text:    text + ". Its work runs again from the start, and the Job counts a failure (spec.backoffLimit):",
			Command: "kubectl delete " + object,
		}
	case p.lost() != "":
		text += ". This deletes it" + strings.TrimSuffix(p.lost(), ",")
	}
	return checks.Step{Text: text + ":", Command: "kubectl delete " + object}
}

// forceDelete removes the pod from the API without waiting for its kubelet, which may still run it.
func (p subject) forceDelete() string {
	return prose.Shell("kubectl delete pod %s -n %s --grace-period=0 --force", p.Name, p.Namespace)
}

// nativeNotes are what a container does differently once it is a native sidecar.
func (p subject) nativeNotes(c container) []string {
	return slices.Concat(preStopNotes(c), p.portNotes(c), p.policyNotes(c))
}

// preStopNotes: the kubelet runs the preStop hooks of all containers as soon as the pod terminates; only the SIGTERM of
// a native sidecar waits for its turn (pkg/kubelet/kuberuntime/kuberuntime_container.go, killContainer).
func preStopNotes(c container) []string {
	if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
		return nil
	}
	hook := c.Lifecycle.PreStop
	text := fmt.Sprintf("Its preStop hook (%s) runs as soon as the pod is deleted, while the other containers still work; only SIGTERM comes after them", software.Handler(hook))
	switch {
	case software.HookQuits(hook):
		text += ": it would stop " + c.Name + " under them, so remove it"
	case software.HookSleeps(hook):
		text += ": it only uses up the grace period, so remove it"
	}
	return []string{text}
}

// namedPortMinor is the first version whose kube-controller-manager finds a native sidecar's port by its name
// (kubernetes#127976, #128850).
const namedPortMinor = 33

// portNotes: Services find the ports of native sidecars by name only in newer versions.
func (p subject) portNotes(c container) []string {
	if p.s.newestMinor() > namedPortMinor {
		return nil // its kube-controller-manager is at most one version older
	}
	var names []string
	for _, port := range c.Ports {
		if port.Name != "" {
			names = append(names, fmt.Sprintf("%s (%d)", port.Name, port.ContainerPort))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Before %s a Service does not find a native sidecar's port by its name: one that has %s as its targetPort needs the number",
		gate.Release(namedPortMinor), prose.List(names, "or"))}
}

// newestMinor is the newest minor version that is known to be in the cluster; the API servers are at least as new.
func (s *scene) newestMinor() int {
	newest := 0
	for _, a := range s.cluster.APIServers().Seen {
		newest = max(newest, a.Minor())
	}
	for _, n := range s.cluster.Nodes() {
		if n.Version != nil && n.Virtual == "" {
			newest = max(newest, gate.Minor(n.Version))
		}
	}
	return newest
}

// policyNotes: a rule of a Job's podFailurePolicy that names no container also looks at the exit codes of init
// containers (pkg/controller/job/pod_failure_policy.go, matchOnExitCodes), and so at those of a sidecar that was stopped.
func (p subject) policyNotes(c container) []string {
	job := p.job()
	if job == nil || job.Spec.PodFailurePolicy == nil {
		return nil
	}
	i, codes := software.CatchesStop(job.Spec.PodFailurePolicy, c.Name)
	if i < 0 {
		return nil
	}
	var caught []string
	for _, code := range codes {
		caught = append(caught, fmt.Sprint(code))
	}
	return []string{fmt.Sprintf("When the pod fails, spec.podFailurePolicy.rules[%d] (%s) also matches exit code %s of %s, which the kubelet stops then: set containerName there to the container that does the work",
		i, job.Spec.PodFailurePolicy.Rules[i].Action, prose.List(caught, "or"), c.Name)}
}
