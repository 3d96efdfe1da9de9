package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// An age is how long ago something was, as far as that can be told. Of a file that does not say when
// it was taken, TakenAt is the newest time in it, and then facts.Clock has a gap: every age is at
// least so long, and may be longer. Checks are then asked for one moment after another: see bounds.go.
type age struct {
	at    metav1.Time
	since time.Duration
	// known is that it is at least since, exact that it is no more.
	known, exact bool
	// supposed is how long ago it is when the file was taken at the moment that is asked about; decided is that
	// there is one, or that it is exact.
	supposed time.Duration
	decided  bool
}

// ageOf is unknown when either time is; nothing is guessed. It is unknown as well when the clock of
// whoever wrote the time is ahead: what lies in the future is neither young nor old.
func ageOf(s *facts.Snapshot, at metav1.Time) age {
	if s.TakenAt.IsZero() || at.IsZero() || s.Age(at) < -tolerated {
		return age{at: at}
	}
	since := max(s.Age(at), 0)
	a := age{at: at, since: since, supposed: since, known: true, exact: true, decided: true}
	for i := range s.Gaps {
		if g := &s.Gaps[i]; g.Kind == facts.Clock {
			a.exact, a.decided = false, g.Scope == supposedScope
		}
	}
	if !a.exact && a.decided {
		a.since = max(s.Newest.Sub(at.Time), 0)
	}
	return a
}

// atLeast is false when that is not known.
func (a age) atLeast(d time.Duration) bool { return a.known && a.supposed >= d }

// below is false when that is not known.
func (a age) below(d time.Duration) bool { return a.decided && a.supposed < d }

// untold reports whether it cannot be told if the age is below d.
func (a age) untold(d time.Duration) bool { return !a.atLeast(d) && !a.below(d) }

// words is "for 12m", "for at least 12m" when the file has no clock, or the truth.
func (a age) words() string {
	switch {
	case a.exact:
		return "for " + duration.HumanDuration(a.since)
	case a.known && a.since >= rounding:
		return "for at least " + duration.HumanDuration(a.since)
	case !a.at.IsZero():
		return "since " + a.at.UTC().Format(time.RFC3339)
	}
	return "(since an unknown time)"
}

// ago is words for something that is over.
func (a age) ago() string {
	switch {
	case a.exact:
		return duration.HumanDuration(a.since) + " ago"
	case !a.at.IsZero():
		return "at " + a.at.UTC().Format(time.RFC3339)
	}
	return "at an unknown time"
}

// startedAt is when the current run of a container began.
func (p subject) startedAt(c container) age {
	if !c.running() {
		return age{}
	}
	return ageOf(p.s.Snapshot, c.status.State.Running.StartedAt)
}

// born is when the pod was created.
func (p subject) born() age { return ageOf(p.s.Snapshot, p.CreationTimestamp) }

// neverRan are the reasons of a container that was created and could not be started: containerd's and CRI-O's, and
// those of runtimes behind cri-dockerd. The exit code, 128 or the shell's 126 and 127, is then the runtime's.
var neverRan = []string{"StartError", "ContainerCannotRun"}

// exit says how a run ended, with what its code means.
func exit(t *corev1.ContainerStateTerminated) string {
	code := fmt.Sprintf("exit code %d", t.ExitCode)
	switch {
	case t.Reason == "ContainerStatusUnknown": // the kubelet writes 137 then, whatever it was
		return "exit code not known (ContainerStatusUnknown: the kubelet lost track of it)"
	case slices.Contains(neverRan, t.Reason):
		return code + " (" + t.Reason + ": it could not be started)"
	case t.Reason == "OOMKilled":
		return code + " (OOMKilled: it used more memory than its limit)"
	case t.ExitCode == 137:
		return code + " (128+9: killed by SIGKILL; the kernel's OOM killer is not named)"
	case t.ExitCode == 143:
		return code + " (128+15: killed by SIGTERM)"
	case t.ExitCode == 139:
		return code + " (128+11: segmentation fault)"
	case t.ExitCode == 127:
		return code + " (command not found, by shell convention)"
	case t.ExitCode == 126:
		return code + " (cannot be executed, by shell convention)"
	case t.Signal != 0:
		return fmt.Sprintf("%s (signal %d)", code, t.Signal)
	}
	return code
}

