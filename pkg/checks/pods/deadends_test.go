package pods

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

const (
	nobodyThere = `Startup probe failed: Get "http://10.0.0.1:15010/ready": dial tcp 10.0.0.1:15010: connect: connection refused`
	status      = "Startup probe failed: HTTP probe failed with statuscode: "
)

// probed is a pod whose proxy has run for a while, and whose startup probe has got an answer so often.
func probed(since time.Duration, message string, count int32, change func(proxy *corev1.Container)) *facts.Snapshot {
	pod := shape(since, corev1.PodPending, func(p *corev1.Pod) {
		c := &p.Spec.InitContainers[0]
		c.Image = "proxy:1"
		c.StartupProbe = httpProbe(15010, "/ready")
		c.StartupProbe.PeriodSeconds, c.StartupProbe.FailureThreshold = 1, 600
		change(c)
		notStarted(p, since)
	})
	pod.Name = "p"
	e := event("Unhealthy", message, "proxy", count, time.Second)
	s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: []corev1.Pod{pod}}
	if message != "" {
		s.Events = []corev1.Event{e}
	}
	return s
}

// TestDeadEnds: what cannot come right is said when it has lasted a little, what can is waited for.
func TestDeadEnds(t *testing.T) {
	none := func(*corev1.Container) {}
	exec := func(words ...string) func(c *corev1.Container) {
		return func(c *corev1.Container) {
			c.StartupProbe.ProbeHandler = corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: words}}
		}
	}
	asks := func(port int32) func(c *corev1.Container) {
		return func(c *corev1.Container) { c.StartupProbe.HTTPGet.Port = intstr.FromInt32(port) }
	}
	https := func(c *corev1.Container) { c.StartupProbe.HTTPGet.Scheme = corev1.URISchemeHTTPS }
	runtime := `Startup probe errored: rpc error: code = Unknown desc = failed to exec in container: failed to start exec "1": OCI runtime exec failed: exec failed: unable to start container process: exec: "curl": executable file not found in $PATH: unknown`
	for _, test := range []struct {
		name    string
		message string
		change  func(c *corev1.Container)
		// why is a part of the message; empty for one that may still succeed. fix is a part of the fix.
		why, fix string
	}{
		{"another port is declared", nobodyThere, none, "proxy listens on port 15001", `"port":15001`},
		{"the command line says another port", nobodyThere, func(c *corev1.Container) { c.Ports, c.Args = nil, []string{"serve", ":15001"} }, "proxy listens on port 15001", `"port":15001`},
		{"the port is declared", nobodyThere, asks(15001), "", ""},
		{"nothing says a port", nobodyThere, func(c *corev1.Container) { c.Ports = nil }, "", ""},
		{"the command line has the number", nobodyThere, func(c *corev1.Container) { c.Args = []string{"--status=15010"} }, "", ""},
		{"a health port of known software", nobodyThere, func(c *corev1.Container) { c.Image = "x/proxyv2:1"; asks(15021)(c) }, "", ""},
		{"another answer than refused", "Startup probe failed: dial tcp 10.0.0.1:15010: i/o timeout", none, "", ""},
		{"gRPC, another port is declared", "Startup probe failed: timeout: failed to connect service \"10.0.0.1:15010\" within 1s: context deadline exceeded", func(c *corev1.Container) {
			c.StartupProbe.ProbeHandler = corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 15010}}
		}, "proxy listens on port 15001", `"grpc":null,"tcpSocket":{"port":15001}`},
		{"gRPC, the port is declared", "Startup probe failed: timeout: failed to connect service \"10.0.0.1:15001\" within 1s: context deadline exceeded", func(c *corev1.Container) {
			c.StartupProbe.ProbeHandler = corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 15001}}
		}, "", ""},
		{"UDP", nobodyThere, func(c *corev1.Container) {
			c.Ports = []corev1.ContainerPort{{ContainerPort: 15010, Protocol: corev1.ProtocolUDP}}
		}, "is not a TCP port", "nothing says on which port"},
		{"the port of the next container", nobodyThere, func(c *corev1.Container) { c.Ports = nil; asks(8080)(c) }, "that port is main's, which starts only after", `"startupProbe":null`},
		{"the port of the next container, and the image is one that listens on loopback", nobodyThere, func(c *corev1.Container) {
			c.Image, c.Args = "daprio/daprd:1", []string{"--app-port", "8080"}
			asks(8080)(c)
		}, "that port is main's, which starts only after", "3501"},
		{"a name that is not declared", "", func(c *corev1.Container) { c.StartupProbe.HTTPGet.Port = intstr.FromString("health") }, "declares no port named health", `"port":15001`},
		{"404", status + "404", asks(15001), "does not have that path", `"httpGet":null,"tcpSocket":{"port":15001}`},
		{"404, and readiness asks another path", status + "404", func(c *corev1.Container) { asks(15001)(c); c.ReadinessProbe = httpProbe(15001, "/healthz") }, "does not have that path", `"path":"/healthz"`},
		{"401", status + "401", asks(15001), "wants credentials", "tcpSocket"},
		{"429", status + "429", asks(15001), "", ""},
		{"503", status + "503", asks(15001), "", ""},
		{"400 on a TLS port", status + "400", func(c *corev1.Container) { asks(8443)(c); c.Ports[0].ContainerPort = 8443 }, "the server speaks TLS", `"scheme":"HTTPS"`},
		{"400", status + "400", asks(15001), "does not accept the request", "tcpSocket"},
		{"TLS without HTTP", `Startup probe failed: Get "http://10.0.0.1:15001/": net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01\x00\x02\x02"`, asks(15001), "the server speaks TLS", `"scheme":"HTTPS"`},
		{"HTTPS to plain HTTP", `Startup probe failed: Get "https://10.0.0.1:15001/": http: server gave HTTP response to HTTPS client`, func(c *corev1.Container) { asks(15001)(c); https(c) }, "the server speaks plain HTTP", `"scheme":"HTTP"`},
		{"a client certificate is wanted", `Startup probe failed: Get "https://10.0.0.1:15001/": remote error: tls: certificate required`, func(c *corev1.Container) { asks(15001)(c); https(c) }, "has no certificate to show", "tcpSocket"},
		{"no HTTP", `Startup probe failed: Get "http://10.0.0.1:15001/": net/http: HTTP/1.x transport connection broken: malformed HTTP response "-ERR unknown"`, asks(15001), "does not speak HTTP", "tcpSocket"},
		{"no such command", runtime, exec("curl", "http://127.0.0.1:15001"), "does not have that command", `"exec":null`},
		{"no such command in a shell", "Startup probe failed: sh: curl: not found", exec("sh", "-c", "curl x"), "does not have that command", `"exec":null`},
		{"no such command in dash", "Startup probe failed: /bin/sh: 1: curl: not found", exec("sh", "-c", "curl x"), "does not have that command", `"exec":null`},
		{"a file is waited for", "Startup probe failed: cat: /tmp/ready: No such file or directory", exec("cat", "/tmp/ready"), "", ""},
		{"a command that fails", "Startup probe failed: not ready", exec("check"), "", ""},
		{"gRPC without the health service", "Startup probe failed: server does not implement the grpc health protocol (grpc.health.v1.Health): rpc error: code = Unimplemented", func(c *corev1.Container) {
			c.StartupProbe.ProbeHandler = corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 15001}}
		}, "gRPC health service", "tcpSocket"},
		{"gRPC at the OpenTelemetry Collector's port for telemetry", "Startup probe failed: error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health", func(c *corev1.Container) {
			c.Image = "otel/opentelemetry-collector:0.140.0"
			c.StartupProbe.ProbeHandler = corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 4317}}
		}, "gRPC health service", `"grpc":null,"tcpSocket":{"port":4317}`},
		{"gRPC at its HTTP health endpoint", "Startup probe failed: timeout: failed to connect service \"10.0.0.1:13133\" within 1s: context deadline exceeded", func(c *corev1.Container) {
			c.Image = "otel/opentelemetry-collector:0.140.0"
			c.StartupProbe.ProbeHandler = corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 13133}}
		}, "speaks HTTP and not gRPC", `"grpc":null,"httpGet":{"path":"/","port":13133}`},
		{"loopback", nobodyThere, func(c *corev1.Container) { c.Args = []string{"serve", "127.0.0.1:15010"} }, "listens on 127.0.0.1 only", "0.0.0.0:15010"},
		{"the node's loopback", nobodyThere, func(c *corev1.Container) { asks(15001)(c); c.StartupProbe.HTTPGet.Host = "127.0.0.1" }, "is the node, not the pod", `"host":null`},
		{"Cloud SQL, its port", nobodyThere, func(c *corev1.Container) {
			c.Image, c.Args = "x/cloud-sql-proxy:2", []string{"--port=5432", "p:r:d"}
			asks(5432)(c)
		}, "listens on 127.0.0.1 only", "--http-address=0.0.0.0"},
		{"Cloud SQL, its health endpoint is off", nobodyThere, func(c *corev1.Container) {
			c.Image, c.Args = "x/cloud-sql-proxy:2", []string{"--port=5432", "p:r:d"}
			asks(9090)(c)
		}, "does not answer there with its flags", "--health-check"},
		{"Cloud SQL, its health endpoint is on", nobodyThere, func(c *corev1.Container) {
			c.Image, c.Args = "x/cloud-sql-proxy:2", []string{"--port=5432", "--health-check", "--http-address=0.0.0.0", "p:r:d"}
			asks(9090)(c)
		}, "", ""},
	} {
		for _, at := range []struct {
			since time.Duration
			count int32
			said  bool
		}{{2 * time.Minute, 9, true}, {settle, someFailures, true}, {10 * time.Second, 1, false}} {
			s := probed(at.since, test.message, at.count, func(c *corev1.Container) { test.change(c) })
			s.Pods[0].Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
			got := ""
			for _, d := range Judge(s, nil).Diagnoses {
				got += d.RootCause + ": " + d.Message + "\n" + d.Fix
			}
			certain := strings.Contains(test.why, "command") || strings.Contains(test.why, "named")
			want := test.why != "" && (at.said || certain && test.message != "")
			if test.message == "" && !at.said {
				continue // without an event, only time tells
			}
			if test.message == "" && at.since < hangTime {
				s = probed(hangTime, "", 0, func(c *corev1.Container) { test.change(c) })
				got = fmt.Sprint(Judge(s, nil).Diagnoses)
			}
			switch {
			case !want && got != "":
				t.Errorf("%s, after %s: %s, want nothing", test.name, at.since, got)
			case want && (!strings.Contains(got, "startup-probe-failing") || !strings.Contains(got, test.why) || !strings.Contains(got, test.fix)):
				t.Errorf("%s, after %s: %s\nwant %s: %s", test.name, at.since, got, test.why, test.fix)
			}
		}
	}
}

