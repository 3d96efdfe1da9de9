package e2e

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

var (
	record   = flag.String("record", "^$", "write what clusters show of situations whose name matches this into cases/*/seen.yaml")
	slow     = flag.Bool("slow", false, "also situations that take minutes")
	onlyCase = flag.String("case", "", "only situations whose name matches one of these, separated by commas")
)

// patience is how long anything may take that happens in the end, on a machine that has other things to do.
const patience = 10 * time.Minute

// stages are the clusters of caseClusters that situations happen on, in the order in which they are started.
var stages = []string{"mixed", "newest", "apiserver-off", "disagreeing", "agreeing", "losing", "full", "scheduler-off-128"}

// forFixes are those that are changed for a fix. They have nothing to ask about at several ages that others do not have.
var forFixes = map[string]bool{"agreeing": true, "losing": true}

// aged reports whether a situation is asked about at several ages.
func (s *situation) aged() bool { return s.possible() && !forFixes[s.Cluster] }

// TestCases brings real kubelets into every situation of the folder cases, those of a cluster
// side by side, and asks the plugin about it.
func TestCases(t *testing.T) {
	needsKubelets(t)
	situations := readSituations(t, *onlyCase)
	for _, name := range stages {
		config, there := stageOf(name)
		mine := slices.DeleteFunc(slices.Clone(situations), func(s *situation) bool { return s.Cluster != name || !s.produced() })
		if len(mine) == 0 || !there {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stage := newStage(t, name, config)
			results := make([]chan result, len(mine))
			for i, s := range mine {
				results[i] = make(chan result, 1)
				go func() { results[i] <- stage.play(s) }()
			}
			for i, s := range mine {
				t.Run(s.name, func(t *testing.T) { (<-results[i]).judge(t, s) })
			}
			t.Run("all", func(t *testing.T) { stage.judgeAll(t, mine) })
		})
	}
}

// A stage is a running cluster with what situations need of it.
type stage struct {
	ctx     context.Context
	cluster *cluster.Cluster
	view    *view
	kubectl string
	started time.Time
	busy    chan struct{} // so that the machine has something left for the kubelets
}

