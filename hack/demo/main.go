// Command demo shows the plugin where there is no cluster. First it judges recordings of real clusters that ship
// with the project, itself: it needs less than half of the packages that the plugin does, so this is on the screen
// about a minute after the clone. Then it starts a real cluster on this machine, hack/demo/live: of programs that are here,
// and what is missing it builds. It imports nothing that can talk to a cluster; that would take minutes to compile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/rights"
)

// A demo is what was asked for, and where.
type demo struct {
	version  string // of the plugin
	recorded bool   // nothing else
	pages    bool   // recorded kubelets only
	root     string // the checkout
	out      io.Writer
	messages io.Writer
	goos     string
	uid      int
}

func main() {
	d := demo{out: os.Stdout, messages: os.Stderr, goos: runtime.GOOS, uid: os.Getuid()}
	flag.StringVar(&d.version, "version", "(devel)", "the version that reports are evaluated by")
	flag.BoolVar(&d.recorded, "recorded", false, "stop after the recorded clusters")
	flag.BoolVar(&d.pages, "without-kubelets", false, "an API server, and recorded pages instead of a real kubelet; needs no root")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := d.run(ctx); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; nothing is left but what was built, in bin and the user's cache, for next time")
		}
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.messages, "demo: "+format+"\n", args...)
}

func (d *demo) run(ctx context.Context) error {
	var err error
	if d.root, err = binaries.Root(); err != nil {
		return err
	}
	for _, r := range recordings() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.show(d.root, d.out, d.messages, d.version); err != nil {
			return err
		}
	}
	if why := d.onlyRecorded(); why != "" {
		d.say("%s", why)
		return nil
	}
	return d.live(ctx)
}

// onlyRecorded says why no cluster is started.
func (d *demo) onlyRecorded() string {
	switch {
	case d.recorded:
		return "that was the recorded part; without -recorded a real cluster is started"
	case d.goos != "linux":
		return "that was the recorded part; a real cluster can be started on Linux only"
	case d.uid != 0 && !d.pages:
		return "that was the recorded part; a real kubelet needs root. An API server does not: bin/demo -without-kubelets"
	}
	return ""
}

// live starts a real cluster and shows the plugin on it.
func (d *demo) live(ctx context.Context) error {
	d.say("that was recorded; now a real cluster on this machine")
	newest, err := binaries.Newest("kube-apiserver", "kubelet")
	if err != nil {
		return err
	}
	newestMinor := 0
	if _, err := fmt.Sscanf(newest, "1.%d", &newestMinor); err != nil {
		return fmt.Errorf("the newest minor, %s: %w", newest, err)
	}
	if !d.pages {
		said, err := d.installPackages(ctx)
		if err != nil {
			return err
		}
		if err := rights.Nodes(); err != nil {
			fmt.Fprint(d.messages, said)
			d.say("no real kubelet here: %s; recorded pages answer for all nodes", strings.ReplaceAll(err.Error(), "\n", "; "))
			d.pages = true
		}
	}
	f := look(ctx, places(os.Getenv), newestMinor, !d.pages)
	for _, remark := range f.remarks {
		d.say("%s", remark)
	}
	n, err := d.needs(f, newest)
	if err != nil {
		return err
	}
	began := time.Now()
	jobs, err := jobsFor(ctx, n.targets, d.messages)
	if err != nil {
		return err
	}
	if err := build(ctx, jobs, d.messages); err != nil {
		return err
	}
	if took := time.Since(began).Round(time.Second); took >= 5*time.Second {
		d.say("all is built, after %s", took)
	}
	return d.start(ctx, n)
}

// installPackages installs what a real kubelet needs besides, where it can. It shows what is installed, and returns
// what else was said: of interest if it was in vain.
func (d *demo) installPackages(ctx context.Context) (said string, err error) {
	script := filepath.Join(d.root, "hack", "packages.sh")
	cmd := exec.CommandContext(ctx, script)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var other strings.Builder
	out := &lines{each: func(line string) {
		if what, ok := strings.CutPrefix(line, "packages: "); ok {
			d.say("%s", what)
			return
		}
		other.WriteString(line + "\n")
	}}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	return other.String(), err
}

// start runs hack/demo/live. Interrupted, it removes the cluster before it exits.
func (d *demo) start(ctx context.Context, n needs) error {
	cmd := exec.CommandContext(ctx, n.live, n.arguments()...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Minute
	cmd.Stdout, cmd.Stderr = d.out, d.messages
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return errors.New("the real cluster could not be shown") // why was said
	}
	return err
}
