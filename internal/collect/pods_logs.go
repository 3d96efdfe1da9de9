package collect

import (
	"context"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// How much of a container's log is read.
const (
	logLines = 20
	logBytes = 16 << 10
)

// A LogSource is a container whose last lines are wanted.
type LogSource struct {
	Namespace, Pod, Container string
	// Previous asks for the run before the current one as well.
	Previous bool
}

// ReadLogs adds the last lines of containers to the snapshot of Read, with what looks like a
// credential taken out. A log that does not exist is nothing to report.
func (r *PodReader) ReadLogs(ctx context.Context, sources []LogSource) {
	ctx, cancel := r.c.opts.bounded(ctx)
	defer cancel()
	r.c.snapshot.Seen = append(r.c.snapshot.Seen, facts.Logs)
	runs := slices.Clone(sources)
	for i := range runs {
		runs[i].Previous = false
	}
	for _, s := range sources {
		if s.Previous {
			runs = append(runs, s)
		}
	}
	each(r.c.opts.Concurrency, len(runs), func(i int) { r.readLog(ctx, runs[i]) })
}

// readLog reads the log of one run: the current one, or the one before.
func (r *PodReader) readLog(ctx context.Context, s LogSource) {
	reading, cancel := r.c.reading(ctx)
	defer cancel()
	lines, bytes := int64(logLines), int64(logBytes)
	raw, err := r.c.client.CoreV1().Pods(s.Namespace).GetLogs(s.Pod, &corev1.PodLogOptions{
		Container: s.Container, Previous: s.Previous, TailLines: &lines, LimitBytes: &bytes,
	}).DoRaw(reading)
	if a, ok := answered(err); ok && (a.Code == http.StatusBadRequest || a.Code == http.StatusNotFound) {
		return // not started, or gone: that is in its status
	}
	if err != nil {
		r.c.failed(ctx, readLogs.In(s.Namespace), facts.PodInstance(s.Namespace, s.Pod), err)
		return
	}
	text := strings.TrimRight(string(raw), "\n")
	if text == "" {
		return
	}
	log := facts.ContainerLog{Namespace: s.Namespace, Pod: s.Pod, Container: s.Container, Previous: s.Previous}
	for _, line := range strings.Split(text, "\n") {
		log.Lines = append(log.Lines, facts.RedactText(strings.TrimRight(line, "\r")))
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Logs = append(r.c.snapshot.Logs, log)
}
