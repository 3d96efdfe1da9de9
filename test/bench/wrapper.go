//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// loop is what people write into the command of a job beside a sidecar.
const loop = `until curl -fs -o /dev/null "$0/ready"; do sleep 1; done; "$@"; x=$?; curl -fs -o /dev/null -X POST "$0/quit"; exit $x`

// A wrapped is what one run took.
type wrapped struct {
	start time.Duration // from when the sidecar is ready to when the command runs
	end   time.Duration // from when the command has exited to when the sidecar is gone and the wrapper has exited
	mb    float64       // its proportional memory while the command runs
}

// wrapper compares sidecar-run with the shell loop: the same sidecar, which becomes ready at a moment that neither knows.
func (b *bench) wrapper(ctx context.Context) error {
	program, err := b.runProgram(ctx)
	if err != nil {
		return err
	}
	var ours, other []wrapped
	for i := range 2 * b.sizes.repeat {
		late := 1100*time.Millisecond + time.Duration(i)*137*time.Millisecond // anywhere in the loop's second
		for list, command := range map[*[]wrapped]func(url string) []string{
			&ours: func(url string) []string {
				return []string{program, "--wait", url + "/ready", "--quit", url + "/quit", "--"}
			},
			&other: func(url string) []string { return []string{"sh", "-c", loop, url} },
		} {
			w, err := b.wrap(ctx, late, command)
			if err != nil {
				return err
			}
			*list = append(*list, w)
		}
	}
	compare(b, "`sidecar-run` and a shell loop with curl: from sidecar ready to command started", 0.2, ours, other, func(w wrapped) time.Duration { return w.start })
	compare(b, "the same: from command exited to sidecar gone and wrapper exited", 2, ours, other, func(w wrapped) time.Duration { return w.end })
	mine, theirs := medianOf(ours, func(w wrapped) float64 { return w.mb }), medianOf(other, func(w wrapped) float64 { return w.mb })
	b.table.shown("the same: proportional memory while the command runs", fmt.Sprintf("%.1f MB", mine), fmt.Sprintf("%.1f MB", theirs), number(mine/theirs))
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	b.table.bound("`sidecar-run`: size", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), "< 4 MB", info.Size() < 4e6)
	return b.wrapperPods(ctx, program)
}

// medianOf is the one in the middle of what the runs took.
func medianOf[T any, N cmp.Ordered](list []T, of func(T) N) N {
	var values []N
	for _, one := range list {
		values = append(values, of(one))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// compare is a row about what the runs of both took.
func compare[T any](b *bench, what string, limit float64, ours, other []T, of func(T) time.Duration) {
	mine, theirs := medianOf(ours, of), medianOf(other, of)
	b.table.atMost(what, seconds(mine), seconds(theirs), mine.Seconds()/theirs.Seconds(), limit)
}

// runProgram is sidecar-run as it is released.
func (b *bench) runProgram(ctx context.Context) (string, error) {
	root, err := binaries.Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(b.dir, "sidecar-run")
	build := exec.CommandContext(ctx, "go", "build", "-C", root, "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/sidecar-run")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sidecar-run: %w\n%s", err, out)
	}
	return program, nil
}

// wrap runs one of them before a command that says when it starts, and exits when it is told.
func (b *bench) wrap(ctx context.Context, late time.Duration, command func(url string) []string) (wrapped, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return wrapped{}, err
	}
	var ready atomic.Bool
	mux, server := http.NewServeMux(), &http.Server{}
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/quit", func(http.ResponseWriter, *http.Request) { time.AfterFunc(time.Millisecond, func() { server.Close() }) })
	server.Handler = mux
	go server.Serve(listener)
	defer server.Close()
	in, err := os.MkdirTemp(b.dir, "wrapper-")
	if err != nil {
		return wrapped{}, err
	}
	// The command is a shell: what it does between the two moments is waiting.
	script := fmt.Sprintf("date +%%s%%N >%s/started.new; mv %s/started.new %s/started; until test -e %s/go; do sleep 0.01; done; date +%%s%%N >%s/exited", in, in, in, in, in)
	argv := append(command("http://"+listener.Addr().String()), "sh", "-c", script)
	run := exec.CommandContext(ctx, argv[0], argv[1:]...)
	run.Stderr = os.Stderr
	if err := run.Start(); err != nil {
		return wrapped{}, err
	}
	time.Sleep(late)
	ready.Store(true)
	since := time.Now()
	for {
		if _, err := os.Stat(in + "/started"); err == nil {
			break
		}
		if ctx.Err() != nil {
			return wrapped{}, ctx.Err()
		}
		time.Sleep(time.Millisecond)
	}
	var w wrapped
	w.mb = proportional(run.Process.Pid)
	if err := os.WriteFile(in+"/go", nil, 0o600); err != nil {
		return w, err
	}
	if err := run.Wait(); err != nil {
		return w, err
	}
	over := time.Now()
	started, err := stamp(in + "/started")
	if err != nil {
		return w, err
	}
	exited, err := stamp(in + "/exited")
	if err != nil {
		return w, err
	}
	w.start, w.end = started.Sub(since), over.Sub(exited)
	return w, nil
}

func stamp(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return time.Unix(0, nanoseconds), err
}

// proportional is the memory of a process in MB, its share of what it shares; the command is another process.
func proportional(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(strings.Fields(field(string(text), "Pss"))[0], 64)
	return kilobytes / 1000
}
