package cli

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// takenNow is the value of --taken-at for a file that kubectl has written just now.
const takenNow = "now"

// youngPipe is how old the newest time in a pipe may be for now to be its clock: who pipes kubectl's output asks
// about now, but may replay what somebody sent.
const youngPipe = 10 * time.Minute

const hintTakenAt = "for example --taken-at 2026-03-01T12:00:00Z, or --taken-at now"

// checkTakenAt refuses a --taken-at that no file can make right.
func (o *whyOptions) checkTakenAt(given bool) error {
	if !given {
		return nil
	}
	if len(o.files) == 0 {
		return usage("add -f FILE, or leave it out: a cluster is always asked now", "--taken-at is for files")
	}
	if _, err := o.taken(); err != nil {
		return usage(hintTakenAt, "--taken-at: %q is not a time as in RFC 3339", o.takenAt)
	}
	return nil
}

// taken is the time that --taken-at names.
func (o *whyOptions) taken() (time.Time, error) {
	if o.takenAt == takenNow {
		return o.now().UTC().Truncate(time.Second), nil
	}
	return time.Parse(time.RFC3339, o.takenAt)
}

// clock gives a file that does not say when it was taken the best clock there is: the user's word, now for what
// comes through a pipe and is young, else the newest time in it.
func (o *whyOptions) clock(s *facts.Snapshot) error {
	now := o.now().UTC().Truncate(time.Second)
	s.LeaveOutFuture(now)
	newest := s.NewestTime()
	switch {
	case o.takenAt != "":
		at, err := o.taken()
		if err != nil {
			return err
		}
		if why := s.NotTakenAt(at, now); why != "" {
			return usage(hintTakenAt, "--taken-at %s: %s", o.takenAt, why)
		}
		if s.TakenAt.IsZero() {
			s.CountTo(at.UTC(), fmt.Sprintf("the file counts as taken at %s, as --taken-at says", at.UTC().Format(time.RFC3339)))
		}
	case s.TakenAt.IsZero() && slices.Equal(o.files, []string{"-"}) && !newest.IsZero() && young(now.Sub(newest.Time)):
		s.CountTo(now, fmt.Sprintf("stdin does not say when it was taken: it counts as taken now, %s, because the newest time in it, %s, is not %s old",
			now.Format(time.RFC3339), newest.UTC().Format(time.RFC3339), duration.HumanDuration(youngPipe)))
	default:
		s.CountToNewest()
	}
	return nil
}

// young reports whether a pipe whose newest time is that old was made just now.
func young(age time.Duration) bool { return age < youngPipe && age >= -facts.ClockTolerance }
