package pods

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Happening is what happened to a pod or a container, in a word.
type Happening string

// What happens to a pod.
const (
	PodAppeared  Happening = "pod-appeared" // Reason is who made it
	PodScheduled Happening = "pod-scheduled"
	PodDeleting  Happening = "pod-deleting"
	PodGone      Happening = "pod-gone"
	PodSucceeded Happening = "pod-succeeded"
	PodFailed    Happening = "pod-failed"
	PodReady     Happening = "pod-ready"
	PodUnready   Happening = "pod-not-ready"
)

// What happens to a container.
const (
	ImagePulling      Happening = "image-pulling"
	ImagePulled       Happening = "image-pulled"
	ContainerStarted  Happening = "container-started"
	ContainerExited   Happening = "container-exited"
	ContainerWaiting  Happening = "container-waiting" // Reason is the API's
	ProbeFailed       Happening = "probe-failed"
	ProbeSucceeded    Happening = "startup-probe-succeeded"
	ContainerReady    Happening = "container-ready"
	ContainerNotReady Happening = "container-not-ready"
	// Warned is a warning that is none of the above: Reason and Message are those of the event.
	Warned Happening = "warning"
)

// What becomes of the judgment.
const (
	Waits     Happening = "in-progress" // Message is what it waits for
	Unclear   Happening = "unclear"     // something is wrong, and no check says why
	Diagnosed Happening = "diagnosed"   // Reason is the root cause
	Over      Happening = "over"        // what was said of it before no longer holds
)

// A Change is one thing that is not as it was a moment ago.
type Change struct {
	// At is when it happened, as the object or the event has it; else when it was seen.
	At        metav1.Time   `json:"at"`
	Object    checks.Object `json:"object"`
	Container string        `json:"container,omitempty"`
	// Type is that of the container: init, sidecar or main.
	Type string    `json:"type,omitempty"`
	What Happening `json:"what"`
	// Reason is a word for why, Message the rest.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// ExitCode is that of a run that is over, Restarts how often the container has been restarted.
	ExitCode *int32 `json:"exitCode,omitempty"`
	Restarts int32  `json:"restarts,omitempty"`
	// Probe is which probe failed: startup, readiness or liveness; Failures how often at least in this run, and
	// Allowed after how many the container is stopped, of a startup probe.
	Probe    string `json:"probe,omitempty"`
	Failures int32  `json:"failures,omitempty"`
	Allowed  int32  `json:"allowed,omitempty"`
}

// Changes is what is not as it was when before was judged, the oldest first. Of what was never judged only what is
// said of it now is new.
func Changes(before, after Judgment) []Change {
	var out []Change
	if before.scene != nil {
		out = append(out, eventChanges(before.scene, after.scene)...)
		out = append(out, podChanges(before.scene, after.scene)...)
	}
	seen := after.scene.TakenAt
	out = append(out, judgedChanges(before, after)...)
	for i := range out {
		if out[i].At.IsZero() {
			out[i].At = seen
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(judgedLast(a), judgedLast(b)), a.At.Compare(b.At.Time))
	})
	return out
}

// judgedLast keeps what is made of things behind the things.
func judgedLast(c Change) int {
	return boolInt(slices.Contains([]Happening{Waits, Unclear, Diagnosed, Over}, c.What))
}

func podChanges(before, after *scene) []Change {
	var out []Change
	known := map[string]subject{}
	for _, p := range before.subjects() {
		known[string(p.UID)+"/"+p.Name] = p
	}
	for _, p := range after.subjects() {
		key := string(p.UID) + "/" + p.Name
		old, was := known[key]
		delete(known, key)
		if !was {
			c := Change{At: p.CreationTimestamp, Object: p.object(), What: PodAppeared}
			if ref := metav1.GetControllerOf(p.Pod); ref != nil {
				c.Reason = ref.Kind + " " + ref.Name
			}
			out = append(out, c)
			old = subject{Pod: &corev1.Pod{}}
		}
		out = append(out, p.comingAndGoing(old)...)
		out = append(out, p.containerChanges(old)...)
		out = append(out, p.stateChanges(old)...)
	}
	for _, p := range before.subjects() {
		if _, left := known[string(p.UID)+"/"+p.Name]; left {
			out = append(out, Change{Object: p.object(), What: PodGone})
		}
	}
	return out
}

