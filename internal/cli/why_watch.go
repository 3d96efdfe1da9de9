package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// gather is how long changes are gathered before they are judged: one start of a container comes as several.
const gather = 300 * time.Millisecond

// retryRead is how long to wait before what could not be read is tried again.
const retryRead = 5 * time.Second

// A watching is a `why --watch` under way: what was read, kept current by a watch, and judged again when something
// changed, or when by the clock alone something else is to be said.
type watching struct {
	o       *whyOptions
	out     *openOutputs
	screen  *screen
	options collect.Options
	end     time.Time

	reader   *collect.PodReader
	snapshot *facts.Snapshot
	asked    []checks.Object
	names    []collect.Name
	// judged is what was told last; fresh is that nothing has happened since the snapshot was read as a whole.
	judged pods.Judgment
	fresh  bool
	// looked is for which judgment logs and admission were asked, in words.
	looked string
	// limits are told with the answer.
	limits []string

	notices <-chan collect.Notice
	watched *collect.PodReader
	stop    context.CancelFunc
	lost    map[facts.Kind]error
	// unread is why the last read failed; nil if it did not. reread is that one is due.
	unread error
	reread bool
	// refused is set where pods must not be watched.
	refused bool
	// partly is that the time for a judgment was over before all pods were judged, slow that one takes long.
	partly, slow bool
	sent         []*collect.Ledger
}

// watchPods stays until the pods are well, the cause is certain, or the time is up.
func (o *whyOptions) watchPods(ctx context.Context, out *openOutputs) error {
	options, namespace, err := o.options()
	if err != nil {
		return err
	}
	w := &watching{
		o: o, out: out, screen: newScreen(o.streams.Out, o.color.value, out), options: options, end: options.Until,
		names: o.names, lost: map[facts.Kind]error{}, stop: func() {},
	}
	out.inLines()
	w.options.Until = w.until()
	if w.reader, err = collect.NewPodReader(w.options, collect.PodQuery{Namespace: namespace, Names: o.names, Selector: o.selector}); err != nil {
		return err
	}
	defer func() {
		w.stop()
		w.screen.clear()
		if o.cluster.showRequests {
			printRequests(o.streams.ErrOut, w.requests())
		}
	}()
	bounded, cancel := context.WithDeadline(ctx, w.end)
	defer cancel()
	return w.run(ctx, bounded)
}

// until is until when one reading may take.
func (w *watching) until() time.Time {
	until := time.Now().Add(collect.DefaultTimeout)
	if until.After(w.end) {
		return w.end
	}
	return until
}

func (w *watching) requests() []collect.Request {
	out := w.reader.Ledger().Requests()
	for _, l := range w.sent {
		out = append(out, l.Requests()...)
	}
	return out
}

// run goes on until there is an answer; bounded is ctx with the end of the time.
func (w *watching) run(ctx, bounded context.Context) error {
	if err := w.read(bounded); err != nil {
		if ctx.Err() != nil {
			return &failure{err: errors.New("interrupted before anything was read"), code: exitInterrupted}
		}
		return whyFailure(err)
	}
	for {
		a := w.judge(bounded)
		r := w.report(a)
		over := w.over(r)
		switch {
		case ctx.Err() != nil:
			w.limits = append(w.limits, "interrupted while watching: this is what was known by then")
			return w.finish(a, exitInterrupted)
		case bounded.Err() != nil:
			w.limits = append(w.limits, fmt.Sprintf("stopped watching after %v: allow more with --timeout", w.o.cluster.timeout))
			return w.finish(a, 0)
		case over && !w.fresh && w.unread == nil:
			w.reread = true // what ends the watch is looked at once more, as a whole
		case over && w.unread == nil, w.refused:
			return w.finish(a, 0)
		default:
			if err := w.tell(a, r); err != nil {
				return err
			}
			w.wait(bounded)
		}
		if w.reread && bounded.Err() == nil {
			w.readAgain(bounded)
		}
	}
}

// read reads everything, and watches it from then on.
func (w *watching) read(ctx context.Context) error {
	var marks collect.Marks
	var err error
	if w.watched == nil {
		if marks, err = w.reader.Mark(ctx); err != nil {
			return err
		}
	}
	snapshot, err := w.reader.Read(ctx)
	if err != nil {
		return err
	}
	if w.watched != nil && !w.reader.SameTargets(w.watched) { // from a mark on, all over again
		w.stop()
		w.watched, w.reader = nil, w.reader.Again(w.until(), w.names)
		return w.read(ctx)
	}
	w.snapshot, w.asked = snapshot, objects(w.reader.Asked())
	w.fresh, w.reread, w.unread = true, false, nil
	if w.watched == nil {
		watchContext, stop := context.WithCancel(ctx)
		w.stop, w.watched = stop, w.reader
		w.notices = w.reader.Watch(watchContext, marks)
	}
	return nil
}

// readAgain is read for what has changed. What cannot be read now is tried again.
func (w *watching) readAgain(ctx context.Context) {
	before := w.reader
	w.reader = before.Again(w.until(), w.names)
	err := w.read(ctx)
	if err == nil {
		return
	}
	w.reader = before
	var missing *collect.MissingError
	if errors.As(err, &missing) {
		w.reread, w.unread, w.fresh = false, nil, true
		w.snapshot = vanished(w.snapshot, err)
		return
	}
	if w.unread == nil && ctx.Err() == nil {
		w.screen.note(fmt.Sprintf("%v: trying again", err))
	}
	w.unread = err
}

