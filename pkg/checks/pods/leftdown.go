package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A sidecar that has exited is started again at once, or waits in CrashLoopBackOff. One that stays "terminated" was left
// down: the kubelet mounts all volumes of a pod before it starts any of its containers, and drivers whose mounts
// the sidecar serves may refuse that once it is down.

// leftDown reports whether a container has exited, is to be started again, and is not; and since when.
func (p subject) leftDown(c container) (since age, left bool) {
	if c.status == nil || c.status.State.Terminated == nil || p.nodeGone() || p.bugged(c) != nil {
		return age{}, false
	}
	end := c.status.State.Terminated
	if !c.init && !p.restartsAfter(c, end.ExitCode) {
		return age{}, false
	}
	return ageOf(p.s.Snapshot, end.FinishedAt), true
}

// untilLeftDown is how long a container may be down before it is called left: less where volumes fail to mount since.
func (p subject) untilLeftDown(c container) time.Duration {
	if len(p.mountFailures(c)) > 0 {
		return settle
	}
	return hangTime
}

// mountFailures are the failures to mount volumes since a container exited.
func (p subject) mountFailures(c container) []corev1.Event {
	end := c.status.State.Terminated
	return slices.DeleteFunc(p.events("FailedMount", "FailedMapVolume"), func(e corev1.Event) bool { return eventTime(e).Time.Before(end.FinishedAt.Time) })
}

func (p subject) leftFinding(c container, since age) *checks.Finding {
	end := c.status.State.Terminated
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("%s exited (%s) and is not started again, %s", c.title(), exit(end), since.words()),
		Evidence:  append(p.ending(c), fmt.Sprintf("status of %s: terminated, restartCount: %d", c.Name, c.restarts())),
		Steps:     []checks.Step{p.recreateStep("Recreate the pod, which starts the sidecar in a new one")},
	}
	failures := p.mountFailures(c)
	if len(failures) > 0 {
		f.Message += fmt.Sprintf(": the kubelet first mounts the pod's volumes, and %s cannot be mounted while it is down", volumesOf(failures))
		f.Evidence = slices.Concat(f.Evidence, newest(p.s.Snapshot, failures, 2), p.volumeSources(failures[0].Message))
	}
	f.Message += p.blocks(c)
	switch {
	case smallMemory.MatchString(end.Message), end.Reason == oomKilled:
		f.Evidence = append(f.Evidence, memoryLimit(c))
		f.Steps = append(p.memorySteps(c), f.Steps...)
	case !c.neverRan():
		f.Steps = append(f.Steps, p.logStep(c))
	}
	return f
}

// volumesOf names the volumes that events are about.
func volumesOf(events []corev1.Event) string {
	var names []string
	for _, e := range events {
		if m := volumeName.FindStringSubmatch(e.Message); m != nil {
			names = prose.AddOnce(names, m[1]+m[2])
		}
	}
	switch len(names) {
	case 0:
		return "one of them"
	case 1:
		return "volume " + names[0]
	}
	return "volumes " + strings.Join(names, ", ")
}
