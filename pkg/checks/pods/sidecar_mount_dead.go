package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The process behind a FUSE mount can die while its container runs on, or is restarted: the mount stays, and whoever
// touches it gets ENOTCONN. The kubelet mounts the same dead directory again into each new container of the pod.
var sidecarMountDead = podCheck(checks.Check{
	ID:    "sidecar-mount-dead",
	Title: "mounts that sidecars serve are alive",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.deleting() || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed && p.historical() {
		return nil, nil
	}
	if d := p.deadMount(); d != nil {
		return p.deadMountFinding(d), nil
	}
	return nil, nil
})

// A deadMount is a container that serves a mount, one that needs it, where it says that it is dead, and in which words.
type deadMount struct {
	server, victim container
	proof, words   string
}

// deadMount is nil when the pod has none. A server that is down for good is another matter.
func (p subject) deadMount() *deadMount {
	i := slices.IndexFunc(p.all(), func(c container) bool {
		return (c.running() || c.ended() != nil && p.looping(c)) && p.servesMount(c) != ""
	})
	if i < 0 {
		return nil
	}
	server := p.all()[i]
	for _, c := range p.all() {
		if c.Name == server.Name {
			continue
		}
		if proof, words := p.saysDead(c); proof != "" {
			return &deadMount{server, c, proof, words}
		}
	}
	return nil
}

var (
	// notConnected is ENOTCONN in the words of programs, runtimes and the kubelet, and what the GCS FUSE driver says.
	notConnected = regexp.MustCompile(`(?i)transport endpoint is not connected|\bENOTCONN\b|\bErrno 107\b|the sidecar container (?:terminated|failed)\b`)
	// fuseCommands mount a file system of their own.
	fuseCommands = regexp.MustCompile(`(?:^|[\s/])(?:gcsfuse|s3fs|goofys|sshfs|blobfuse2?|mount-s3|alluxio-fuse|ossfs|geesefs)(?:\s|$)|\b(?:rclone|juicefs)\s+mount\b`)
)

// servesMount is why a container is taken for one that serves a mount to others; "" when it is not.
func (p subject) servesMount(c container) string {
	if k := software.Of(c.Container); k != nil && k.Mounts {
		return fmt.Sprintf("container %s, image %s: this is %s", c.Name, c.Image, k.Name)
	}
	if !p.beside(c) && !(len(p.mains) > 1 && !c.init) {
		return ""
	}
	for _, m := range c.VolumeMounts {
		if m.MountPropagation != nil && *m.MountPropagation == corev1.MountPropagationBidirectional {
			return fmt.Sprintf("%s mounts %s with mountPropagation: Bidirectional", c.Name, m.MountPath)
		}
	}
	if found := strings.TrimSpace(fuseCommands.FindString(software.EveryCommand(c.Container))); found != "" {
		return fmt.Sprintf("command of %s: %q", c.Name, found)
	}
	return ""
}

// saysDead quotes where it says that a mount of a container, which does not work, is dead; "" when nothing does.
func (p subject) saysDead(c container) (proof, words string) {
	if c.running() && c.status.Ready && p.unsettled(c) == nil {
		return "", "" // it may have been so in an earlier run
	}
	found := func(text string) bool {
		words = ""
		for _, match := range notConnected.FindAllString(text, -1) { // "Errno 107" says less than what it means
			if len(match) > len(words) {
				words = match
			}
		}
		return words != ""
	}
	if c.waiting() != "" && found(c.status.State.Waiting.Message) {
		return waitingEvidence(c)[0], words
	}
	if end := c.ended(); end != nil && found(end.Message) {
		return "termination message of " + c.Name + ": " + prose.OneLine(end.Message), words
	}
	for _, line := range slices.Backward(p.logs(c)) {
		if found(line) {
			return "log of " + c.Name + ": " + prose.OneLine(line), words
		}
	}
	ofPod := slices.DeleteFunc(p.events("FailedMount"), func(corev1.Event) bool { return c.init })
	for _, e := range slices.Concat(p.eventsAbout(c), ofPod) {
		if found(e.Message) {
			return quoteEvent(p.s.Snapshot, e), words
		}
	}
	return "", ""
}

func (p subject) deadMountFinding(d *deadMount) *checks.Finding {
	server := d.server
	f := &checks.Finding{
		Container: server.Name,
		Message: fmt.Sprintf("the mount that %s serves is dead (%q), and %s needs it (%s): a restart of either does not bring it back",
			server.title(), strings.ToLower(d.words), d.victim.role(), p.doing(d.victim)),
		Evidence: slices.Concat([]string{d.proof, p.servesMount(server)}, p.serverState(server), p.ending(server), p.lastWords(server, 3)),
		Steps:    p.mountAnew(server),
	}
	if p.looping(server) {
		f.Because = []string{sidecarCrashLooping.ID}
	}
	if end := server.ended(); end != nil && end.Reason == oomKilled || killedInside(p.logs(server)) {
		f.Evidence = append(f.Evidence, memoryLimit(server))
		f.Steps = append(f.Steps, p.memorySteps(server)...)
	} else {
		f.Steps = append(f.Steps, checks.Step{Text: fmt.Sprintf("See why the process behind the mount exited; a livenessProbe of %s that reads the mount shows it earlier:", server.Name),
			Command: p.logsCommand(server)})
	}
	return f
}

// mountAnew recreates the pod. Before the kubelet lets go of a pod it removes its emptyDirs, which fails with ENOTCONN
// as long as the dead mount is in one: such a pod stays in Terminating, and kubectl delete waits forever.
func (p subject) mountAnew(server container) []checks.Step {
	const recreate = "Recreate the pod, which mounts anew"
	dir := p.sharedEmptyDir(server)
	if dir == "" || len(p.OwnerReferences) == 0 {
		return []checks.Step{p.recreateStep(recreate)}
	}
	pod := prose.Shell("pod %s -n %s", p.Name, p.Namespace)
	step := p.recreateStep(fmt.Sprintf("%s. The kubelet cannot remove emptyDir %s with the dead mount in it, so the pod is taken out of the API as soon as its containers have exited", recreate, dir))
	step.Command = fmt.Sprintf("kubectl delete %s --wait=false && kubectl wait %s --for=jsonpath='{.status.phase}'=Failed --timeout=%ds && %s",
		pod, pod, p.ownGrace()+60, p.forceDelete())
	left := checks.Step{
		Text:    fmt.Sprintf("The dead mount stays on node %s until it is unmounted there, as root, or the node is restarted:", p.Spec.NodeName),
		Command: fmt.Sprintf("umount --lazy $(awk '/fuse/ && $2 ~ \"/pods/%s/\" { print $2 }' /proc/mounts)", p.UID),
	}
	return []checks.Step{step, left}
}

// sharedEmptyDir is the emptyDir that a container mounts for others to see what it mounts there; "" when there is none.
func (p subject) sharedEmptyDir(c container) string {
	for _, m := range c.VolumeMounts {
		if ptr.Deref(m.MountPropagation, "") != corev1.MountPropagationBidirectional {
			continue
		}
		if slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name && v.EmptyDir != nil }) {
			return m.Name
		}
	}
	return ""
}

func (p subject) serverState(c container) []string {
	if !c.running() {
		return nil
	}
	return []string{p.stateEvidence(c)}
}

// killedProcess is what a server of mounts says of its child that the kernel killed.
var killedProcess = regexp.MustCompile(`(?i)signal: killed|out of memory|oom`)

func killedInside(lines []string) bool { return slices.ContainsFunc(lines, killedProcess.MatchString) }
