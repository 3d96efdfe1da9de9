package print

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestChangeLines has a line for each thing that can happen.
func TestChangeLines(t *testing.T) {
	pod := checks.Object{Kind: "Pod", Namespace: "shop", Name: "web"}
	var list []pods.Change
	for i, c := range []pods.Change{
		{What: pods.PodAppeared, Reason: "ReplicaSet web-1"}, {What: pods.PodAppeared}, {What: pods.PodScheduled, Reason: "worker-1"},
		{What: pods.ImagePulling, Container: "proxy", Type: "sidecar", Message: "Pulling image"},
		{What: pods.ImagePulled, Container: "proxy", Type: "sidecar", Message: "Successfully pulled image in 1s."},
		{What: pods.ContainerStarted, Container: "proxy", Type: "sidecar"}, {What: pods.ContainerStarted, Container: "proxy", Type: "sidecar", Restarts: 2},
		{What: pods.ProbeFailed, Container: "proxy", Type: "sidecar", Probe: "startup", Failures: 3, Allowed: 30, Message: "connection refused"},
		{What: pods.ProbeFailed, Container: "app", Type: "main", Probe: "readiness", Message: "HTTP probe failed with statuscode: 503"},
		{What: pods.ProbeSucceeded, Container: "proxy", Type: "sidecar"},
		{What: pods.ContainerExited, Container: "setup", Type: "init", ExitCode: ptr.To(int32(0))},
		{What: pods.ContainerExited, Container: "app", Type: "main", ExitCode: ptr.To(int32(137)), Reason: "OOMKilled"},
		{What: pods.ContainerWaiting, Container: "app", Type: "main", Reason: "CrashLoopBackOff", Restarts: 3, Message: "back-off"},
		{What: pods.ContainerWaiting, Container: "app", Type: "main", Reason: "ImagePullBackOff", Message: "no such\nimage \x1b[31m"},
		{What: pods.ContainerReady, Container: "app", Type: "main"}, {What: pods.ContainerNotReady, Container: "app", Type: "main"},
		{What: pods.PodReady}, {What: pods.PodUnready}, {What: pods.PodDeleting}, {What: pods.PodGone}, {What: pods.PodSucceeded},
		{What: pods.PodFailed, Reason: "Evicted", Message: "The node was low on memory."}, {What: pods.PodFailed},
		{What: pods.Warned, Reason: "FailedMount", Message: "no such secret"},
		{What: pods.ImagePulled, Container: "app", Type: "main", Message: `Container image "app:1" already present on machine`},
		{What: pods.Waits, Container: "proxy", Reason: "startup-probe", Message: "the startup probe of sidecar proxy has not succeeded, for 2s"},
		{What: pods.Diagnosed, Container: "proxy", Reason: "sidecar-crash-looping", Message: "sidecar proxy crashes"},
		{What: pods.Unclear, Message: "the pod is past its grace period"}, {What: pods.Over},
	} {
		c.At, c.Object = metav1.NewTime(time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC)), pod
		list = append(list, c)
	}
	var out bytes.Buffer
	if err := Changes(&out, list, Options{Unicode: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`2026-03-01T12:00:00Z  · pod/shop/web: was created by ReplicaSet web-1
2026-03-01T12:00:01Z  · pod/shop/web: was created
2026-03-01T12:00:02Z  · pod/shop/web: got its node worker-1
2026-03-01T12:00:03Z  · pod/shop/web sidecar proxy: image is being pulled
2026-03-01T12:00:04Z  · pod/shop/web sidecar proxy: image pulled: Successfully pulled image in 1s
2026-03-01T12:00:05Z  · pod/shop/web sidecar proxy: started
2026-03-01T12:00:06Z  · pod/shop/web sidecar proxy: started again (restart 2)
2026-03-01T12:00:07Z  · pod/shop/web sidecar proxy: waiting for its startup probe: failure 3 of 30: connection refused
2026-03-01T12:00:08Z  · pod/shop/web container app: readiness probe failed: HTTP probe failed with statuscode: 503
2026-03-01T12:00:09Z  · pod/shop/web sidecar proxy: startup probe succeeded
2026-03-01T12:00:10Z  · pod/shop/web init container setup: exited with code 0
2026-03-01T12:00:11Z  ‼ pod/shop/web container app: exited with code 137 (OOMKilled)
2026-03-01T12:00:12Z  ‼ pod/shop/web container app: now crash looping, 3 restarts so far
2026-03-01T12:00:13Z  ‼ pod/shop/web container app: waits: ImagePullBackOff: no such image \x1b[31m
2026-03-01T12:00:14Z  · pod/shop/web container app: ready
2026-03-01T12:00:15Z  · pod/shop/web container app: not ready anymore
2026-03-01T12:00:16Z  √ pod/shop/web: ready
2026-03-01T12:00:17Z  · pod/shop/web: not ready anymore
2026-03-01T12:00:18Z  · pod/shop/web: is being deleted
2026-03-01T12:00:19Z  · pod/shop/web: is gone
2026-03-01T12:00:20Z  √ pod/shop/web: completed
2026-03-01T12:00:21Z  × pod/shop/web: failed: Evicted: The node was low on memory.
2026-03-01T12:00:22Z  × pod/shop/web: failed
2026-03-01T12:00:23Z  ‼ pod/shop/web: FailedMount: no such secret
2026-03-01T12:00:24Z  · pod/shop/web container app: image is there: Container image "app:1" already present on machine
2026-03-01T12:00:25Z  … pod/shop/web: in progress: the startup probe of sidecar proxy has not succeeded, for 2s
2026-03-01T12:00:26Z  × pod/shop/web: sidecar proxy crashes [sidecar-crash-looping]
2026-03-01T12:00:27Z  ? pod/shop/web: the pod is past its grace period
2026-03-01T12:00:28Z  · pod/shop/web: what was said of it before no longer holds
`, out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	t.Run("json", func(t *testing.T) {
		r := &report.Report{Summary: "a", Changes: list[13:14]}
		var out bytes.Buffer
		if err := JSONLine(&out, r); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 || !bytes.Contains(out.Bytes(), []byte(`"message":"no such image \\x1b[31m"`)) {
			t.Errorf("%d lines: %s", n, out.String())
		}
	})
}
