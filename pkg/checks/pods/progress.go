package pods

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A Wait is what a pod in progress waits for.
type Wait string

const (
	WaitScheduler     Wait = "scheduler"
	WaitKubelet       Wait = "kubelet"
	WaitImage         Wait = "image"
	WaitInitContainer Wait = "init-container"
	WaitStartupProbe  Wait = "startup-probe"
	WaitReadiness     Wait = "readiness"
	// WaitContainer is a regular container that still runs after another one has exited.
	WaitContainer Wait = "container"
	WaitRestart   Wait = "restart"
	// WaitSidecars are native sidecars that are being stopped, since the work is done.
	WaitSidecars    Wait = "sidecars"
	WaitTermination Wait = "termination"
	// WaitRetry is the next pod of a Job, or that it succeeds.
	WaitRetry Wait = "retry"
	// WaitPods are the pods that a controller is about to make.
	WaitPods Wait = "pods"
)

// Progress is what a pod waits for with which nothing is wrong so far.
type Progress struct {
	WaitsFor Wait        `json:"waitsFor"`
	Since    metav1.Time `json:"since"`
	// Until is when it is too long: by the pod's own words, such as the budget of a probe, a grace period or a
	// deadline, else by what is usual. It is absent where a Job decides.
	Until *metav1.Time `json:"until,omitempty"`
	// Long is set when it has lasted five minutes or more: within its limit, and worth a look.
	Long bool `json:"long"`
}

// pending is what a pod waits for, in progress or for too long.
type pending struct {
	wait      Wait
	container string
	// state is what it waits for, as a clause without an age.
	state string
	since age
	// allowed is how long that may last; zero where a Job decides.
	allowed time.Duration
	// limit says whose limit that is, as a clause with a place for the duration.
	limit string
	next  checks.Step
}

// inProgress reports whether it is proven that what a pod waits for may still come.
func (w *pending) inProgress() bool {
	return w.since.exact && (w.allowed == 0 || w.since.below(w.allowed))
}

// words are the state with its age and, within it or where it is its own, its limit.
func (w *pending) words() string {
	if w.allowed == 0 || !w.since.known || w.limit == noBudget && !w.inProgress() {
		return w.state + ", " + w.since.words()
	}
	return fmt.Sprintf("%s, %s; %s", w.state, w.since.words(), fmt.Sprintf(w.limit, duration.HumanDuration(w.allowed)))
}

func (w *pending) progress() *Progress {
	out := &Progress{WaitsFor: w.wait, Since: w.since.at, Long: w.since.atLeast(longWait)}
	if w.allowed > 0 {
		until := metav1.NewTime(w.since.at.Add(w.allowed))
		out.Until = &until
	}
	return out
}

const (
	usually  = "that usually takes less than %s"
	noBudget = "it has no limit of its own: worth a look after %s"
)

// pending is what the pod waits for; nil when nothing that is known of it says that.
func (p subject) pending() *pending {
	switch {
	case p.deleting():
		return p.terminating()
	case p.Status.Phase == corev1.PodFailed:
		return p.retrying()
	case p.Spec.NodeName == "":
		return p.scheduling()
	case p.workDone():
		return p.stoppingSidecars()
	}
	if w := p.heldSoFar(); w != nil {
		return w
	}
	for _, c := range p.all() {
		if w := p.awaited(c); w != nil {
			return w
		}
	}
	return p.readinessGates()
}

func (p subject) describeStep() checks.Step {
	return checks.Step{Text: "See what the API server has of it:", Command: p.describe()}
}

func (p subject) terminating() *pending {
	return &pending{
		wait: WaitTermination, state: "the pod is being deleted" + p.disruption(), since: p.deleted(),
		allowed: seconds(p.grace()) + settle, limit: "its grace period and what the kubelet needs take up to %s", next: p.describeStep(),
	}
}

