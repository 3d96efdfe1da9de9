package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// overtime is how much longer than its own limit a cluster is waited for: what it does not notice itself, such as a
// program for credentials that hangs, must not hold up the others.
const overtime = 15 * time.Second

// A fleetRun asks several clusters side by side.
type fleetRun[T any] struct {
	flags   *fleetFlags
	cluster *clusterFlags
	streams genericiooptions.IOStreams
	// limit is how long one cluster may take.
	limit time.Duration
	// ask asks one, and unread is what stands for one that could not be asked.
	ask    func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (T, error)
	unread func(name string, why report.Unreached) T
}

// each asks them all, as many at once as --parallel says, and returns what came of each in the order of their names.
// What goes wrong with one is its own affair, and known of it.
func (r *fleetRun[T]) each(ctx context.Context) []T {
	out := make([]T, len(r.flags.names))
	progress := startProgress(r.streams.ErrOut)
	defer progress.stop()
	var done int
	var mu sync.Mutex
	progress.step("clusters", 0, len(out))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(r.flags.parallel, len(out)) {
		workers.Go(func() {
			for i := range next {
				out[i] = r.one(ctx, r.flags.names[i], progress)
				mu.Lock()
				done++
				progress.step("clusters", done, len(out))
				mu.Unlock()
			}
		})
	}
	for i := range out {
		next <- i
	}
	close(next)
	workers.Wait()
	return out
}

// one asks a cluster, for no longer than it may take.
func (r *fleetRun[T]) one(ctx context.Context, name string, progress *progress) T {
	if ctx.Err() != nil {
		return r.unread(name, interruptedBefore)
	}
	stderr := &prefixed{prefix: print.Escape(name) + ": ", out: r.streams.ErrOut, progress: progress}
	streams := genericiooptions.IOStreams{In: r.streams.In, Out: io.Discard, ErrOut: stderr}
	defer stderr.flush()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.limit+overtime)
	defer cancel()
	result, err := collect.UntilDone(limited, func() (T, error) {
		return r.ask(ctx, r.flags.of(r.cluster, name), streams)
	}, func(T) {})
	if err != nil {
		return r.unread(name, r.why(ctx, err))
	}
	return result
}

var interruptedBefore = report.Unreached{Reason: "interrupted before it was read", Remedy: "ask it again"}

// why says what went wrong with a cluster, and what to do.
func (r *fleetRun[T]) why(ctx context.Context, err error) report.Unreached {
	var (
		f           *failure
		unreachable *collect.UnreachableError
	)
	out := report.Unreached{Reason: err.Error()}
	switch {
	case ctx.Err() != nil:
		return interruptedBefore
	case errors.As(err, &unreachable):
		out.Reason, out.Remedy = unreachable.Problem, unreachable.Hint
	case errors.Is(err, context.DeadlineExceeded):
		out = report.Unreached{
			Reason: fmt.Sprintf("it did not answer within %v", r.limit+overtime),
			Remedy: "see whether its credentials need a login, and whether it answers at all: kubectl version --context NAME",
		}
	case errors.As(err, &f):
		out.Remedy = f.hint
	}
	return report.Unreached{Reason: facts.RedactText(cutLines(out.Reason)), Remedy: facts.RedactText(out.Remedy)}
}

// A prefixed writer puts the name of a cluster before each line, and keeps lines of several clusters whole.
type prefixed struct {
	prefix   string
	out      io.Writer
	progress *progress
	pending  []byte
}

func (p *prefixed) Write(data []byte) (int, error) {
	p.pending = append(p.pending, data...)
	end := bytes.LastIndexByte(p.pending, '\n') + 1
	if end == 0 {
		return len(data), nil
	}
	var lines bytes.Buffer
	for line := range bytes.Lines(p.pending[:end]) {
		lines.WriteString(p.prefix)
		lines.Write(line)
	}
	p.pending = append(p.pending[:0], p.pending[end:]...)
	p.progress.aside(func() { _, _ = p.out.Write(lines.Bytes()) })
	return len(data), nil
}

// flush ends a line that was begun.
func (p *prefixed) flush() {
	if len(p.pending) > 0 {
		_, _ = p.Write([]byte("\n"))
	}
}

// aside writes something else where progress is shown.
func (p *progress) aside(write func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	write()
}

// memberConfig is the client configuration of one of several clusters. A program for credentials gets no terminal: it
// would not be told for which cluster a password is typed.
func (c *clusterFlags) memberConfig() (*rest.Config, error) {
	if err := c.memberComplete(); err != nil {
		return nil, couldNotRun("see what there is: kubectl config view", err)
	}
	config, err := c.member.ClientConfig()
	if err != nil {
		return nil, couldNotRun("see what is used: kubectl config view --minify --context NAME", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "several clusters are asked at once: log in to this one first, or ask it alone with --context"
	}
	config.Timeout = 0 // collect gives every request a deadline of its own
	return config, nil
}

// memberComplete is an error where the context names what the kubeconfig has not; clients would ask this machine.
func (c *clusterFlags) memberComplete() error {
	raw, err := c.member.RawConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	context := raw.Contexts[*c.kube.Context]
	switch {
	case context == nil:
		return errors.New("the kubeconfig has no such context")
	case raw.Clusters[context.Cluster] == nil:
		return fmt.Errorf("the context names cluster %q, which the kubeconfig does not have", context.Cluster)
	case context.AuthInfo != "" && raw.AuthInfos[context.AuthInfo] == nil:
		return fmt.Errorf("the context names user %q, which the kubeconfig does not have", context.AuthInfo)
	}
	return nil
}
