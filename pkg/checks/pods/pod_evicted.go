package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A pod that was admitted may still be stopped for good: because it uses more than it may, because its node runs short, for
// a pod that is more important, or because its node shuts down. The status then says Failed, and why.
var podEvicted = podCheck(checks.Check{
	ID:    "pod-evicted",
	Title: "pods may stay on their node until they have exited",
	Uses:  slices.Concat(witnessed, owned),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.finished() || p.deleting() || p.Status.Phase == corev1.PodFailed && p.superseded() {
		return nil, nil
	}
	e := p.eviction()
	switch {
	case e == nil && p.stoppedEarly():
		return nil, []facts.Gap{p.gap(facts.Events, "the kubelet has stopped the pod, and only an event would tell why; events are kept for an hour",
			facts.Do("see what its kubelet says of it, on node "+p.Spec.NodeName+":", "journalctl -u kubelet | grep "+p.Name))}
	case e == nil:
		return nil, nil
	}
	f := &checks.Finding{Container: e.container, Message: e.what + ": " + e.why + p.countedText() + p.replacedText(), Steps: e.steps}
	if p.Status.Reason != "" || p.Status.Phase == corev1.PodSucceeded {
		f.Evidence = append(f.Evidence, p.failureEvidence())
	}
	if c := p.disrupted(); c != nil {
		f.Evidence = append(f.Evidence, disruptionEvidence(c))
	}
	f.Evidence = slices.Concat(f.Evidence, newest(p.s.Snapshot, p.events("Evicted", "Preempting", "Preempted", "ExceededGracePeriod"), 2), e.evidence)
	return f, nil
})

// superseded reports whether the pod of a Job has failed and the Job has gone on.
func (p subject) superseded() bool { return p.retried() || p.ofJob() && p.historical() }

// replacedText says that there is another pod by now, which does not make a pod well that has failed for good.
func (p subject) replacedText() string {
	if !p.ofJob() && p.historical() {
		return "; another pod has taken its place"
	}
	return ""
}

// countedText says of a pod that was stopped what its containers make of it that exit with 0 when they are told to stop: such
// a pod counts as succeeded, its status does not say why it was stopped (seen with kubelets of 1.36), and a Job takes its work
// for done.
func (p subject) countedText() string {
	switch {
	case p.Status.Phase != corev1.PodSucceeded:
		return ""
	case p.ofJob():
		return "; it counts as succeeded, because its containers exit with 0 when they are stopped, and its Job takes the work for done"
	}
	return "; it counts as succeeded, because its containers exit with 0 when they are stopped"
}

// stoppedEarly reports whether a pod counts as succeeded that nobody deleted, with a container that is started again whenever
// it exits: somebody has stopped it.
func (p subject) stoppedEarly() bool {
	return p.Status.Phase == corev1.PodSucceeded && !p.deleting() && slices.ContainsFunc(p.mains, func(c container) bool {
		end := c.ended()
		return end != nil && p.restartsAfter(c, end.ExitCode)
	})
}

// An eviction is why a pod was stopped for good by somebody who did not mean the pod as such.
type eviction struct {
	what, why, container string
	evidence             []string
	steps                []checks.Step
}

// The kubelet's words (k8s.io/kubernetes v1.36.3 pkg/kubelet/eviction/helpers.go, lines 45 to 58 and 74), in the order in
// which they are looked for.
var (
	emptyDirFull    = regexp.MustCompile(`Usage of EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)"`)
	containerFull   = regexp.MustCompile(`Container (\S+) exceeded its local ephemeral storage limit "([^"]+)"`)
	podFull         = regexp.MustCompile(`Pod ephemeral local storage usage exceeds the total limit of containers (\S+?)\. `)
	nodeLow         = regexp.MustCompile(`The node was low on resource: (\S+?)\. `)
	nodePressed     = regexp.MustCompile(`The node had condition: \[([^\]]+)\]`)
	containerLarger = regexp.MustCompile(`Container (\S+) was using (\S+), request is (\S+), has larger consumption of (\S+?)\.`)
)

