//go:build linux

// Command bench measures what the plugin costs, beside what the same answer costs otherwise, on a real
// API server of this machine. Every line is a ratio of one run on one machine: absolute times say
// nothing elsewhere. `make bench` runs all of it; docs/performance.md has the results and the method.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// A bench is one run.
type bench struct {
	plugin, kubectl, timed string
	dir                    string // for results and kubectl's caches
	sizes                  sizes
	table                  table
}

// sizes is how large everything is. The defaults are the targets' own, except for pods: each costs
// this machine about 50 KB in the API server, etcd and kubectl together.
type sizes struct {
	nodes, loop, namespaces, workloads, planned, pods, manifests, clusters, repeat int
}

// parts are the measurements, in the order of the table.
var parts = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"nodes", (*bench).scrapedNodes},
	{"decided", (*bench).decidedNodes},
	{"canaries", (*bench).canaries},
	{"templates", (*bench).templates},
	{"plan", (*bench).plans},
	{"pods", (*bench).pods},
	{"manifests", (*bench).manifests},
	{"fleet", (*bench).fleet},
	{"start", (*bench).start},
	{"wrapper", (*bench).wrapper},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := &bench{}
	flag.StringVar(&b.plugin, "plugin", "bin/kubectl-sidecar", "the plugin to measure")
	flag.IntVar(&b.sizes.nodes, "nodes", 5000, "nodes; memory is shown at twice and four times as many, too")
	flag.IntVar(&b.sizes.loop, "loop", 100, "how many nodes the loop of kubectl is run for; the rest is extrapolated")
	flag.IntVar(&b.sizes.namespaces, "namespaces", 10_000, "namespaces")
	flag.IntVar(&b.sizes.workloads, "workloads", 5000, "workloads, of 300 templates")
	flag.IntVar(&b.sizes.planned, "planned", 10_000, "workloads for plan, each with six pods")
	flag.IntVar(&b.sizes.pods, "pods", 60_000, "pods; a quarter and half as many are measured, too")
	flag.IntVar(&b.sizes.manifests, "manifests", 5000, "manifests for lint")
	flag.IntVar(&b.sizes.clusters, "clusters", 100, "contexts of one API server, for a fleet")
	flag.IntVar(&b.sizes.repeat, "repeat", 5, "how often what takes little is run; the median counts")
	only := flag.String("only", "", "comma-separated parts: nodes, decided, canaries, templates, plan, pods, manifests, fleet, start, wrapper; all by default")
	flag.Parse()
	if err := b.run(ctx, *only); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; everything is removed")
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(ctx context.Context, only string) error {
	var err error
	if b.plugin, err = filepath.Abs(b.plugin); err != nil {
		return err
	}
	if _, err := os.Stat(b.plugin); err != nil {
		return fmt.Errorf("the plugin to measure: %w", err)
	}
	if b.kubectl, err = binaries.Kubernetes(ctx, "1.36", "kubectl"); err != nil {
		return err
	}
	if b.timed, err = binaries.Program(ctx, ".", "./test/bench/timed"); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "kubectl-sidecar-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' })
	for _, part := range parts {
		if len(wanted) > 0 && !slices.Contains(wanted, part.name) {
			continue
		}
		if err := part.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Printf("%s\n\n", machine(ctx, b))
	return b.table.print(os.Stdout)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// machine says what the ratios were measured on.
func machine(ctx context.Context, b *bench) string {
	model, memory := "unknown processor", "unknown memory"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = field(string(data), "model name")
	}
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		memory = field(string(data), "MemTotal")
	}
	load := "unknown"
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Fields(string(data))[0]
	}
	out, err := exec.CommandContext(ctx, b.plugin, "version").Output()
	if err != nil {
		out = []byte(err.Error())
	}
	return fmt.Sprintf("%s, %d cores (%s), %s, load at the end %s, %s, %s", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), model, memory, load, runtime.Version(), strings.TrimSpace(string(out)))
}

// field is the value of the first line of /proc that begins with name.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