// disruption is why the pod is being deleted, where it was not asked to be.
func (p subject) disruption() string {
	c := p.disrupted()
	if c == nil {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", c.Reason, prose.Clause(c.Message))
}

// disrupted is the condition that says that the pod has to go for a reason that is not its own; nil where it has none.
func (p subject) disrupted() *corev1.PodCondition {
	if c := facts.PodConditionOf(p.Pod, corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue {
		return c
	}
	return nil
}

func disruptionEvidence(c *corev1.PodCondition) string {
	return fmt.Sprintf("condition DisruptionTarget: %s: %s", c.Reason, prose.OneLine(c.Message))
}

func (p subject) scheduling() *pending {
	w := &pending{wait: WaitScheduler, state: "the pod has no node yet", since: p.born(), allowed: settle, limit: usually, next: p.describeStep()}
	if len(p.events("TriggeredScaleUp", "Nominated")) > 0 {
		w.state, w.allowed, w.limit = "an autoscaler brings a node for the pod", scaleUp, "a new node usually takes less than %s"
	}
	return w
}

// nodeStep has somebody look at the node of the pod.
func (p subject) nodeStep(text string) checks.Step {
	return checks.Step{Text: text, Command: prose.Shell("kubectl describe node %s", p.Spec.NodeName)}
}

// stoppingSidecars: the regular containers have exited for good, and the kubelet stops the native sidecars.
func (p subject) stoppingSidecars() *pending {
	did := "the work is done"
	if i := slices.IndexFunc(p.mains, func(c container) bool { return c.ended().ExitCode != 0 }); i >= 0 {
		did = fmt.Sprintf("the work is over, without success (%s: %s)", p.mains[i].Name, exit(p.mains[i].ended()))
	}
	return &pending{
		wait: WaitSidecars, state: did + ", and the kubelet stops what is left of the pod", since: ageOf(p.s.Snapshot, lastEnd(p.mains)),
		allowed: seconds(p.ownGrace()) + settle, limit: "its grace period and what the kubelet needs take up to %s", next: p.describeStep(),
	}
}

// awaited is what the pod waits for because of one of its containers; nil when it is not its turn, or where it
// should be.
func (p subject) awaited(c container) *pending {
	itsTurn, troubled := p.blocker() == nil || p.holds(c), c.waiting() != "" && !facts.StartingReason(c.waiting())
	switch {
	case !itsTurn || troubled:
		return nil
	case c.status == nil || !c.running() && c.status.State.Terminated == nil:
		return p.creating(c)
	case c.status.State.Terminated != nil:
		return p.restarting(c)
	case c.init && !c.sidecar():
		return p.atWork(c)
	}
	return p.gettingUp(c)
}

// gettingUp: a sidecar or a regular container runs, and does not count as started or ready.
func (p subject) gettingUp(c container) *pending {
	switch {
	case !started(c):
		return p.startingUp(c)
	case !c.status.Ready:
		return p.gettingReady(c)
	}
	if w := p.unsettled(c); w != nil {
		return w
	}
	return p.unsteady(c)
}

// creating: the kubelet has not created it yet.
func (p subject) creating(c container) *pending {
	if pull := p.pulling(c); pull != nil {
		return &pending{
			wait: WaitImage, container: c.Name, state: "the image of " + c.role() + " is being pulled: " + c.Image, since: ageOf(p.s.Snapshot, eventTime(*pull)),
			allowed: patience, limit: "a large image may take %s", next: p.describeStep(),
		}
	}
	return &pending{
		wait: WaitKubelet, container: c.Name, state: fmt.Sprintf("%s has not been started (%s)", c.role(), cmp.Or(c.waiting(), "no status yet")),
		since: p.reachedSince(), allowed: hangTime, limit: noBudget, next: p.describeStep(),
	}
}

// pulling is the event of an image that is being pulled; nil when none is, or nothing says so.
func (p subject) pulling(c container) *corev1.Event {
	events := p.eventsAbout(c, "Pulling", "Pulled", "Created", "Started", "Failed", "BackOff")
	if len(events) == 0 || events[0].Reason != "Pulling" {
		return nil
	}
	return &events[0]
}

// reachedSince is since when the pod waits for the container whose turn it is: when it got its node, or the last
// container before it was through.
func (p subject) reachedSince() age {
	at := p.CreationTimestamp
	see := func(t metav1.Time) {
		if at.Before(&t) {
			at = t
		}
	}
	if c := facts.PodConditionOf(p.Pod, corev1.PodScheduled); c != nil {
		see(c.LastTransitionTime)
	}
	for _, c := range p.all() {
		if end := c.ended(); end != nil {
			see(end.FinishedAt)
		}
		if c.running() {
			see(c.status.State.Running.StartedAt)
		}
	}
	return ageOf(p.s.Snapshot, at)
}

// restarting: it has exited a moment ago, and is meant to be started again.
func (p subject) restarting(c container) *pending {
	if !p.meantToRun(c) {
		return nil
	}
	return &pending{
		wait: WaitRestart, container: c.Name, state: fmt.Sprintf("%s has exited (%s) and has not been started again", c.role(), exit(c.ended())),
		since: ageOf(p.s.Snapshot, c.ended().FinishedAt), allowed: firstTries, limit: usually, next: p.logStep(c),
	}
}

// meantToRun reports whether the kubelet is to start a container again that has exited.
func (p subject) meantToRun(c container) bool {
	if c.init && !c.sidecar() && c.passed() {
		return false
	}
	return c.sidecar() || !p.over(c)
}

// startingUp: its startup probe has not succeeded.
func (p subject) startingUp(c container) *pending {
	w := &pending{wait: WaitStartupProbe, container: c.Name, since: p.startedAt(c), next: p.logStep(c)}
	if c.StartupProbe == nil {
		w.state, w.allowed, w.limit = c.role()+" runs and does not count as started", settle, usually
		return w
	}
	w.state = "the startup probe of " + c.role() + " has not succeeded"
	if x, ok := p.probeProgress(c); ok && x.got != "" {
		w.state += fmt.Sprintf(": it asks %s and got: %s (%s so far)", x.asks, prose.Clause(x.got), prose.Counted(x.failures, "failure"))
	}
	w.allowed, w.limit = budget(c.StartupProbe), "it may fail for %s"
	return w
}

// atWork: a plain init container runs, without a sign of a server that has been up for long.
func (p subject) atWork(c container) *pending {
	if !p.holds(c) {
		return nil
	}
	w := &pending{
		wait: WaitInitContainer, container: c.Name, state: "init container " + c.Name + " is running, and has not exited",
		since: p.startedAt(c), allowed: hangTime, limit: noBudget, next: p.logStep(c),
	}
	if len(software.Signs(c.Container)) == 0 {
		w.state = "init container " + c.Name + " may be at work (it shows no sign of a server: ports, probes, known software)"
	}
	if deadline := p.Spec.ActiveDeadlineSeconds; deadline != nil && seconds(*deadline) > hangTime {
		w.allowed, w.limit = seconds(*deadline), "activeDeadlineSeconds of the pod gives it %s"
	}
	return w
}

// gettingReady: its readiness probe has not succeeded, or fails again.
func (p subject) gettingReady(c container) *pending {
	w := &pending{
		wait: WaitReadiness, container: c.Name, state: c.role() + " is not ready", since: p.unreadySince(c),
		allowed: hangTime, limit: noBudget, next: p.logStep(c),
	}
	if answers := p.readinessFailures(c); len(answers) > 0 {
		w.state += ": " + answer(answers[0])
	}
	return w
}

// readinessGates: the containers are ready, and a condition that somebody else sets is not true.
func (p subject) readinessGates() *pending {
	for _, g := range p.Spec.ReadinessGates {
		c := facts.PodConditionOf(p.Pod, g.ConditionType)
		if c != nil && c.Status == corev1.ConditionTrue {
			continue
		}
		since := p.reachedSince()
		if c != nil {
			since = ageOf(p.s.Snapshot, c.LastTransitionTime)
		}
		return &pending{
			wait: WaitReadiness, state: fmt.Sprintf("readiness gate %s is not true", g.ConditionType), since: since,
			allowed: hangTime, limit: noBudget, next: p.describeStep(),
		}
	}
	return nil
}

// retrying: the pod has failed, and its Job has not given up.
func (p subject) retrying() *pending {
	j := p.job()
	if j == nil || p.givenUp() != "" || !j.DeletionTimestamp.IsZero() || facts.JobIs(j, batchv1.JobFailed) || facts.JobIs(j, batchv1.JobSuspended) || j.Status.Active == 0 && p.retryDue().atLeast(settle) {
		return nil
	}
	return &pending{
		wait: WaitRetry, state: p.podFailure() + "; its Job tries again", since: p.failedAt(), next: p.failureStep(),
	}
}

// retryDue is when the Job should have made the next pod: a controller backs off for 10s after the first failure,
// twice as long after each further one, and ten minutes at most (k8s.io/kubernetes pkg/controller/job,
// DefaultJobPodFailureBackOff and MaxJobPodFailureBackOff).
func (p subject) retryDue() age {
	failed := p.failedAt()
	if failed.at.IsZero() {
		return failed
	}
	wait := min(jobBackOff<<min(max(p.job().Status.Failed-1, 0), 10), jobBackOffMost)
	return ageOf(p.s.Snapshot, metav1.NewTime(failed.at.Add(wait)))
}

// failedAt is when the last of its containers exited.
func (p subject) failedAt() age {
	var ended []container
	for _, c := range p.all() {
		if c.ended() != nil {
			ended = append(ended, c)
		}
	}
	return ageOf(p.s.Snapshot, lastEnd(ended))
}