func (p subject) changed(at metav1.Time, what Happening) Change {
	return Change{At: at, Object: p.object(), What: what}
}

// isTrue reports whether a condition of a pod is true, and since when.
func isTrue(p *corev1.Pod, kind corev1.PodConditionType) (bool, metav1.Time) {
	c := facts.PodConditionOf(p, kind)
	if c == nil {
		return false, metav1.Time{}
	}
	return c.Status == corev1.ConditionTrue, c.LastTransitionTime
}

// comingAndGoing is what comes before anything that its containers do, or regardless of it.
func (p subject) comingAndGoing(old subject) []Change {
	var out []Change
	if p.Spec.NodeName != "" && old.Spec.NodeName == "" {
		_, at := isTrue(p.Pod, corev1.PodScheduled)
		c := p.changed(at, PodScheduled)
		c.Reason = p.Spec.NodeName
		out = append(out, c)
	}
	if p.deleting() && !old.deleting() {
		out = append(out, p.changed(metav1.NewTime(p.DeletionTimestamp.Add(-seconds(p.grace()))), PodDeleting))
	}
	return out
}

// stateChanges is what follows from what its containers did.
func (p subject) stateChanges(old subject) []Change {
	var out []Change
	is, at := isTrue(p.Pod, corev1.PodReady)
	was, _ := isTrue(old.Pod, corev1.PodReady)
	switch {
	case is && !was:
		out = append(out, p.changed(at, PodReady))
	case was && !is && !p.finished():
		out = append(out, p.changed(at, PodUnready))
	}
	if p.Status.Phase == old.Status.Phase || !p.finished() {
		return out
	}
	c := p.changed(p.failedAt().at, PodSucceeded)
	if p.Status.Phase == corev1.PodFailed {
		c.What, c.Reason, c.Message = PodFailed, p.Status.Reason, p.Status.Message
	}
	return append(out, c)
}

func (p subject) containerChanges(old subject) []Change {
	var out []Change
	was := map[string]container{}
	for _, c := range old.all() {
		was[c.Name] = c
	}
	for _, c := range p.all() {
		for _, change := range c.changesSince(was[c.Name]) {
			if change.What == ProbeSucceeded {
				change.At = p.passedBy(c)
			}
			change.Object, change.Container, change.Type = p.object(), c.Name, kindOf(c)
			out = append(out, change)
		}
	}
	return out
}

// passedBy is when a startup probe has succeeded at the latest, as what waits for it tells; zero where nothing does.
func (p subject) passedBy(c container) metav1.Time {
	begun, behind := c.status.State.Running.StartedAt, false
	for _, other := range p.all() {
		if behind && c.sidecar() && other.running() && !other.status.State.Running.StartedAt.Before(&begun) {
			return other.status.State.Running.StartedAt
		}
		behind = behind || other.Name == c.Name
	}
	if ready, at := isTrue(p.Pod, corev1.PodReady); ready && !at.Before(&begun) {
		return at
	}
	return metav1.Time{}
}

// changesSince is what became of a container whose status was that of old, which may be none.
func (c container) changesSince(old container) []Change {
	if c.status == nil {
		return nil
	}
	var out []Change
	if end := c.ended(); end != nil && !sameRun(end, old.ended()) {
		code, reason := end.ExitCode, end.Reason
		if reason == "Completed" || reason == "Error" { // the code says as much
			reason = ""
		}
		out = append(out, Change{At: end.FinishedAt, What: ContainerExited, Reason: reason, ExitCode: &code, Restarts: c.restarts()})
	}
	again := c.startedSince(old)
	if again {
		out = append(out, Change{At: c.status.State.Running.StartedAt, What: ContainerStarted, Restarts: c.restarts()})
	}
	if w := c.waiting(); w != "" && w != old.waiting() && !facts.StartingReason(w) {
		out = append(out, Change{What: ContainerWaiting, Reason: w, Message: c.status.State.Waiting.Message, Restarts: c.restarts()})
	}
	if c.StartupProbe != nil && c.running() && started(c) && (again || !started(old)) {
		out = append(out, Change{What: ProbeSucceeded, Probe: startupProbe})
	}
	return append(out, c.readinessSince(old, again)...)
}

