package sweep

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// A command is one that is swept, with what it says when nothing goes wrong.
type command struct {
	name     string
	args     []string
	exit     int // of the undisturbed run
	classes  []string
	baseline outcome
}

// A trial is one command with one of its requests going wrong in one way.
type trial struct {
	command *command
	class   string
	fault   fault
}

func (x trial) String() string {
	return fmt.Sprintf("%s: %s: %s", x.command.name, x.class, x.fault.name)
}

// healthy are run while nothing is wrong with the cluster, so that a missed fact would show as a
// verdict that is too good.
func healthy() []*command {
	return []*command{
		{name: "doctor", args: []string{"doctor", "-o", "json"}},
		{name: "snapshot", args: []string{"snapshot"}},
	}
}

// stripped are run with a webhook that takes the field, and a workload that is stuck because of it.
func stripped() []*command {
	return []*command{
		{name: "doctor, stripped", args: []string{"doctor", "-o", "json"}, exit: 3},
		{name: "webhooks", args: []string{"webhooks", "-o", "json"}},
		{name: "why POD", args: []string{"why", "web-1-a", "-n", "shop", "-o", "json"}, exit: 3},
		{name: "why -A", args: []string{"why", "-A", "-o", "json"}, exit: 3},
		{name: "why svc/web", args: []string{"why", "svc/web", "-n", "shop", "-o", "json"}, exit: 3},
		{name: "why ns/empty", args: []string{"why", "ns/empty", "-o", "json"}},
	}
}

// moving are run with workloads that could have native sidecars, and with what means their containers by name.
func moving() []*command {
	return []*command{
		{name: "plan", args: []string{"plan", "-A", "-o", "json"}, exit: 3},
		{name: "plan WORKLOAD", args: []string{"plan", "deploy/front", "-n", "batch", "-o", "json"}, exit: 3},
		{name: "lint of the cluster", args: []string{"lint", "--cluster", "-o", "json"}, exit: 3},
	}
}

func TestSweep(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	createNamespaces(t, c, "shop", "empty", "batch")
	server := serveWebhooks(t, c)
	f := newFront(t, c)
	installWebhook(t, c, server, "annotator", "/annotate")
	runs := sweep(t, f, healthy())
	installWebhook(t, c, server, "labeler", "/strip")
	createStuckWorkload(t, c)
	runs += sweep(t, f, stripped())
	createMovable(t, c)
	runs += sweep(t, f, moving())
	t.Logf("sweep: %d runs", runs)
	fmt.Printf("sweep: %d runs\n", runs)
}

// sweep records the requests of the commands, runs the trials, and returns how many there were.
func sweep(t *testing.T, f *front, commands []*command) int {
	for _, cmd := range commands {
		record(t, f, cmd)
	}
	all := trials(commands, os.Getenv("SWEEP"))
	work := make(chan trial)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for x := range work {
				try(t, f, x)
			}
		})
	}
	for _, x := range all {
		work <- x
	}
	close(work)
	workers.Wait()
	return len(all)
}

// record runs a command undisturbed.
func record(t *testing.T, f *front, cmd *command) {
	t.Helper()
	p := f.proxy("", fault{})
	defer p.stop()
	r := runFor(time.Minute, 10*time.Second, p.kubeconfig(t), cmd.args...) // nothing is to run out of time here
	var err error
	if cmd.baseline, err = understand(cmd, r); err != nil || r.exit != cmd.exit {
		t.Fatalf("%s, undisturbed: exit %d, want %d (%v)\n%s%s", cmd.name, r.exit, cmd.exit, err, r.stdout, r.stderr)
	}
	cmd.classes = p.classes()
	t.Logf("%s: %d requests in %v:\n  %s\n  gaps: %v", cmd.name, len(cmd.classes), r.took, strings.Join(cmd.classes, "\n  "), cmd.baseline.gaps)
}

// trials are all trials, those whose name has the text in it, or, without one, a sample that has every
// request at least once and every fault at least twice. It is the same each time.
func trials(commands []*command, which string) []trial {
	var out []trial
	n := 0
	for _, cmd := range commands {
		for _, class := range cmd.classes {
			for i, f := range faults {
				x := trial{cmd, class, f}
				if which == "all" || which != "" && strings.Contains(x.String(), which) || which == "" && i == n%len(faults) {
					out = append(out, x)
				}
			}
			n += step
		}
	}
	return out
}

// step is prime to the number of faults, so that neighbours differ and all occur.
const step = 7

// try runs one trial. One that takes too long is run again: a machine may be busy once, and a plugin
// that does not end takes long each time.
func try(t *testing.T, f *front, x trial) {
	for range 3 {
		r, reached := attempt(t, f, x)
		if !reached {
			// What is asked may depend on which answer came first.
			t.Logf("%s: not asked for this time", x)
			return
		}
		err := judge(x, r)
		if err == nil {
			return
		}
		if r.took <= timeout+grace {
			t.Errorf("%s\n  exit %d after %v\n  %v\n%s", x, r.exit, r.took, err, r.stderr)
			return
		}
		t.Logf("%s: %v, with a time-out of %v", x, r.took, timeout)
	}
	t.Errorf("%s: never ended in time", x)
}

// attempt runs a trial once; reached is whether the request was made.
func attempt(t *testing.T, f *front, x trial) (r ran, reached bool) {
	t.Helper()
	p := f.proxy(x.class, x.fault)
	defer p.stop()
	r = runInside(p.kubeconfig(t), x.command.args...)
	return r, p.reached() > 0
}