// ending is how the current or last run of a container ended, as evidence.
func (p subject) ending(c container) []string {
	t := c.ended()
	if t == nil {
		return nil
	}
	field := "lastState"
	if c.status.State.Terminated != nil {
		field = "state"
	}
	line := fmt.Sprintf("%s.terminated of %s: %s", field, c.Name, c.exited())
	if t.Reason != "" && !strings.Contains(line, t.Reason) {
		line += ", reason " + t.Reason
	}
	if !t.FinishedAt.IsZero() {
		line += ", " + ageOf(p.s.Snapshot, t.FinishedAt).ago()
		if !begun(t).IsZero() {
			line += fmt.Sprintf(" after %s", t.FinishedAt.Sub(t.StartedAt.Time).Round(time.Second))
		}
	}
	out := []string{line}
	if t.Message != "" {
		out = append(out, "its termination message: "+prose.OneLine(t.Message))
	}
	return out
}

// lastWords are the last lines of a container's log as evidence, at most n.
func (p subject) lastWords(c container, n int) []string {
	lines := p.logs(c)
	var out []string
	for _, line := range lines[max(0, len(lines)-n):] {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, "log of "+c.Name+": "+prose.OneLine(line))
		}
	}
	return out
}

// waitingEvidence quotes why a container waits.
func waitingEvidence(c container) []string {
	if c.waiting() == "" {
		return nil
	}
	line := fmt.Sprintf("state.waiting of %s: %s", c.Name, c.waiting())
	if m := c.status.State.Waiting.Message; m != "" {
		line += ": " + prose.OneLine(m)
	}
	return []string{line}
}

// stateEvidence is a running container as the API server has it.
func (p subject) stateEvidence(c container) string {
	started := "absent"
	if c.status.Started != nil {
		started = fmt.Sprint(*c.status.Started)
	}
	return fmt.Sprintf("status of %s: running %s, started: %s, restartCount: %d", c.Name, p.startedAt(c).words(), started, c.restarts())
}

// quoteEvent is an event with its count and age.
func quoteEvent(s *facts.Snapshot, e corev1.Event) string {
	count := ""
	if n := times([]corev1.Event{e}); n > 1 {
		count = fmt.Sprintf(" x%d", n)
	}
	return fmt.Sprintf("event %s%s, last %s: %s", e.Reason, count, ageOf(s, eventTime(e)).ago(), prose.OneLine(e.Message))
}

// newest quotes the newest of events that say different things, at most n.
func newest(s *facts.Snapshot, events []corev1.Event, n int) []string {
	var out, seen []string
	for _, e := range events {
		if known := len(seen); known == len(prose.AddOnce(seen, e.Message)) {
			continue
		}
		seen = append(seen, e.Message)
		if len(out) < n {
			out = append(out, quoteEvent(s, e))
		}
	}
	return out
}

// begun is when a run that is over began; zero for one that never did, for which containerd and the
// kubelet write the year 1970.
func begun(t *corev1.ContainerStateTerminated) time.Time {
	if t.StartedAt.Unix() <= 0 {
		return time.Time{}
	}
	return t.StartedAt.Time
}

func timeOf(t *metav1.Time) metav1.Time {
	if t == nil {
		return metav1.Time{}
	}
	return *t
}

const oomKilled = facts.OOMKilled

func memoryLimit(c container) string {
	if limit := c.Resources.Limits.Memory(); !limit.IsZero() {
		return fmt.Sprintf("memory limit of %s: %s", c.Name, limit)
	}
	return fmt.Sprintf("%s has no memory limit: the pod's was used up, or the node's memory", c.Name)
}

// times is how often the newest of events was seen.
func times(events []corev1.Event) int {
	if len(events) == 0 {
		return 0
	}
	e := events[0]
	if e.Series != nil {
		return max(int(e.Series.Count), int(e.Count))
	}
	return max(int(e.Count), 1)
}