func newStage(t *testing.T, name string, config cluster.Config) *stage {
	t.Helper()
	kubectl, err := binaries.Kubernetes(t.Context(), cmp.Or(*onVersion, "1.36"), "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.StartFor(t, config)
	v, err := watchCluster(t.Context(), c.Config())
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{ctx: t.Context(), cluster: c, view: v, kubectl: kubectl, started: time.Now(), busy: make(chan struct{}, 3)}
	if err := st.furnish(name); err != nil {
		t.Fatal(err)
	}
	st.started = time.Now()
	return st
}

// A result is what became of a situation.
type result struct {
	err     error
	reached time.Duration
	answers []answer
	// After the fix of each answer has been applied:
	repaired  []answer
	repairErr error
}

// play produces the situation, records it if asked to, asks the plugin, and does what it says.
func (st *stage) play(s *situation) result {
	if err := st.reach(s); err != nil {
		return result{err: err}
	}
	r := result{reached: time.Since(st.started)}
	if s.name == s.folder && regexp.MustCompile(*record).MatchString(s.name) {
		r.err = st.record(s)
	}
	for _, object := range s.Why {
		r.answers = append(r.answers, st.why(s, object))
	}
	if hasWhy() {
		st.repair(s, &r)
	}
	if s.After != nil {
		r.err = cmp.Or(r.err, st.step(s, *s.After))
	}
	return r
}

// reach produces the situation.
func (st *stage) reach(s *situation) error {
	if err := st.namespace(s); err != nil {
		return err
	}
	if err := st.makePods(s, func() error { return st.apply(s, s.manifest) }); err != nil {
		return err
	}
	if s.Controller == "rollouts" {
		go st.rollOut(s.name)
	}
	for _, step := range s.Steps {
		if err := st.step(s, step); err != nil {
			return fmt.Errorf("%w\n%s", err, st.show(s))
		}
	}
	return nil
}

// namespace makes the situation's namespace. Its pods get no token: that would only be more to
// read in what is recorded.
func (st *stage) namespace(s *situation) error {
	client := st.cluster.Client().CoreV1()
	err := st.cluster.CreateNamespace(st.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name, Labels: s.Labels}})
	if err != nil {
		return err
	}
	patch := []byte(`{"automountServiceAccountToken":false}`)
	_, err = client.ServiceAccounts(s.name).Patch(st.ctx, "default", types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

func (st *stage) step(s *situation, step step) error {
	if step.Kubectl != "" || step.Apply != "" {
		if err := st.makePods(s, func() error { return st.act(s, step) }); err != nil {
			return err
		}
	}
	if step.Static != "" {
		if err := st.writeStatic(s, step.Static); err != nil {
			return err
		}
	}
	if step.Stop != "" {
		if err := st.stopNode(step.Stop); err != nil {
			return err
		}
	}
	if step.Agree {
		if err := st.agree(); err != nil {
			return err
		}
	}
	if step.Until != "" {
		if err := st.view.wait(st.ctx, s.name, step.Until, step.longest()); err != nil {
			return err
		}
	}
	select {
	case <-st.ctx.Done():
	case <-time.After(step.Hold.Duration):
	}
	return st.ctx.Err()
}

// stopNode takes a node down.
func (st *stage) stopNode(name string) error {
	for _, k := range st.cluster.Kubelets {
		if k.Name == name {
			k.Stop()
			return nil
		}
	}
	return fmt.Errorf("no node %s to stop", name)
}

// agree gives every API server the gate.
func (st *stage) agree() error {
	for _, server := range st.cluster.APIServers {
		if err := server.SetGates(st.ctx, gate(true)); err != nil {
			return err
		}
	}
	return nil
}

// act does what a step does before it waits.
func (st *stage) act(s *situation, step step) error {
	if step.Kubectl != "" {
		out, err := st.run(s, nil, strings.Fields(step.Kubectl)...)
		if (err != nil) != step.Refused {
			return fmt.Errorf("kubectl %s: %v\n%s", step.Kubectl, err, out)
		}
	}
	if step.Apply != "" {
		return st.apply(s, step.Apply)
	}
	return nil
}

func (st *stage) apply(s *situation, name string) error {
	data, err := os.ReadFile(s.file(name))
	if err != nil {
		return err
	}
	text := string(data)
	if s.replace != nil {
		text = s.replace.Replace(text)
	}
	// Each situation owns only its own fields: of a node that two of them label, client-side apply would take the
	// label of the first away again.
	if out, err := st.run(s, strings.NewReader(text), "apply", "--server-side", "--force-conflicts", "--field-manager", s.name, "-f", "-"); err != nil {
		return fmt.Errorf("apply %s: %w\n%s", name, err, out)
	}
	return nil
}

// run runs kubectl in the situation's namespace.
func (st *stage) run(s *situation, stdin io.Reader, args ...string) ([]byte, error) {
	st.busy <- struct{}{}
	defer func() { <-st.busy }()
	server := st.cluster.APIServers[s.Via].Endpoint
	cmd := exec.CommandContext(st.ctx, st.kubectl, append([]string{"--server", server, "-n", s.name}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+st.cluster.Kubeconfig)
	cmd.Stdin = stdin
	return cmd.CombinedOutput()
}

// show is for the reader of a failure.
func (st *stage) show(s *situation) string {
	var all []byte
	for _, args := range [][]string{
		{"get", "all"}, {"get", "events"},
		{"get", "pods", "-o", `jsonpath={range .items[*]}{.status}{"\n"}{end}`},
	} {
		out, _ := st.run(s, nil, args...)
		all = append(all, out...)
	}
	return string(all)
}
