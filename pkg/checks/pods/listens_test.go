package pods

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// soloPod is a subject of one container, with what it has logged.
func soloPod(c corev1.Container, log ...string) (subject, container) {
	s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: []corev1.Pod{{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n"}, Spec: corev1.PodSpec{Containers: []corev1.Container{c}},
	}}}
	if len(log) > 0 {
		s.Logs = []facts.ContainerLog{{Namespace: "n", Pod: "p", Container: c.Name, Lines: log}}
	}
	p := sceneOf(s).subjects()[0]
	return p, p.mains[0]
}

func TestReachOf(t *testing.T) {
	for _, test := range []struct {
		name, image, command string
		declared             int32
		env, log             string
		port                 int
		want                 software.Reach
	}{
		{command: "serve :15001", port: 15001, want: software.Reached},
		{command: "serve 127.0.0.1:15001", port: 15001, want: software.LoopbackOnly},
		{command: "serve 0.0.0.0:15001", port: 15001, want: software.Reached},
		{command: "serve localhost:15001", port: 15001, want: software.LoopbackOnly},
		{command: "serve [::1]:15001", port: 15001, want: software.LoopbackOnly},
		{command: "serve [::]:15001", port: 15001, want: software.Reached},
		{command: "sleep 5s then serve 127.0.0.1:15001 /ready=503", port: 15001, want: software.LoopbackOnly},
		{command: "connect 127.0.0.1:15001", declared: 15001, port: 15001, want: software.ReachUnknown},
		{command: "proxy --address 127.0.0.1 --port 5432", port: 5432, want: software.LoopbackOnly},
		{command: "proxy --address=127.0.0.1", declared: 5432, port: 5432, want: software.LoopbackOnly},
		{command: "proxy --address 0.0.0.0 --port=5432", port: 5432, want: software.Reached},
		{command: "proxy --listen=localhost:8080", port: 8080, want: software.LoopbackOnly},
		{command: "proxy --listen=http://127.0.0.1:8080", port: 8080, want: software.LoopbackOnly},
		{command: "proxy -bind 127.0.0.1:8080", port: 8080, want: software.LoopbackOnly},
		{command: "proxy --bind_address=127.0.0.1 --port=8080", port: 8080, want: software.LoopbackOnly},
		{command: "proxy --http-address=127.0.0.1 --http-port=9090 --port=5432", port: 9090, want: software.LoopbackOnly},
		{command: "proxy --http-address=127.0.0.1 --http-port=9090 --port=5432", port: 5432, want: software.ReachUnknown},
		{command: "proxy --http-address=127.0.0.1", declared: 8080, port: 8080, want: software.LoopbackOnly},
		{command: "proxy --web.listen-address=127.0.0.1:9100", port: 9100, want: software.LoopbackOnly},
		{command: "proxy --web.listen-address=:9100", port: 9100, want: software.Reached},
		{command: "gunicorn -b 127.0.0.1:8000 app", port: 8000, want: software.LoopbackOnly},
		{command: "memcached -l 127.0.0.1 -p 11211", port: 11211, want: software.LoopbackOnly},
		{command: "python -m http.server 8000 --bind 127.0.0.1", declared: 8000, port: 8000, want: software.LoopbackOnly},
		{command: "redis-server --bind 127.0.0.1 --port 6379", port: 6379, want: software.LoopbackOnly},
		{command: "server host=127.0.0.1 port=8080", port: 8080, want: software.LoopbackOnly},
		{command: "proxy --db-host=127.0.0.1 --port=8080", port: 8080, want: software.ReachUnknown},
		{command: "proxy --upstream-address=127.0.0.1:8080 --listen=:9000", declared: 8080, port: 8080, want: software.ReachUnknown},
		{command: "proxy --redis-addr 127.0.0.1:6379 --listen=:9000", port: 9000, want: software.Reached},
		{command: "proxy --port=8080", port: 8080, want: software.ReachUnknown},
		{command: "proxy", declared: 8080, env: "LISTEN_ADDR=127.0.0.1:8080", port: 8080, want: software.LoopbackOnly},
		{command: "proxy", declared: 8080, env: "DB_HOST=127.0.0.1", port: 8080, want: software.ReachUnknown},
		{command: "proxy --port=8080", log: "listening on 127.0.0.1:8080", port: 8080, want: software.LoopbackOnly},
		{command: "serve 127.0.0.1:8080", log: "listening on [::]:8080", port: 8080, want: software.Reached},
		{command: "proxy", log: "[project:region:db] Listening on 127.0.0.1:5432", port: 5432, want: software.LoopbackOnly},
		{command: "proxy", log: "INFO server listening addr=0.0.0.0:5432", port: 5432, want: software.Reached},
		{command: "proxy", log: "dial tcp 127.0.0.1:5432: connect: connection refused", declared: 5432, port: 5432, want: software.ReachUnknown},
		// The Cloud SQL proxy listens on the loopback address, unless it is told otherwise.
		{name: "cloud-sql-proxy", command: "--port=5432 p:r:db", port: 5432, want: software.LoopbackOnly},
		{image: "x/cloud-sql-proxy:2.14", command: "p:r:db", declared: 5432, port: 5432, want: software.LoopbackOnly},
		{image: "x/cloud-sql-proxy:2.14", command: "--address=0.0.0.0 --port=5432 p:r:db", port: 5432, want: software.Reached},
		{image: "x/cloud-sql-proxy:2.14", command: "-a 0.0.0.0 -p 5432 p:r:db", port: 5432, want: software.Reached},
		{image: "x/cloud-sql-proxy:2.14", command: "p:r:db", declared: 5432, env: "CSQL_PROXY_ADDRESS=0.0.0.0", port: 5432, want: software.Reached},
		{image: "x/cloud-sql-proxy:2.14", command: "--http-address=0.0.0.0 --http-port=9090 --port=5432", port: 5432, want: software.LoopbackOnly},
		{image: "x/cloud-sql-proxy:2.14", command: "--http-address=0.0.0.0 --http-port=9090 --port=5432", port: 9090, want: software.Reached},
		{image: "x/gce-proxy:1.33", command: "/cloud_sql_proxy -instances=p:r:db=tcp:5432", port: 5432, want: software.LoopbackOnly},
		{image: "x/gce-proxy:1.33", command: "/cloud_sql_proxy -instances=p:r:db=tcp:0.0.0.0:5432", port: 5432, want: software.Reached},
		{name: "istio-proxy", port: 15021, want: software.ReachUnknown},
	} {
		c := corev1.Container{Name: "x", Image: test.image, Args: strings.Fields(test.command)}
		if test.name != "" {
			c.Name = test.name
		}
		if test.declared > 0 {
			c.Ports = []corev1.ContainerPort{{ContainerPort: test.declared}}
		}
		if name, value, ok := strings.Cut(test.env, "="); ok {
			c.Env = []corev1.EnvVar{{Name: name, Value: value}}
		}
		var log []string
		if test.log != "" {
			log = []string{test.log}
		}
		p, x := soloPod(c, log...)
		got, because := p.reachOf(x, test.port)
		if got != test.want || (got == software.ReachUnknown) != (because.From == "") {
			t.Errorf("%s %q, port %d: %d (%s), want %d", test.name+test.image, test.command+test.env+test.log, test.port, got, because.From, test.want)
		}
		// The same in a script.
		c.Command, c.Args = []string{"sh", "-c", "exec " + test.command + " > /log 2>&1"}, nil
		p, x = soloPod(c, log...)
		if inScript, _ := p.reachOf(x, test.port); inScript != test.want {
			t.Errorf("sh -c %q, port %d: %d, want %d", test.command, test.port, inScript, test.want)
		}
	}
}

func TestTCPPorts(t *testing.T) {
	c := corev1.Container{
		Name: "x", Args: strings.Fields("--http-port=9090 --app-port 8080 --listen=127.0.0.1:7070 -p 6060"),
		Ports: []corev1.ContainerPort{{ContainerPort: 8125, Protocol: corev1.ProtocolUDP}, {ContainerPort: 5432}},
	}
	p, x := soloPod(c)
	if got := fmt.Sprint(p.tcpPorts(x)); got != "[5432 7070 9090 6060]" {
		t.Error(got)
	}
}
