package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

const (
	proxyReady = "--wait=http://127.0.0.1:15001/"
	proxyQuit  = "--quit=http://127.0.0.1:15001/quitquitquit"
)

// slowServer takes its time, and can be told to quit.
func slowServer(port string, options ...string) []string {
	return tool(options, "sleep", "2s", "then", "serve", ":"+port)
}

// wrapped is a node whose pods have sidecars in the old way.
type wrapped struct {
	c    *cluster.Cluster
	node string
}

// namespace is one of its own, on every node.
func (on wrapped) namespace(name string) string { return "wrapper-" + on.node + "-" + name }

// all: jobs with sidecars in the old way end as their main containers do.
func (on wrapped) all(t *testing.T) {
	needs := []string{"get", "http://127.0.0.1:15001/", "then"}
	withQuit := container{name: "sidecar", command: slowServer("15001")}
	without := container{name: "sidecar", command: slowServer("15001", "--main-ended=file:/run/ended")}
	for name, job := range map[string]struct {
		sidecar container
		quit    string
		main    []string
		code    int
	}{
		"succeeds":               {withQuit, proxyQuit, append(needs, "exit", "0"), 0},
		"fails":                  {withQuit, proxyQuit, append(needs, "exit", "3"), 3},
		"killed":                 {withQuit, proxyQuit, append(needs, "die"), 137},
		"succeeds-without-quit":  {without, "--quit=file:/run/ended", append(needs, "exit", "0"), 0},
		"fails-without-quit":     {without, "--quit=file:/run/ended", append(needs, "exit", "3"), 3},
		"killed-without-quit":    {without, "--quit=file:/run/ended", append(needs, "die"), 137},
		"not-found":              {withQuit, proxyQuit, nil, 127},
		"not-found-without-quit": {without, "--quit=file:/run/ended", nil, 127},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			main := container{name: "main", command: tool([]string{proxyReady, job.quit}, job.main...)}
			if job.main == nil {
				main.command = []string{proxyReady, job.quit, "--", "/no/such/program"}
			}
			on.job(t, name, []container{main, job.sidecar}, job.code, "sidecar")
		})
	}
	t.Run("two-in-order", func(t *testing.T) {
		t.Parallel()
		// The second one fails unless the first is there, and so does the main container without either.
		first := container{name: "first", command: slowServer("15001")}
		second := container{name: "second", command: tool([]string{proxyReady}, "get", "http://127.0.0.1:15001/", "then", "serve", ":15002")}
		main := container{name: "main", command: tool(
			[]string{proxyReady, proxyQuit, "--wait=http://127.0.0.1:15002/", "--quit=http://127.0.0.1:15002/quitquitquit"},
			"get", "http://127.0.0.1:15001/", "then", "get", "http://127.0.0.1:15002/", "then", "exit", "4")}
		on.job(t, "two", []container{main, second, first}, 4, "first", "second")
	})
	t.Run("restarted", func(t *testing.T) { t.Parallel(); on.restarted(t) })
	t.Run("never-ready", func(t *testing.T) {
		t.Parallel()
		main := container{name: "main", command: tool([]string{"--wait-timeout=3s", "--wait=http://127.0.0.1:15001/broken", proxyQuit}, "log", "ran")}
		sidecar := container{name: "sidecar", command: tool(nil, "serve", ":15001", "/broken=503")}
		on.job(t, "never-ready", []container{main, sidecar}, 124, "sidecar")
	})
	t.Run("terminated-while-waiting", func(t *testing.T) { t.Parallel(); on.terminated(t) })
}