// eviction is nil for a pod that failed for reasons of its own.
func (p subject) eviction() *eviction {
	node := "the kubelet of " + p.Spec.NodeName
	reason, message := p.Status.Reason, strings.TrimPrefix(p.Status.Message, "Pod was rejected: ")
	if told := p.events("Evicted", "Preempting"); reason == "" && len(told) > 0 && told[0].Type != corev1.EventTypeNormal {
		reason, message = told[0].Reason, told[0].Message
	}
	if reason != "" && message == "" {
		return nil // who did it is half of an answer
	}
	switch reason {
	case "Evicted":
		return p.evicted(node, message)
	case "Preempting":
		return &eviction{
			what: node + " stopped the pod", why: "it made room for a critical pod, as those of the cluster's own software are", evidence: p.sharesEvidence(),
			steps: []checks.Step{p.nextPodStep(), p.priorityStep()},
		}
	case "NodeShutdown", "Terminated", "Shutdown":
		return &eviction{
			what: node + " stopped the pod", why: prose.Clause(message), steps: []checks.Step{p.nextPodStep()},
		}
	case "":
		return p.evictedFor()
	}
	return nil
}

// disruptions says who stopped a pod, by the reason of its condition DisruptionTarget.
var disruptions = map[string]string{
	corev1.PodReasonPreemptionByScheduler: "the scheduler made room for a pod with a higher priority",
	"EvictionByEvictionAPI":               "somebody asked for it to go, as kubectl drain and autoscalers do",
	"DeletionByTaintManager":              "its node has a taint that the pod does not tolerate",
	corev1.PodReasonTerminationByKubelet:  "its kubelet had to stop it",
}

// evictedFor is of a pod whose status names nobody, as one of a Job that waits to be counted.
func (p subject) evictedFor() *eviction {
	c := p.disrupted()
	if c == nil || disruptions[c.Reason] == "" {
		return nil
	}
	e := &eviction{what: "the pod was stopped before it had exited", why: disruptions[c.Reason], steps: []checks.Step{p.nextPodStep()}}
	if c.Reason == corev1.PodReasonPreemptionByScheduler {
		e.evidence, e.steps = p.sharesEvidence(), append(e.steps, p.priorityStep())
	}
	return e
}

// sharesEvidence is what counts of the pod where room is made.
func (p subject) sharesEvidence() []string {
	if sum := requests(p.Pod); sum != "" {
		return []string{sum}
	}
	return nil
}

func (p subject) priorityStep() checks.Step {
	return checks.Step{
		Text:    "If this work must not be stopped for others, give it a priorityClassName that is high enough. See which there are:",
		Command: "kubectl get priorityclasses",
	}
}

func (p subject) evicted(node, message string) *eviction {
	text := message + ". "
	e := &eviction{what: node + " evicted the pod", why: prose.Clause(message)}
	switch {
	case emptyDirFull.MatchString(text):
		p.fullEmptyDir(e, emptyDirFull.FindStringSubmatch(text))
	case containerFull.MatchString(text):
		m := containerFull.FindStringSubmatch(text)
		e.container = m[1]
		e.steps = p.moreStorage(m[1], m[2])
	case podFull.MatchString(text):
		p.fullPod(e, podFull.FindStringSubmatch(text)[1])
	case nodePressed.MatchString(text):
		e.what = node + " did not admit the pod"
		e.steps = []checks.Step{
			p.nodeStep("The node is short of what the condition says: make room there, or add nodes. See what uses it:"),
			p.nextPodStep(),
		}
	case nodeLow.MatchString(text):
		p.lowNode(e, corev1.ResourceName(nodeLow.FindStringSubmatch(text)[1]), containerLarger.FindAllStringSubmatch(text, -1))
	default:
		e.steps = []checks.Step{p.nodeStep("See how the node is:"), p.nextPodStep()}
	}
	return e
}

// fullEmptyDir: a volume has a limit, and all containers that write to it share it.
func (p subject) fullEmptyDir(e *eviction, m []string) {
	var writers []container
	for _, c := range p.all() {
		for _, mount := range c.VolumeMounts {
			if mount.Name == m[1] && !mount.ReadOnly {
				writers = append(writers, c)
				e.evidence = append(e.evidence, fmt.Sprintf("%s can write to volume %s, at %s", c.role(), m[1], mount.MountPath))
				break
			}
		}
	}
	who := "what fills it"
	switch {
	case len(writers) == 1:
		e.container, who = writers[0].Name, writers[0].Name
		e.why += fmt.Sprintf(": only %s writes to it", writers[0].role())
	case slices.ContainsFunc(writers, container.sidecar):
		e.why += fmt.Sprintf(": %s can write to it", rolesOf(writers))
	}
	text := fmt.Sprintf("Have %s write less or clean up, or give the volume more room (the value is an example)", who)
	e.steps = []checks.Step{p.specStep(text, map[string]any{"volumes": []any{
		map[string]any{"name": m[1], "emptyDir": map[string]any{"sizeLimit": twice(m[2])}},
	}})}
}

