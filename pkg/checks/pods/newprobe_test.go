package pods

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func httpProbe(port any, path string, change ...func(g *corev1.HTTPGetAction)) *corev1.Probe {
	g := &corev1.HTTPGetAction{Path: path, Scheme: corev1.URISchemeHTTP, Port: intstr.FromInt32(0)}
	switch port := port.(type) {
	case int:
		g.Port = intstr.FromInt32(int32(port))
	case string:
		g.Port = intstr.FromString(port)
	}
	for _, f := range change {
		f(g)
	}
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: g}}
}

// TestProbeOf: a probe is offered only where the kubelet can pass it, as far as that is known.
func TestProbeOf(t *testing.T) {
	ports := func(numbers ...int32) (out []corev1.ContainerPort) {
		for _, n := range numbers {
			out = append(out, corev1.ContainerPort{ContainerPort: n})
		}
		return out
	}
	https := func(g *corev1.HTTPGetAction) { g.Scheme = corev1.URISchemeHTTPS }
	headers := func(g *corev1.HTTPGetAction) { g.HTTPHeaders = []corev1.HTTPHeader{{Name: "X", Value: "secret"}} }
	sql := "x/cloud-sql-proxy:2.14"
	for _, test := range []struct {
		name      string
		container corev1.Container
		log       string
		// want is the patch, or a part of it; note a part of the note.
		want, note string
	}{
		{"a declared port, and nothing else", corev1.Container{Ports: ports(5432)}, "", `"tcpSocket":{"port":5432}`, "never passes if x listens on 127.0.0.1"},
		{"a port on every address", corev1.Container{Ports: ports(5432), Args: []string{"serve", ":5432"}}, "", `"tcpSocket":{"port":5432}`, ""},
		{"the log says so", corev1.Container{Ports: ports(5432)}, "listening on [::]:5432", `"tcpSocket":{"port":5432}`, ""},
		{"the port that is software.Reached", corev1.Container{Ports: ports(5432), Args: []string{"serve", "127.0.0.1:5432", "then", "serve", ":9090"}}, "", `"tcpSocket":{"port":9090}`, ""},
		{"UDP is not asked", corev1.Container{Ports: []corev1.ContainerPort{{ContainerPort: 53, Protocol: corev1.ProtocolUDP}}}, "", "", "nothing says on which port"},
		{"nothing known", corev1.Container{}, "", "", "nothing says on which port"},
		{
			"loopback by a flag", corev1.Container{Ports: ports(8080), Args: []string{"--listen=127.0.0.1:8080"}}, "",
			`"tcpSocket":{"port":8080}}},{"op":"test","path":"/args/0","value":"--listen=127.0.0.1:8080"},{"op":"replace","path":"/args/0","value":"--listen=0.0.0.0:8080"}`, "other pods reach it then",
		},
		{
			"loopback by a word of its own", corev1.Container{Command: []string{"/x", "--address", "localhost", "--port=8080"}}, "",
			`{"op":"replace","path":"/command/2","value":"0.0.0.0"}`, "other pods reach it then",
		},
		{
			"loopback in a script", corev1.Container{Command: []string{"sh", "-c"}, Args: []string{"x --upstream=127.0.0.1:1 & exec y --bind '127.0.0.1:8080'"}}, "",
			`"value":"x --upstream=127.0.0.1:1 \u0026 exec y --bind '0.0.0.0:8080'"`, "other pods reach it then",
		},
		{"loopback by its log", corev1.Container{Ports: ports(8080)}, "listening on 127.0.0.1:8080", "", "listens on 127.0.0.1 only (log of x: listening"},
		{"its own readiness probe", corev1.Container{ReadinessProbe: httpProbe(8080, "/ready")}, "", `"httpGet":{"path":"/ready","port":8080}`, ""},
		{"scheme is kept", corev1.Container{ReadinessProbe: httpProbe(8443, "/ready", https)}, "", `"httpGet":{"path":"/ready","port":8443,"scheme":"HTTPS"}`, ""},
		{
			"headers are copied and not printed", corev1.Container{ReadinessProbe: httpProbe(8443, "/ready", headers)}, "",
			`{"op":"copy","from":"/readinessProbe","path":"/startupProbe"},{"op":"add","path":"/startupProbe/failureThreshold","value":60},{"op":"add","path":"/startupProbe/initialDelaySeconds","value":0}`, "",
		},
		{"its own liveness probe", corev1.Container{Ports: ports(1), LivenessProbe: httpProbe(8080, "/live")}, "", `"httpGet":{"path":"/live","port":8080}`, ""},
		{
			"a gRPC probe", corev1.Container{ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 9000}}}}, "",
			`"grpc":{"port":9000}`, "",
		},
		{
			"its own exec probe", corev1.Container{Ports: ports(8080), Args: []string{"--listen=127.0.0.1:8080"}, ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
				Exec: &corev1.ExecAction{Command: []string{"/x", "check"}},
			}, TimeoutSeconds: 3}}, "", `"exec":{"command":["/x","check"]},"failureThreshold":60,"periodSeconds":1,"timeoutSeconds":3`, "",
		},
		{"a readiness probe on the loopback address is left", corev1.Container{Args: []string{"--listen=127.0.0.1:8080"}, ReadinessProbe: httpProbe(8080, "/ready")}, "", `"value":"--listen=0.0.0.0:8080"`, "other pods"},
		{"known software", corev1.Container{Name: "istio-proxy"}, "", `"httpGet":{"path":"/healthz/ready","port":15021}`, ""},
		{"known software, its own probe", corev1.Container{Name: "istio-proxy", ReadinessProbe: httpProbe(15021, "/healthz/ready", headers)}, "", `"op":"copy"`, ""},
		{"Dapr, whose readiness waits for the application", corev1.Container{Name: "daprd", ReadinessProbe: httpProbe(3501, "/v1.0/healthz")}, "", `"path":"/v1.0/healthz/outbound","port":3501`, ""},
		{"Docker's own command", corev1.Container{Name: "dind"}, "", `"exec":{"command":["docker","info"]}`, ""},
		{"an endpoint that has to be configured", corev1.Container{Name: "otc-container"}, "", "", "requires the extension health_check"},
		{
			"Cloud SQL", corev1.Container{Image: sql, Args: []string{"--port=5432", "p:r:db"}, Ports: ports(5432)}, "",
			`"httpGet":{"path":"/startup","port":9090},"periodSeconds":1}},{"op":"add","path":"/args/-","value":"--health-check"},{"op":"add","path":"/args/-","value":"--http-address=0.0.0.0"}`, "opens a health endpoint",
		},
		{
			"Cloud SQL, as a command", corev1.Container{Image: sql, Command: []string{"/cloud-sql-proxy", "--http-port=9801", "--health-check", "p:r:db"}}, "",
			`"port":9801},"periodSeconds":1}},{"op":"add","path":"/command/-","value":"--http-address=0.0.0.0"}]`, "--http-address=0.0.0.0 opens",
		},
		{"Cloud SQL, all there", corev1.Container{Image: sql, Args: []string{"--health-check", "--http-address", "0.0.0.0", "--http-port", "9801", "p:r:db"}}, "", `"httpGet":{"path":"/startup","port":9801}`, ""},
		{"Cloud SQL on every address", corev1.Container{Image: sql, Args: []string{"--address=0.0.0.0", "--port=5432", "p:r:db"}}, "", `"tcpSocket":{"port":5432}`, ""},
		{"Cloud SQL in a shell", corev1.Container{Image: sql, Command: []string{"sh", "-c", "/cloud-sql-proxy p:r:db --port 5432"}}, "", "", "--health-check --http-address=0.0.0.0 opens one, GET /startup on port 9090"},
		{
			"Cloud SQL before version 2", corev1.Container{Image: "x/gce-proxy:1.33", Command: []string{"/cloud_sql_proxy", "-instances=p:r:db=tcp:5432"}}, "",
			`"httpGet":{"path":"/startup","port":8090},"periodSeconds":1}},{"op":"add","path":"/command/-","value":"-use_http_health_check"}]`, "opens a health endpoint",
		},
	} {
		if test.container.Name == "" {
			test.container.Name = "x"
		}
		var log []string
		if test.log != "" {
			log = []string{test.log}
		}
		p, c := soloPod(test.container, log...)
		n := p.probeOf(c)
		got := encode(n.ops("", c.Container))
		if test.want == "" && n.fields != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if (n.note == "") != (test.note == "") || !strings.Contains(n.note, test.note) {
			t.Errorf("%s: note %q, want %q", test.name, n.note, test.note)
		}
		if test.want != "" && strings.Contains(got, "secret") {
			t.Errorf("%s: printed: %s", test.name, got)
		}
	}
}