// vanished is a snapshot of what is not there anymore.
func vanished(s *facts.Snapshot, err error) *facts.Snapshot {
	out := *s
	out.Pods = nil
	out.Gaps = append(slices.Clone(s.Gaps), facts.NewGap(facts.Pods, facts.Instance{}, "it is not there anymore: "+err.Error(),
		facts.Do("see what there is:", "kubectl get pods")))
	return &out
}

// roundTime is how long one judgment may take; what is known by then is told. longJudgment is from when on judgments are
// only made where something has happened, and now and then.
const (
	roundTime    = 30 * time.Second
	longJudgment = time.Second
)

// round is the context of one judgment. After an interruption, and when the time is up, there is still a moment for the last.
func round(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		return untilEnd(ctx, time.Now().Add(mostReserved))
	}
	return context.WithTimeout(ctx, roundTime)
}

// judge judges what is known now, as far as there is time. Of what was just read, it asks logs and admission for what the
// answer rests on, once for each state.
func (w *watching) judge(ctx context.Context) *answer {
	s := *w.snapshot
	s.TakenAt.Time = w.reader.Now()
	w.snapshot = &s
	bounded, cancel := round(ctx)
	defer cancel()
	begun := time.Now()
	a, all := judgePortions(bounded, &s, w.asked)
	w.partly, w.slow = !all, time.Since(begun) > longJudgment
	if !all {
		return a
	}
	if w.fresh && len(a.judged.Diagnoses) > 0 && w.looked != stateOf(a) {
		w.looked = stateOf(a)
		w.lookDeeper(ctx, a)
	}
	told := s // what is admitted holds for this answer only
	a.snapshot = &told
	if a.admit(w.reader.Podless()) {
		a, all = judgePortions(bounded, &told, w.asked)
		w.partly = !all
	}
	return a
}

// lookDeeper is what why does after its first answer. Where there is no time to judge again, the first stands.
func (w *watching) lookDeeper(ctx context.Context, a *answer) {
	w.options.Until = w.until()
	w.reader.KeepIn(a.snapshot)
	more := w.o.readLogs(ctx, w.reader, a.judged)
	if sent := w.o.readAdmission(ctx, w.options, a.snapshot, a.judged.Diagnoses); sent != nil {
		more = true
		w.sent = append(w.sent, sent)
	}
	if !more {
		return
	}
	bounded, cancel := round(ctx)
	defer cancel()
	if deeper, all := judgePortions(bounded, a.snapshot, a.asked); all {
		a.judged = deeper.judged
	}
}

// stateOf names what is said of what, without ages.
func stateOf(a *answer) string {
	var out string
	for _, d := range a.judged.Diagnoses {
		restarts := int32(0)
		for _, row := range d.Timeline {
			restarts += row.Restarts
		}
		out += fmt.Sprintln(d.Object, d.RootCause, d.Container, len(d.Pods), restarts)
	}
	return out
}

func (w *watching) report(a *answer) *report.Report {
	r := report.Why(a.snapshot, a.judged, a.asked, buildVersion().Version)
	r.Named = true // somebody waits for it
	return r
}

// over reports whether there is nothing left to wait for: the cause is certain, all is well, or what is not known is
// not about pods that may still change.
func (w *watching) over(r *report.Report) bool {
	if w.partly && r.Verdict != report.NotReady {
		return false
	}
	switch r.Verdict {
	case report.NotReady, report.Ready:
		return true
	case report.Unknown:
		if len(r.InProgress) == 0 && len(w.snapshot.Pods) > 0 && !slices.ContainsFunc(w.snapshot.Pods, func(p pod) bool { return !facts.PodFinished(&p) }) {
			return true // nothing of it changes anymore
		}
		return len(r.Entries()) == 0 && !slices.ContainsFunc(w.snapshot.GapsOf(facts.Pods, ""), facts.Gap.NoPods)
	}
	return false
}

// tell shows what is not as it was.
func (w *watching) tell(a *answer, r *report.Report) error {
	r.Changes = slices.Concat([]pods.Change{}, pods.Changes(w.judged, a.judged))
	w.judged = a.judged
	return w.screen.show(r)
}

// finish tells the last changes, and the answer.
func (w *watching) finish(a *answer, code int) error {
	for _, kind := range []facts.Kind{facts.Pods, facts.Events} {
		if err := w.lost[kind]; err != nil {
			w.limits = append(w.limits, fmt.Sprintf("%[1]s were not watched: %[2]v; allow watch on %[1]s: kubectl sidecar rbac --for why --watch", kind, err))
		}
	}
	if w.unread != nil {
		w.limits = append(w.limits, fmt.Sprintf("it could not be read again: %v", w.unread))
	}
	a.snapshot.Limits = append(slices.Clone(a.snapshot.Limits), w.limits...)
	r := w.report(a)
	r.Changes = slices.Concat([]pods.Change{}, pods.Changes(w.judged, a.judged))
	if !w.out.reports() {
		if err := w.screen.last(r); err != nil {
			return err
		}
	}
	if err := w.out.print(r, w.o.color.value); err != nil {
		return err
	}
	if code == 0 {
		code = r.WhyExitCode()
	}
	if code == report.ExitOK {
		return nil
	}
	return exit(code)
}

// redraw draws the picture again: it grows with the time. Where that takes long, it stays as it is.
func (w *watching) redraw(ctx context.Context) {
	if w.slow {
		return
	}
	s := *w.snapshot
	s.TakenAt.Time = w.reader.Now()
	bounded, cancel := context.WithTimeout(ctx, longJudgment)
	defer cancel()
	a, all := judgeInTime(bounded, &s, w.asked, w.reader.Podless())
	if w.slow = !all; all {
		w.screen.redraw(w.report(a))
	}
}
