package pods

import (
	"cmp"
	"time"
)

// A probeProgress is how far the startup probe of a container has got, in the run that goes on.
type probeProgress struct {
	// failures is how often the probe has failed in this run, at least: the kubelet does not write an event for each.
	failures int
	// budget is how long the probe may go on failing from the start of the run, before the container is stopped.
	budget time.Duration
	// asks is what the probe asks, got what it was answered last; empty where no event says it.
	asks, got string
}

// probeProgress is the progress of a container that runs and has not passed its startup probe; ok is false for all others.
func (p subject) probeProgress(c container) (out probeProgress, ok bool) {
	if c.StartupProbe == nil || !c.running() || started(c) {
		return probeProgress{}, false
	}
	out = probeProgress{budget: budget(c.StartupProbe), asks: probeText(c.Container, c.StartupProbe)}
	begin := c.status.State.Running.StartedAt
	for _, e := range p.startupFailures(c) {
		last := eventTime(e)
		if last.Before(&begin) {
			continue // of an earlier run
		}
		out.got = cmp.Or(out.got, answer(e))
		seen := max(int(e.Count), 1)
		if e.Series != nil {
			seen = max(seen, int(e.Series.Count))
		}
		if first := e.FirstTimestamp; first.Before(&begin) { // the event counts earlier runs as well
			since := last.Sub(begin.Time) - seconds(c.StartupProbe.InitialDelaySeconds)
			seen = min(seen, int(since/seconds(cmp.Or(c.StartupProbe.PeriodSeconds, 10)))+1)
		}
		out.failures += max(seen, 1)
	}
	return out, true
}