// job runs a job to its end: its main container exits with a code, and its sidecars with 0.
func (on wrapped) job(t *testing.T, name string, containers []container, code int, sidecars ...string) {
	t.Helper()
	ns := on.namespace(name)
	in := inNamespace(t, on.c, ns)
	in("apply", "-f", manifestFile(t, runPod{node: on.node, policy: "Never", containers: containers}.job("import")))
	condition := map[bool]string{true: "complete", false: "failed"}[code == 0]
	in("wait", "--for=condition="+condition, "job/import", "--timeout="+patience.String())
	pod := onlyPod(t, on.c, ns, "import", "it was expected to end", func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if got := exitCode(pod, "main"); got != code {
		t.Errorf("the main container exits with %d, expected %d: %s", got, code, in("logs", pod.Name, "-c", "main"))
	}
	for _, name := range sidecars {
		if got := exitCode(pod, name); got != 0 {
			t.Errorf("%s exits with %d: %s", name, got, in("logs", pod.Name, "-c", name))
		}
	}
}

// restarted: a main container that fails is restarted in the same pod, and finds its sidecar there. Only when it
// succeeds the sidecar is ended.
func (on wrapped) restarted(t *testing.T) {
	ns := on.namespace("restarted")
	in := inNamespace(t, on.c, ns)
	options := []string{proxyReady, "--quit=file:/run/ended", "--restart-policy=OnFailure", "--"}
	// It fails at its first start, and leaves a file for the second one.
	flaky := []string{"/run/sidecar-run", "--wait-timeout=1s", "--wait=file:/run/second", "--quit=exec:/tool touch /run/second", "--", "/tool", "get", "http://127.0.0.1:15001/"}
	main := container{name: "main", command: append(options, flaky...)}
	sidecar := container{name: "sidecar", command: slowServer("15001", "--main-ended=file:/run/ended")}
	p := runPod{node: on.node, policy: "OnFailure", containers: []container{main, sidecar}}
	in("apply", "-f", manifestFile(t, strings.Replace(p.job("import"), "backoffLimit: 0", "backoffLimit: 5", 1)))
	in("wait", "--for=condition=complete", "job/import", "--timeout="+patience.String())
	pod := onlyPod(t, on.c, ns, "import", "it was expected to succeed", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	if main, sidecar := container0(pod, "main"), container0(pod, "sidecar"); main.RestartCount != 1 || sidecar.RestartCount != 0 || exitCode(pod, "sidecar") != 0 {
		t.Errorf("main: %+v\nsidecar: %+v", main, sidecar)
	}
}

// terminated: a pod that is deleted while its main container waits terminates at once.
func (on wrapped) terminated(t *testing.T) {
	ns := on.namespace("terminated")
	in := inNamespace(t, on.c, ns)
	main := container{name: "main", command: tool([]string{"--wait-timeout=0", "--wait=http://127.0.0.1:15001/broken", proxyQuit}, "log", "ran")}
	sidecar := container{name: "sidecar", command: tool(nil, "ignore-term", "then", "serve", ":15001", "/broken=503")}
	p := runPod{node: on.node, policy: "Never", containers: []container{main, sidecar}}
	in("apply", "-f", manifestFile(t, strings.Replace(p.job("import"), "terminationGracePeriodSeconds: 5", "terminationGracePeriodSeconds: 300", 1)))
	pod := onlyPod(t, on.c, ns, "import", "it was expected to wait", func(p *corev1.Pod) bool {
		return container0(p, "main").State.Running != nil && container0(p, "sidecar").State.Running != nil
	})
	until(t, "the main container waits", func() bool { return strings.Contains(in("logs", pod.Name, "-c", "main"), "still waiting for") })
	ended := make(chan *corev1.Pod, 1)
	go watchEnd(t, on.c, ns, pod.Name, ended)
	begin := time.Now()
	in("delete", "pod", pod.Name, "--wait")
	if took := time.Since(begin); took > 200*time.Second {
		t.Errorf("the pod took %s to terminate", took)
	}
	last := <-ended
	if main, sidecar := exitCode(last, "main"), exitCode(last, "sidecar"); main != 143 || sidecar != 0 {
		t.Errorf("the main container exits with %d, the sidecar, which ignores SIGTERM, with %d", main, sidecar)
	}
}

// watchEnd sends the last state of a pod that is being deleted.
func watchEnd(t *testing.T, c *cluster.Cluster, ns, name string, ended chan<- *corev1.Pod) {
	last := &corev1.Pod{}
	defer func() { ended <- last }()
	w, err := c.Client().CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Error(err)
		return
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if p, ok := event.Object.(*corev1.Pod); ok {
			last = p
		}
		if event.Type == "DELETED" {
			return
		}
	}
}

func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !reached(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
