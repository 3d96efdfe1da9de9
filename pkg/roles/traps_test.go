package roles

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTraps: what looks like a sidecar, or like the work, and is not.
func TestTraps(t *testing.T) {
	for _, tt := range []struct{ name, kind, spec, want string }{
		{"a helper asks the admin port of a proxy that does the work", "Deployment", `
containers:
- {name: edge, image: envoyproxy/envoy:v1.30.4, args: ["-c", /etc/envoy.yaml], ports: [{containerPort: 10000}]}
- {name: stats, image: lab/stats, args: ["--admin=http://127.0.0.1:9901"]}`, "edge sidecar 1, stats main"},
		{"what uploads the results begins when the work has exited", "Job", `
containers:
- {name: work, image: lab/work, command: [sh, -c, "compute > /out/a.csv; code=$?; touch /out/done; exit $code"], volumeMounts: [{name: out, mountPath: /out}]}
- {name: upload, image: lab/aws, command: [sh, -c, "while [ ! -f /out/done ]; do sleep 1; done; aws s3 cp /out/a.csv s3://x/"], volumeMounts: [{name: out, mountPath: /out}]}
volumes: [{name: out, emptyDir: {}}]`, "work main, upload main"},
		{"a server says that it is there, and goes on", "Job", `
containers:
- {name: work, image: lab/work, command: [sh, -c, "until [ -f /out/there ]; do sleep 1; done; compute"], volumeMounts: [{name: out, mountPath: /out}]}
- {name: serve, image: lab/serve, command: [sh, -c, "serve & sleep 5; touch /out/there; wait"], volumeMounts: [{name: out, mountPath: /out}]}
volumes: [{name: out, emptyDir: {}}]`, "work main, serve sidecar 1"},
		{"one that ships logs does not write them for another", "Deployment", `
containers:
- {name: web, image: lab/web, volumeMounts: [{name: log, mountPath: /log}]}
- {name: promtail, image: grafana/promtail:3, volumeMounts: [{name: log, mountPath: /log}]}
- {name: filebeat, image: elastic/filebeat:8, volumeMounts: [{name: log, mountPath: /log, readOnly: true}]}
volumes: [{name: log, emptyDir: {}}]`, "web main, promtail sidecar 1, filebeat sidecar 2"},
		{"Docker in Docker where it usually listens", "Job", `
containers:
- {name: build, image: docker:27-cli, command: [docker, build, .], env: [{name: DOCKER_HOST, value: "tcp://localhost:2375"}]}
- {name: dind, image: docker:27-dind}`, "build main, dind sidecar 2"},
		{"work that is looked at", "Job", `
containers:
- {name: work, image: lab/work, ports: [{containerPort: 9090, name: metrics}], livenessProbe: {httpGet: {port: 9090, path: /}}}
- {name: notes, image: lab/notes, command: [sh, -c, "sleep 60; echo bye"]}`, "work ask 0, notes main"},
		{"an init container with a server of its own", "Deployment", `
initContainers:
- {name: schema, image: postgres:16, command: [sh, -c, "postgres -D /x & until pg_isready -h localhost; do sleep 1; done; psql -h localhost -f /x.sql; kill %1"]}
containers:
- {name: web, image: lab/web, ports: [{containerPort: 8080}]}
- {name: db, image: postgres:16, ports: [{containerPort: 5432}]}`, "schema init, web main, db main"},
		{"the work is folded into one command with the call that stops the proxy", "Job", `
containers:
- name: batch
  image: lab/batch
  command: [sh, -c]
  args:
  - >
    run --db-host 127.0.0.1 --db-port 5432
    curl -XPOST localhost:9091/quitquitquit
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i, --quitquitquit]}`, "batch main, data sidecar 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judged(t, tt.kind, tt.spec)
			if diff := cmp.Diff(tt.want, said(j)); diff != "" {
				t.Error(diff)
			}
			for _, e := range j.Edges {
				if e.From == "filebeat" && e.To == "promtail" {
					t.Error("filebeat reads what promtail writes")
				}
			}
		})
	}
}

// TestFedTooLate: what prepares a sidecar comes before it, also where an init container needs the sidecar.
func TestFedTooLate(t *testing.T) {
	const (
		migrate = "- {name: migrate, image: lab/app, command: [migrate, --dsn=postgres://localhost:5432/x]}\n"
		certs   = "- {name: certs, image: lab/certs, volumeMounts: [{name: certs, mountPath: /out}]}\n"
	)
	spec := func(inits, mount string) string {
		return "initContainers:\n" + inits + `
containers:
- {name: app, image: lab/app, env: [{name: DSN, value: "postgres://localhost:5432/x"}]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i], volumeMounts: [{name: certs, mountPath: /certs` + mount + `}]}
volumes: [{name: certs, emptyDir: {}}]`
	}
	for _, tt := range []struct{ name, spec, want string }{
		{"in order", spec(certs+migrate, ", readOnly: true"), ""},
		{"too late", spec(migrate+certs, ", readOnly: true"), "certs"},
		{"nothing says that it reads them", spec(migrate+certs, ""), ""},
		{"nobody needs it earlier", spec(certs, ", readOnly: true"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judged(t, "Deployment", tt.spec)
			if got, _ := j.FedTooLate(j.Container("data")); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if c := j.Container("data"); c.Forbidden() != (tt.want != "") {
				t.Error(c.Obstacles)
			}
		})
	}
}

// TestWrapperVariables: a wrapper goes with all its flags and variables.
func TestWrapperVariables(t *testing.T) {
	for _, tt := range []struct {
		name, spec, want string
		edits            int
	}{
		{"scuttle", "containers: [{name: a, image: a, command: [scuttle, run], env: [{name: ENVOY_ADMIN_API, value: x}, {name: START_WITHOUT_ENVOY, value: 'true'}, {name: SCUTTLE_LOGGING, value: 'true'}, {name: OWN, value: x}]}]", "scuttle a>istio-proxy understood", 4},
		{"scuttle that also ends others", "containers: [{name: a, image: a, command: [scuttle, run], env: [{name: GENERIC_QUIT_ENDPOINTS, value: x}]}]", "scuttle a>istio-proxy", 2},
		{"linkerd-await with a command", "containers: [{name: a, image: a, command: [/linkerd-await, --shutdown, --timeout=10s, --, run, --, x], env: [{name: LINKERD_AWAIT_DISABLED, value: x}]}]", "linkerd-await a>linkerd-proxy understood", 5},
		{"linkerd-await with flags", "containers: [{name: a, image: a, command: [/linkerd-await, --shutdown], args: [run]}]", "linkerd-await a>linkerd-proxy", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := judged(t, "Job", tt.spec).Workarounds
			if diff := cmp.Diff(tt.want, kinds(list)); diff != "" {
				t.Error(diff)
			}
			if got := len(list[0].Edits); got != tt.edits {
				t.Error(list[0].Edits)
			}
		})
	}
}
