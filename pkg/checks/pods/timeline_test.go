package pods

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
)

// rows writes a timeline with times in seconds from the pod's creation; "?" is not known.
func rows(pod *corev1.Pod, list []Row) string {
	at := func(t time.Time, zero string) string {
		if t.IsZero() {
			return zero
		}
		return fmt.Sprint(t.Sub(pod.CreationTimestamp.Time).Seconds())
	}
	var out strings.Builder
	for _, r := range list {
		fmt.Fprintf(&out, "%s %s", r.Type, r.Name)
		if r.Blocks {
			out.WriteString(" BLOCKS")
		}
		if r.Restarts > 0 {
			fmt.Fprintf(&out, " restarts=%d", r.Restarts)
		}
		if r.ExitCode != nil {
			fmt.Fprintf(&out, " exit=%d", *r.ExitCode)
		}
		fmt.Fprintf(&out, ": %s\n", r.Reason)
		for _, s := range r.Segments {
			fmt.Fprintf(&out, "  %s %s..%s", s.State, at(s.From, "?"), at(s.To, ""))
			if s.Note != "" {
				fmt.Fprintf(&out, " (%s)", s.Note)
			}
			out.WriteString("\n")
		}
	}
	return out.String()
}

// TestTimeline looks at the pods of the test data.
func TestTimeline(t *testing.T) {
	for _, test := range timelines {
		path := filepath.Join("testdata", test.name+".txtar")
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := checktest.Decode(t, path, checktest.Section(archive, "snapshot.yaml"))
		if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), rows(&s.Pods[0], sceneOf(s).subject(&s.Pods[0]).timeline())); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
}

var timelines = []struct{ name, want string }{
	{"init-container-never-exits/server-as-init", `
init proxy BLOCKS: running; the next waits for it to exit
  waiting 0..1
  running 1..
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"startup-probe-failing/startup-probe-slow", `
sidecar proxy BLOCKS restarts=2 exit=0: startup probe has not succeeded
  waiting 0..4 (1 earlier run no longer in the status)
  running 4..8 (exit code 0)
  terminated 8..9 (exit code 0)
  running 9..
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"sidecar-crash-looping/sidecar-crashes", `
sidecar proxy BLOCKS restarts=2 exit=1: CrashLoopBackOff
  waiting 0..19 (1 earlier run no longer in the status)
  running 19..20 (exit code 1)
  waiting 20.. (CrashLoopBackOff)
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"sidecar-crash-looping/sidecar-oom", `
sidecar proxy BLOCKS restarts=2 exit=137: CrashLoopBackOff
  waiting 0..16 (1 earlier run no longer in the status)
  running 16..16 (exit code 137, OOMKilled)
  waiting 16.. (CrashLoopBackOff)
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"restart-policy-on-wrong-container/wrong-container", `
sidecar migrate restarts=3 exit=0: Completed
  waiting 0..19 (2 earlier runs no longer in the status)
  started 19..20 (exit code 0)
  terminated 20..46 (exit code 0)
  started 46..47 (exit code 0)
  terminated 47.. (exit code 0)
init proxy BLOCKS: running; the next waits for it to exit
  waiting 0..4
  running 4..
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"sidecar-start-race/start-race-deployment", `
main proxy: running
  waiting 0..3
  started 3..
main shop restarts=2 exit=1: running
  waiting 0..4 (1 earlier run no longer in the status)
  started 4..4 (exit code 1)
  terminated 4..18 (exit code 1)
  started 18..
`},
	{"job-held-by-sidecar/job-held", `
main report exit=0: Completed
  waiting 0..1
  started 1..2 (exit code 0)
  terminated 2.. (exit code 0)
main logger: running
  waiting 0..1
  started 1..
`},
	{"volume-not-mounted/volume-secret", `
sidecar proxy BLOCKS: PodInitializing
  waiting 0.. (PodInitializing)
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"restart-policy-stripped/silent-deployment", `
sidecar proxy: running
  waiting 0..0
  running 0..5 (started by the end of this at the latest)
  started 5..
main shop: running
  waiting 0..5
  started 5..
`},
	{"sidecar-crash-looping/silent-job-done-137", `
sidecar proxy exit=137: Error
  waiting 0..2
  started 2..8 (exit code 137)
  terminated 8.. (exit code 137)
main report exit=0: Completed
  waiting 0..4
  started 4..5 (exit code 0)
  terminated 5.. (exit code 0)
`},
	{"pod-unschedulable/unschedulable", `
sidecar proxy: not in the status yet
  waiting 0..
main shop: not in the status yet
  waiting 0..
`},
	{"post-start-hook-blocking/post-start-hangs", `
sidecar proxy BLOCKS: postStart hook has not returned
  waiting 0..1
  running 1.. (by an event; its status says PodInitializing)
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"sidecar-blocks-termination/pre-stop", `
sidecar proxy: running
  waiting 0..1
  started 1..
main shop: not ready
  waiting 0..3
  started 3..
`},
	{"init-container-before-sidecar/init-before-sidecar", `
init migrate BLOCKS restarts=2 exit=1: CrashLoopBackOff
  waiting 0..18 (1 earlier run no longer in the status)
  running 18..18 (exit code 1)
  waiting 18.. (CrashLoopBackOff)
sidecar proxy: PodInitializing
  waiting 0.. (PodInitializing)
main shop: PodInitializing
  waiting 0.. (PodInitializing)
`},
	{"kubelet-refuses-sidecars/kubelet-refuses", `
sidecar proxy: never started
main shop: never started
`},
	{"sidecar-crash-looping/cannot-start", `
sidecar proxy BLOCKS restarts=3 exit=128: RunContainerError
  waiting 0..110 (2 earlier runs no longer in the status)
  started 110..110 (exit code 128, StartError)
  waiting 110.. (RunContainerError)
main web: PodInitializing
  waiting 0.. (PodInitializing)
`},
}