// TestDeadEndsPassElsewhere: a probe that another pod of the owner has passed can be passed.
func TestDeadEndsPassElsewhere(t *testing.T) {
	s := probed(2*time.Minute, nobodyThere, 9, func(*corev1.Container) {})
	if len(Judge(s, nil).Diagnoses) != 1 {
		t.Fatal("no diagnosis of one pod")
	}
	owner := []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "p", UID: "1"}}
	other := shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) { p.Name = "q" })
	s.Pods[0].OwnerReferences, other.OwnerReferences = owner, owner
	s.Pods = append(s.Pods, other)
	if got := Judge(s, nil).Diagnoses; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestProbeProgress(t *testing.T) {
	s := probed(40*time.Second, nobodyThere, 30, func(c *corev1.Container) { c.StartupProbe.InitialDelaySeconds = 5 })
	p := sceneOf(s).subjects()[0]
	x, ok := p.probeProgress(p.inits[0])
	want := probeProgress{failures: 30, budget: 605 * time.Second, asks: "GET /ready on port 15010", got: strings.TrimPrefix(nobodyThere, "Startup probe failed: ")}
	if !ok || x != want {
		t.Errorf("%+v, %t", x, ok)
	}
	// An event that began in an earlier run counts for this one as far as time allows.
	s.Events[0].FirstTimestamp = before(time.Hour)
	p = sceneOf(s).subjects()[0]
	if x, _ = p.probeProgress(p.inits[0]); x.failures != 30 {
		t.Errorf("%d failures", x.failures)
	}
	s.Events[0].Count = 500
	p = sceneOf(s).subjects()[0]
	if x, _ = p.probeProgress(p.inits[0]); x.failures != 35 {
		t.Errorf("%d failures", x.failures)
	}
	if _, ok = p.probeProgress(p.mains[0]); ok {
		t.Error("a container without a startup probe has progress")
	}
}