// twice is twice a quantity, as an example of more.
func twice(text string) string {
	q := quantity(text)
	if q.IsZero() {
		return text
	}
	q.Add(q)
	return q.String()
}

// moreStorage raises the limit of a container that has written more than it may, to its own file system and its logs.
func (p subject) moreStorage(name, limit string) []checks.Step {
	c := p.named(name)
	if c == nil {
		return []checks.Step{p.nextPodStep()}
	}
	return p.exampleSteps("Have it write less to its own file system and log less, or raise its limit", *c, edit{name, map[string]any{
		"resources": map[string]any{"limits": map[string]any{string(corev1.ResourceEphemeralStorage): twice(limit)}},
	}})
}

// fullPod: the limits of the containers that have one, native sidecars among them, are added up, and everything that any
// container of the pod writes counts against the sum.
func (p subject) fullPod(e *eviction, total string) {
	var limited []container
	for _, c := range p.all() {
		if c.init && !c.sidecar() {
			continue
		}
		q := c.Resources.Limits.StorageEphemeral()
		if q.IsZero() {
			e.evidence = append(e.evidence, fmt.Sprintf("%s has no limit for ephemeral-storage: what it writes counts as well", c.role()))
			continue
		}
		limited = append(limited, c)
		e.evidence = append(e.evidence, fmt.Sprintf("limit of %s for ephemeral-storage: %s", c.role(), q))
	}
	if len(limited) == 0 {
		e.steps = []checks.Step{p.nextPodStep()}
		return
	}
	c := limited[0]
	if len(limited) == 1 && len(p.mains)+len(p.sidecars()) == 1 {
		e.container = c.Name
	}
	q := c.Resources.Limits.StorageEphemeral().DeepCopy()
	q.Add(quantity(total))
	e.steps = p.exampleSteps("Have the containers write and log less, or raise the sum by the limit of one of them", c, edit{c.Name, map[string]any{
		"resources": map[string]any{"limits": map[string]any{string(corev1.ResourceEphemeralStorage): q.String()}},
	}})
}

// lowNode: the node runs short, and the kubelet stops first what uses more than it requests.
func (p subject) lowNode(e *eviction, short corev1.ResourceName, larger [][]string) {
	describe := p.nodeStep("See what the node has, and who uses it:")
	if len(larger) == 0 {
		e.why += "; no container of the pod used more than it requests: nothing in the pod is to be changed"
		e.steps = []checks.Step{describe, p.nextPodStep()}
		return
	}
	slices.SortStableFunc(larger, func(a, b []string) int {
		least, most := quantity(a[2]), quantity(b[2])
		return most.Cmp(least)
	})
	most := larger[0]
	c := p.named(most[1])
	if c == nil {
		e.steps = []checks.Step{describe, p.nextPodStep()}
		return
	}
	e.container = c.Name
	e.why = fmt.Sprintf("the node was low on %s, and %s used more than it requests: %s, and requests %s", short, c.role(), most[2], most[3])
	for _, m := range larger[1:] {
		e.why += fmt.Sprintf("; so did %s (%s of %s)", m[1], m[2], m[3])
	}
	if more := quantity(most[2]); !more.IsZero() {
		request := map[string]any{"requests": map[string]any{string(short): more.String()}}
		if limit, has := c.Resources.Limits[short]; has && limit.Cmp(more) < 0 {
			request["limits"] = map[string]any{string(short): more.String()}
		}
		e.steps = p.exampleSteps(fmt.Sprintf("Have it use less, or request what it uses, so the scheduler finds a node with that much %s and the kubelet stops others first", short), *c,
			edit{c.Name, map[string]any{"resources": request}})
	}
	e.steps = append(e.steps, describe)
}

// quantity is zero for what is none.
func quantity(text string) resource.Quantity {
	q, err := resource.ParseQuantity(strings.TrimRight(text, ".,"))
	if err != nil {
		return resource.Quantity{}
	}
	return q
}

// named is a container of the pod; nil where it has none of that name.
func (p subject) named(name string) *container {
	for _, c := range p.all() {
		if c.Name == name {
			return &c
		}
	}
	return nil
}
