package pods

import (
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Every duration that decides about a pod stands here, and every number of times; patience_test.go has a pod just
// below and at each.

// hangTime is how long a state that the kubelet should leave at once lasts before it is a sign.
const hangTime = 5 * time.Minute

// scaleUp is how long a pod may wait for a node that an autoscaler is about to bring: minutes.
const scaleUp = 5 * time.Minute

// tolerated is by how much a time may lie in the future: clocks differ a little, and a run may take a while.
const tolerated = facts.ClockTolerance

// How long an init container may run before it is called a server. A server declared by mistake
// never exits, a job does: time is the proof, signs are the reason to look. With a strong sign (known
// software, a declared port) half a minute is enough to be past a slow start; a word in a command line
// can mislead, so it takes five. Without any sign no age is an alarm: restores and migrations
// run for hours.
const (
	youngWithStrongSign = 30 * time.Second
	youngWithWeakSign   = 5 * time.Minute
)

// settle is how long a pod may be in a state that young pods pass through before it is called stuck.
const settle = youngWithStrongSign

// A pod is called unready before settle is over when it has been so for quickly, and its probe has
// failed someFailures times.
const (
	quickly      = settle / 2
	someFailures = 3
)

// soonStopped is how long what looks like a sidecar may run on after the work is done: whoever tells it to stop does
// so at once.
const soonStopped = 5 * time.Second

// shortRun is how long a run may have lasted that failed because something was not there yet; what gives up later has
// other reasons.
const shortRun = 30 * time.Second

// recent is how long ago a restart may be to be more than history.
const recent = 10 * time.Minute

// someRestarts is from how many restarts on a sidecar that runs counts as crash-looping.
const someRestarts = 3

// From how many restarts on, one in frequently or less over the life of its pod, a container exits again and again however
// long it lasts in between.
const (
	manyRestarts = 10
	frequently   = time.Hour
)

// headStart is how soon after the start of its proxy a container's exit is put down to it. Later
// failures have other reasons.
const headStart = 15 * time.Second

// fewRestarts is up to how many restarts a container may still have lost a race, whatever became of it. More are
// put down to one only when it works by now, and says itself that nobody listened: a proxy that takes 20s
// is up at the third restart.
const fewRestarts = 2

// patience is how long a startup probe may go on failing within what it allows. Probes fail at first
// by design, so only using up their budget says something, or a time that nobody plans for.
const patience = 10 * time.Minute

// rounding is by how much a run may have lasted longer than its status says, whose times are in whole seconds.
const rounding = time.Second

// longWait is from when on a pod in progress is worth a look among others, however long it may take.
const longWait = 5 * time.Minute

// How long the Job controller waits before it replaces a failed pod: twice as long each time, up to the second.
const (
	jobBackOff     = 10 * time.Second
	jobBackOffMost = 10 * time.Minute
)

// firstTries is how long the kubelet may fail to prepare a pod before that is worth a word: what a
// pod needs is often created together with it.
const firstTries = 10 * time.Second

// longGracePeriod is from when on a shorter grace period is worth a word.
const longGracePeriod = time.Minute

// longestDeletion is the longest grace period with which kubectl replace still sees the pod go.
const longestDeletion = 4 * time.Minute

// moments are how long after the newest time in it a file is supposed to be taken (bounds.go): the durations that
// decide, some between them, and one by which everything has been decided.
var moments = []time.Duration{
	0, firstTries, quickly, settle, time.Minute, tolerated, hangTime, patience, 30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// seconds is a duration of the API, which counts in seconds.
func seconds[N int32 | int64](n N) time.Duration { return time.Duration(n) * time.Second }
