package pods

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

func TestSigns(t *testing.T) {
	for _, test := range []struct {
		name, image, command string
		want                 string // strong, weak or none
	}{
		{"migrate", "shop:1", "rails db:migrate", "none"},
		{"migrate", "shop:1", "flyway -url=jdbc:postgresql://db:5432/shop migrate", "none"},
		{"wait", "busybox", "sh -c until nc -z db 5432; do sleep 1; done", "none"},
		{"wait", "busybox", "sh -c until curl -s http://localhost:15021/healthz/ready; do sleep 1; done", "none"},
		{"copy", "app:1", "cp -r /plugins /shared", "none"},
		{"restore", "postgres:16", "pg_restore -d shop --port 5432", "weak"},
		{"istio-init", "istio/proxyv2:1.24", "istio-iptables -p 15001", "none"},
		{"istio-validation", "istio/proxyv2:1.24", "istio-iptables --run-validation", "none"},
		{"linkerd-init", "linkerd/proxy-init:v2", "", "none"},
		{"vault-agent-init", "hashicorp/vault:1.17", "vault agent -config=/x -exit-after-auth", "none"},
		{"sync", "git-sync/git-sync:v4", "git-sync --one-time --http-bind=:1234", "none"},
		{"git-sync", "git-sync/git-sync:v4", "git-sync --repo=x", "strong"},
		{"whatever", "gcr.example/cloud-sql-connectors/cloud-sql-proxy:2.14", "--port=5432 project:region:db", "strong"},
		{"csql-default-db", "proxy:1", "", "strong"},
		{"istio-proxy", "whatever", "proxy sidecar", "strong"},
		{"logs", "busybox", "sh -c tail -n+1 -F /var/log/app.log", "strong"},
		{"logs", "busybox", "tail -f /dev/null", "strong"},
		{"pause", "busybox", "sleep infinity", "strong"},
		{"web", "nginx:1", "nginx -g daemon", "strong"},
		{"files", "python:3", "python -m http.server 8000", "strong"},
		{"munged", "hpc/auth:1", "", "strong"},
		{"auth", "hpc/munged:v0.0.5", "", "strong"},
		{"auth", "hpc/munged:v0.0.5", "cp /etc/munge/munge.key /shared", "none"},
		{"postgres", "shop-migrations:1", "", "none"},
		{"x", "tool:1", "serve :15001", "weak"},
		{"x", "tool:1", "tool --listen-address=:9090", "weak"},
		{"x", "tool:1", "sh -c while true; do rotate; sleep 60; done", "weak"},
	} {
		c := &corev1.Container{Name: test.name, Image: test.image, Command: strings.Fields(test.command)}
		list := software.Signs(c)
		got := "none"
		if software.AnyStrong(list) {
			got = "strong"
		} else if len(list) > 0 {
			got = "weak"
		}
		if got != test.want {
			t.Errorf("%s, image %s: %q: %s, want %s: %q", test.name, test.image, test.command, got, test.want, software.Texts(list))
		}
	}
}

// The texts are those of clients in several languages.
func TestRefusedPort(t *testing.T) {
	for text, want := range map[string]int{
		`dial tcp 127.0.0.1:5432: connect: connection refused`:                                                                                                  5432,
		`Get "http://localhost:15021/healthz/ready": dial tcp [::1]:15021: connect: connection refused`:                                                         15021,
		`psql: error: connection to server at "127.0.0.1", port 5432 failed: Connection refused`:                                                                5432,
		`could not connect to server: Connection refused; Is the server running on host "localhost" (127.0.0.1) and accepting TCP/IP connections on port 5432?`: 5432,
		`curl: (7) Failed to connect to localhost port 15020 after 0 ms: Couldn't connect to server`:                                                            15020,
		`Error: connect ECONNREFUSED 127.0.0.1:6379`:                                                                                                            6379,
		`requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=3500): Max retries exceeded: [Errno 111] Connection refused`:            3500,
		`dial tcp 10.0.0.7:5432: connect: connection refused`:                                                                                                   0,
		`listening on 127.0.0.1:5432`: 0,
		``:                            0,
	} {
		if got := refusedPort(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestPortsOf(t *testing.T) {
	for command, want := range map[string][]int{
		"serve :15001":                               nil,
		"proxy --port=5432 --admin-port 9091":        {5432, 9091},
		"proxy --listen=0.0.0.0:8080":                {8080},
		"proxy -l 127.0.0.1:8443":                    {8443},
		"proxy --address=:6379 --db=postgres://x:99": {6379},
	} {
		got := software.DeclaredPorts(&corev1.Container{Command: strings.Fields(command)})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", command, diff)
		}
	}
}

// TestKnownSidecars holds the table to its own rules.
func TestKnownSidecars(t *testing.T) {
	var names []string
	for _, k := range known.Sidecars() {
		if k.Quit != nil && k.Quit.Method != "POST" {
			t.Errorf("%s: %+v", k.Name, *k.Quit)
		}
		for _, name := range k.Containers {
			if slices.Contains(names, name) || slices.Contains(software.InitJobs, name) {
				t.Errorf("%s: %s is in the tables twice", k.Name, name)
			}
			names = append(names, name)
			if got := software.Of(&corev1.Container{Name: strings.TrimSuffix(name, "*") + "x"}); strings.HasSuffix(name, "*") && got == nil {
				t.Errorf("%s is not recognized", name)
			}
		}
	}
}