// TestProbeOfOthers: what another container answers, or what fails now, is not what a startup probe asks.
func TestProbeOfOthers(t *testing.T) {
	p, _ := soloPod(corev1.Container{Name: "x", ReadinessProbe: httpProbe(8080, "/")})
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "main", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}})
	p = p.s.subject(p.Pod)
	if n := p.probeOf(p.mains[0]); n.fields != nil {
		t.Errorf("asks the port of another container: %v", n.fields)
	}
	p, c := soloPod(corev1.Container{Name: "x", Ports: []corev1.ContainerPort{{ContainerPort: 9901}}})
	if got := encode(p.probeOf(c, 0, 15001).fields); !strings.Contains(got, "15001") {
		t.Errorf("asks another port than the one that is needed: %s", got)
	}
	p, c = soloPod(corev1.Container{Name: "x", Args: []string{"--listen=127.0.0.1:8080"}})
	if n := p.probeOf(c).unopened(); n.known() || len(n.words) > 0 || !strings.Contains(n.note, "127.0.0.1 only") {
		t.Errorf("opens a port: %+v", n)
	}
	p, _ = soloPod(corev1.Container{Name: "x", ReadinessProbe: httpProbe(8080, "/"), Ports: []corev1.ContainerPort{{ContainerPort: 8080}}})
	unready := running("x", settle)
	unready.Ready = false
	p.Status.ContainerStatuses = list{unready}
	p = p.s.subject(p.Pod)
	if got := encode(p.probeOf(p.mains[0]).fields); !strings.Contains(got, "tcpSocket") {
		t.Errorf("asks what fails now: %s", got)
	}
}

// TestLivenessAsStartup: what a liveness probe sends is not printed with the startup probe that is made of it.
func TestLivenessAsStartup(t *testing.T) {
	pod := shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Name = "p"
		get := &corev1.HTTPGetAction{Path: "/live", Port: intstr.FromInt32(15001), HTTPHeaders: []corev1.HTTPHeader{{Name: "Authorization", Value: "REDACTED"}}}
		p.Spec.InitContainers[0].StartupProbe, p.Spec.InitContainers[0].LivenessProbe = nil, &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: get}}
	})
	s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: []corev1.Pod{pod}}
	s.Events = []corev1.Event{event("Unhealthy", "Liveness probe failed: dial tcp 10.0.0.7:15001: connect: connection refused", "proxy", 3, time.Minute)}
	p := sceneOf(s).subjects()[0]
	command := p.livenessSteps(p.inits[0])[0].Command
	if !strings.Contains(command, `{"op":"copy","from":"/spec/initContainers/0/livenessProbe","path":"/spec/initContainers/0/startupProbe"}`) || strings.Contains(command, "REDACTED") {
		t.Errorf("not a copy: %s", command)
	}
}
