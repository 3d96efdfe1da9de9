package sweep

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// Limits of runs during which an API server starts, on a machine that is busy.
const (
	restartTimeout = 60 * time.Second
	restartRequest = 20 * time.Second
)

// TestRestart kills the only API server in the middle of a run and starts it again. While it is away,
// connections are refused, or nobody answers; it answers before it is ready.
func TestRestart(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	createNamespaces(t, c, "shop", "empty")
	server := serveWebhooks(t, c)
	f := newFront(t, c)
	installWebhook(t, c, server, "annotator", "/annotate")
	for _, cmd := range healthy() {
		record(t, f, cmd)
		restarts(t, c, f, cmd, "GET /api/v1/nodes", "POST /api/v1/namespaces/NS/pods dryRun=All")
	}
	installWebhook(t, c, server, "labeler", "/strip")
	createStuckWorkload(t, c)
	for _, cmd := range stripped() {
		if cmd.name == "why -A" {
			record(t, f, cmd)
			restarts(t, c, f, cmd, "GET /api/v1/events fieldSelector=type=Warning continue", "POST /api/v1/namespaces/NS/pods dryRun=All")
		}
	}
}

// restarts runs a command with a restart at each of the requests, in both ways.
func restarts(t *testing.T, c *cluster.Cluster, f *front, cmd *command, classes ...string) {
	for _, class := range classes {
		for _, refused := range []bool{true, false} {
			name := map[bool]string{true: "refused while away", false: "silent while away"}[refused]
			t.Run(fmt.Sprintf("%s: %s: %s", cmd.name, class, name), func(t *testing.T) {
				back := make(chan error, 1)
				p := f.proxy(class, fault{name: name, passing: !refused, spoil: func(x *exchange) {
					switch {
					case x.nth > 1:
						x.proxy.pass(x.w, x.r)
					case refused:
						x.proxy.vanish()
						restart(t, c, x.proxy.reappear, back)
						panic(http.ErrAbortHandler)
					default:
						release := x.proxy.hold()
						restart(t, c, func() error { release(); return nil }, back)
						x.proxy.pass(x.w, x.r)
					}
				}})
				defer p.stop()
				r := runFor(restartTimeout, restartRequest, p.kubeconfig(t), cmd.args...)
				if err := <-back; err != nil {
					t.Fatal(err)
				}
				judgeRestart(t, trial{cmd, class, p.fault}, r)
			})
		}
	}
}

// restart kills the API server and returns at once; appear is called when it listens again, and back
// gets the result when it is ready.
func restart(t *testing.T, c *cluster.Cluster, appear func() error, back chan<- error) {
	server, address := c.APIServers[0], c.Config().Host[len("https://"):]
	server.Stop()
	listening := make(chan error, 1)
	go func() {
		for {
			connection, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				connection.Close()
				listening <- appear()
				return
			}
			select {
			case <-t.Context().Done():
				listening <- t.Context().Err()
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	go func() {
		err := server.Start(t.Context())
		back <- errors.Join(err, <-listening)
	}()
}

// judgeRestart wants what every run has to be, and a gap where connections were refused, unless the
// answer is the undisturbed one: client-go asks again after a second, and the API server may be back by
// then. Where the requests waited, the facts may all be had.
func judgeRestart(t *testing.T, x trial, r ran) {
	if r.crash != "" || r.took > restartTimeout+grace {
		t.Fatalf("after %v: %s", r.took, r.crash)
	}
	if r.exit == 1 {
		if err := oneError(r); err != nil {
			t.Error(err)
		}
		return
	}
	got, err := understand(x.command, r)
	if err != nil {
		t.Fatalf("no valid result: %v\n%.500s\n%s", err, r.stdout, r.stderr)
	}
	t.Logf("exit %d after %v, verdict %s, gaps %v", r.exit, r.took, got.verdict, gapKinds(got.gaps))
	if err := sound(x, got); err != nil {
		t.Error(err)
	}
	newGap := slices.ContainsFunc(got.gaps, func(g facts.Gap) bool { return !slices.Contains(x.command.baseline.gaps, g) })
	before := x.command.baseline
	whole := maps.Equal(got.status, before.status) && got.verdict == before.verdict && got.answers == before.answers
	if !x.fault.passing && !newGap && !whole {
		t.Errorf("no gap, and verdict %s", got.verdict)
	}
	if got.verdict == report.Ready && (newGap || r.exit != 0) {
		t.Errorf("ready, exit %d, with the gaps %v", r.exit, got.gaps)
	}
}