// startedSince reports whether a container runs, and did not, or in another run.
func (c container) startedSince(old container) bool {
	return c.running() && (!old.running() || !c.status.State.Running.StartedAt.Equal(&old.status.State.Running.StartedAt))
}

// readinessSince is what became of the readiness of a container, where a probe tells it.
func (c container) readinessSince(old container, again bool) []Change {
	was := old.status != nil && old.status.Ready
	switch {
	case c.init && !c.sidecar() || c.ReadinessProbe == nil:
	case c.status.Ready && !was:
		return []Change{{What: ContainerReady}}
	case was && !c.status.Ready && c.running() && !again:
		return []Change{{What: ContainerNotReady}}
	}
	return nil
}

func sameRun(a, b *corev1.ContainerStateTerminated) bool {
	return a != nil && b != nil && a.FinishedAt.Equal(&b.FinishedAt) && a.StartedAt.Equal(&b.StartedAt) && a.ExitCode == b.ExitCode
}

// stateKey is an entry of a judgment without what grows older by itself.
type stateKey struct {
	object            checks.Object
	what              Happening
	reason, container string
	waits             Wait
	long              bool
}

func keyOf(d Diagnosis) stateKey {
	k := stateKey{object: d.Object, what: Diagnosed, reason: d.RootCause, container: d.Container}
	switch {
	case d.Progress != nil:
		k.what, k.waits, k.long = Waits, d.Progress.WaitsFor, d.Progress.Long
	case d.RootCause == "":
		k.what = Unclear
	}
	return k
}

// judgedChanges is what is said now and was not before, and what no longer holds.
func judgedChanges(before, after Judgment) []Change {
	var out []Change
	was, is := map[stateKey]bool{}, map[checks.Object]bool{}
	for _, d := range slices.Concat(before.Diagnoses, before.InProgress) {
		was[keyOf(d)] = true
	}
	for _, d := range slices.Concat(after.Diagnoses, after.InProgress) {
		k := keyOf(d)
		is[d.Object] = true
		if !was[k] {
			out = append(out, Change{Object: d.Object, Container: d.Container, What: k.what, Reason: cmp.Or(k.reason, string(k.waits)), Message: d.Message})
		}
	}
	for _, d := range before.Diagnoses { // what was in progress and is no longer has been told
		if !is[d.Object] {
			is[d.Object] = true
			out = append(out, Change{Object: d.Object, What: Over})
		}
	}
	return out
}

// NextChange is when, by the clock alone, something else is said of a snapshot; false when that is not so within a
// day. It lets whoever watches judge again then, and not before.
func NextChange(s *facts.Snapshot, asked []checks.Object) (time.Time, bool) {
	now := Judge(s, asked)
	differs := func(after time.Duration) bool {
		later := *s
		later.TakenAt = metav1.NewTime(s.TakenAt.Add(after))
		return !sameState(now, Judge(&later, asked))
	}
	at := slices.Clone(moments[1:])
	for _, d := range now.InProgress {
		at = append(at, d.Progress.Since.Add(longWait).Sub(s.TakenAt.Time))
		if d.Progress.Until != nil {
			at = append(at, d.Progress.Until.Sub(s.TakenAt.Time))
		}
	}
	slices.Sort(at)
	low := time.Duration(0)
	for _, high := range at {
		if high <= low || high > moments[len(moments)-1] {
			continue
		}
		if differs(high) {
			return s.TakenAt.Add(change(low, high, differs)), true
		}
		low = high
	}
	return time.Time{}, false
}

// sameState reports whether two judgments of one snapshot at different times say the same.
func sameState(a, b Judgment) bool {
	keys := func(j Judgment) map[stateKey]bool {
		out := map[stateKey]bool{}
		for _, d := range slices.Concat(j.Diagnoses, j.InProgress) {
			out[keyOf(d)] = true
		}
		return out
	}
	x, y := keys(a), keys(b)
	if len(x) != len(y) {
		return false
	}
	for k := range x {
		if !y[k] {
			return false
		}
	}
	return true
}
