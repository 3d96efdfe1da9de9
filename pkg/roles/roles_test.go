package roles

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// judged is the judgment of a manifest: a kind and the YAML of its pod spec.
func judged(t *testing.T, kind, spec string) Judgment {
	t.Helper()
	apiVersion, above, indent := "apps/v1", "spec:\n  template:\n    spec:\n", "      "
	switch kind {
	case "Pod":
		apiVersion, above, indent = "v1", "spec:\n", "  "
	case "Job":
		apiVersion = "batch/v1"
	case "CronJob":
		apiVersion, above, indent = "batch/v1", "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n", "          "
	case "Rollout":
		apiVersion = "argoproj.io/v1alpha1"
	}
	text := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: shop}\n%s", apiVersion, kind, above)
	for l := range strings.SplitSeq(strings.Trim(spec, "\n"), "\n") {
		text += indent + l + "\n"
	}
	documents, err := workload.Parse("m.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	w := documents[0].Workloads[0]
	if w.Unreadable != nil {
		t.Fatal(w.Unreadable)
	}
	return Judge(w)
}

// said is a judgment in one line for each container.
func said(j Judgment) string {
	var out []string
	for i := range j.Containers {
		c := &j.Containers[i]
		l := c.Name + " " + string(c.Role)
		if c.Role == Sidecar || c.Role == Ask {
			l += fmt.Sprintf(" %d", c.Trusted())
		}
		out = append(out, l)
	}
	return strings.Join(out, ", ")
}

// TestRoles: what is trusted and what is misleading, and the same in the shapes that people have.
func TestRoles(t *testing.T) {
	tests := []struct{ name, kind, spec, want string }{
		{"a job beside something with a port: ask", "CronJob", `
containers:
- {name: report, image: lab/report}
- {name: gate, image: lab/gate, ports: [{containerPort: 9000}]}
restartPolicy: OnFailure`, "report main, gate ask 0"},
		{"a known image of a mirror", "Deployment", `
containers:
- {name: web, image: lab/web, env: [{name: PGHOST, value: localhost}]}
- {name: data, image: mirror.example/x/cloud-sql-proxy:2, args: [p:r:i]}`, "web main, data sidecar 2"},
		{"called on a port that it declares", "Deployment", `
containers:
- {name: shop, image: lab/shop, args: [--cache, "localhost:6380"]}
- {name: cache, image: lab/cache, ports: [{containerPort: 6380}]}`, "shop main, cache sidecar 1"},
		{"host and port apart, with a flag that could say where it listens itself", "Job", `
containers:
- {name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "3306"]}
- {name: db, image: lab/tunnel, command: [tunnel, "--listen=127.0.0.1:3306"]}`, "load main, db sidecar 1"},
		{"host and port apart, to a proxy that does not say where it listens", "Job", `
containers:
- {name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "5432"]}
- {name: db, image: lab/cloud-sql-proxy:2, args: [p:r:i]}`, "load main, db sidecar 1"},
		{"host and port apart, where nobody listens", "Job", `
containers:
- {name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "6000"]}
- {name: near, image: lab/near, args: ["--listen=:7000"]}`, "load main, near main"},
		{"host and port apart, of one that declares a port itself", "Deployment", `
containers:
- {name: web, image: lab/web, args: [--host, 127.0.0.1, --port, "5432"], ports: [{containerPort: 5432}]}
- {name: db, image: lab/cloud-sql-proxy:2, args: [p:r:i]}`, "web main, db sidecar 1"},
		{"host and port in variables", "Deployment", `
containers:
- {name: web, image: lab/web, env: [{name: CACHE_HOST, value: 127.0.0.1}, {name: CACHE_PORT, value: "7000"}]}
- {name: near, image: lab/near, env: [{name: LISTEN_ADDR, value: ":7000"}]}`, "web main, near sidecar 1"},
		{"it follows a file that is written", "Job", `
containers:
- {name: batch, image: lab/batch, command: [sh, -c, "run >> /out/batch.log"], volumeMounts: [{name: o, mountPath: /out}]}
- {name: show, image: busybox, command: [sh, -c, "tail -F /seen/batch.log"], volumeMounts: [{name: o, mountPath: /seen}]}
volumes: [{name: o, emptyDir: {}}]`, "batch main, show sidecar 2"},
		{"what follows a file of the node is no sidecar of anybody", "Deployment", `
containers:
- {name: a, image: lab/a, volumeMounts: [{name: o, mountPath: /out}]}
- {name: b, image: busybox, command: [tail, -F, /out/x], volumeMounts: [{name: o, mountPath: /out}]}
volumes: [{name: o, hostPath: {path: /x}}]`, "a main, b main"},
		{"a shipper of a shared volume, mounted read-only", "StatefulSet", `
containers:
- {name: shop, image: lab/shop, volumeMounts: [{name: o, mountPath: /log}]}
- {name: ship, image: fluent/fluent-bit:3, volumeMounts: [{name: o, mountPath: /log, readOnly: true}]}
volumes: [{name: o, emptyDir: {}}]`, "shop main, ship sidecar 2"},
		{"the work waits for it", "Job", `
containers:
- {name: batch, image: lab/batch, command: [sh, -c, "until nc -z localhost 7070; do sleep 1; done; run"]}
- {name: link, image: lab/link, args: ["--listen=:7070"]}`, "batch main, link sidecar 1"},
		{"waiting for another service says nothing", "Deployment", `
initContainers:
- {name: wait, image: busybox, command: [sh, -c, "until nc -z postgres 5432; do sleep 1; done"]}
containers:
- {name: a, image: lab/a}
- {name: b, image: lab/b}`, "wait init, a main, b main"},
		{"its hook holds the others back", "Deployment", `
containers:
- {name: link, image: lab/link, args: ["--listen=:7070"], lifecycle: {postStart: {exec: {command: [sh, -c, "until nc -z 127.0.0.1 7070; do sleep 1; done"]}}}}
- {name: shop, image: lab/shop}`, "link sidecar 1, shop main"},
		{"the quit endpoint names it", "Job", `
containers:
- {name: batch, image: lab/batch, command: [sh, -c, "run; x=$?; curl -X POST localhost:9091/quitquitquit; exit $x"]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [p:r:i, --quitquitquit]}`, "batch main, data sidecar 2"},
		{"a killer in shared processes exits on its own", "Job", `
shareProcessNamespace: true
containers:
- {name: populate, image: lab/populate, command: [fill]}
- {name: data, image: lab/cloud-sql-proxy:2, command: [/cloud-sql-proxy], args: [p:r:i]}
- {name: sidecar-controller, image: busybox, command: [sh, -c, "sleep 5; while pgrep fill; do sleep 1; done; pkill cloud-sql-proxy"]}`,
			"populate main, data sidecar 2, sidecar-controller one-shot"},
		{"kubexit on both sides", "Job", `
containers:
- {name: batch, image: lab/batch, command: [kubexit, run], env: [{name: KUBEXIT_NAME, value: work}, {name: KUBEXIT_BIRTH_DEPS, value: link}]}
- {name: side, image: lab/link, command: [kubexit, link], env: [{name: KUBEXIT_NAME, value: link}, {name: KUBEXIT_DEATH_DEPS, value: work}]}`, "batch main, side sidecar 2"},
		{"OpenKruise's variable", "Job", `
containers:
- {name: batch, image: lab/batch}
- {name: side, image: lab/side, env: [{name: KRUISE_TERMINATE_SIDECAR_WHEN_JOB_EXIT, value: "true"}]}`, "batch main, side sidecar 1"},
		{"an init container with the same image and volume", "Deployment", `
initContainers:
- {name: first, image: lab/sync:1, args: [--one-time], volumeMounts: [{name: c, mountPath: /c}]}
containers:
- {name: shop, image: lab/shop, volumeMounts: [{name: c, mountPath: /c, readOnly: true}]}
- {name: again, image: lab/sync:1, volumeMounts: [{name: c, mountPath: /c}]}
volumes: [{name: c, emptyDir: {}}]`, "first init, shop main, again ask 0"},
		{"one that exits is never a sidecar", "Deployment", `
containers:
- {name: shop, image: lab/shop}
- {name: git-sync, image: lab/git-sync:v4, args: [--one-time]}`, "shop main, git-sync one-shot"},
		{"alone it is the work", "Deployment", `
containers:
- {name: data, image: lab/cloud-sql-proxy:2}`, "data main"},
		{"proxies in a row", "Deployment", `
containers:
- {name: shop, image: lab/shop, env: [{name: DATABASE_URL, value: "postgres://u@localhost:6432/x"}]}
- {name: pool, image: lab/pgbouncer:1, env: [{name: DB_HOST, value: 127.0.0.1}, {name: DB_PORT, value: "5432"}], ports: [{containerPort: 6432}]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i]}`, "shop main, pool sidecar 2, data sidecar 2"},
		{"of two known ones, the one that calls is the work", "Deployment", `
containers:
- {name: pool, image: lab/pgbouncer:1, env: [{name: DB_HOST, value: 127.0.0.1}, {name: DB_PORT, value: "5432"}]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i]}`, "pool main, data sidecar 2"},
		{"a front that passes on needs the work", "DaemonSet", `
containers:
- {name: exporter, image: lab/exporter, args: ["--web.listen-address=127.0.0.1:9101"]}
- {name: guard, image: lab/guard, args: ["--secure-listen-address=:9443", "--upstream=http://127.0.0.1:9101/"], ports: [{containerPort: 9443, hostPort: 9443}]}`,
			"exporter main, guard helper"},
		{"a login in front needs the work", "Deployment", `
containers:
- {name: shop, image: lab/shop, ports: [{containerPort: 8080}]}
- {name: login, image: lab/oauth2-proxy:7, args: ["--upstream=http://localhost:8080", "--http-address=0.0.0.0:4180"]}`, "shop main, login helper"},
		{"a reloader posts to the work", "StatefulSet", `
containers:
- {name: ci, image: lab/ci, ports: [{containerPort: 8080}]}
- {name: reload, image: lab/k8s-sidecar:1, env: [{name: REQ_URL, value: "http://localhost:8080/reload"}]}`, "ci main, reload helper"},
		{"an exporter asks the work", "StatefulSet", `
containers:
- {name: cache, image: lab/cache, ports: [{containerPort: 6379}]}
- {name: metrics, image: lab/metrics, args: ["--redis.addr=localhost:6379"], ports: [{containerPort: 9121}]}`, "cache main, metrics helper"},
		{"one called sidecar that asks the work", "Deployment", `
containers:
- {name: dns, image: lab/dns, ports: [{containerPort: 10053}]}
- {name: sidecar, image: lab/asks, args: ["--probe=dns,127.0.0.1:10053,x"]}`, "dns main, sidecar helper"},
		{"a reload by signal needs the work", "Deployment", `
shareProcessNamespace: true
containers:
- {name: web, image: lab/nginx, command: [nginx]}
- {name: watch, image: lab/watch, command: [sh, -c, "while true; do inotifyd; pkill -HUP nginx; done"]}`, "web main, watch helper"},
		{"helpers of a socket, with a port that only the driver declares", "StatefulSet", `
containers:
- {name: plugin, image: lab/plugin, args: ["--endpoint=$(SOCKET)"], env: [{name: SOCKET, value: "unix:///run/x/plugin.sock"}], ports: [{containerPort: 9898, name: healthz}], livenessProbe: {httpGet: {port: healthz}}, volumeMounts: [{name: s, mountPath: /run/x}]}
- {name: register, image: lab/register, args: ["--csi-address=/s/plugin.sock"], volumeMounts: [{name: s, mountPath: /s}]}
- {name: health, image: lab/livenessprobe:2, args: ["--csi-address=/s/plugin.sock", "--health-port=9898"], volumeMounts: [{name: s, mountPath: /s}]}
volumes: [{name: s, emptyDir: {}}]`, "plugin main, register helper, health helper"},
		{"a known front of which nothing else is known: ask", "Rollout", `
containers:
- {name: shop, image: lab/shop, ports: [{containerPort: 8080}]}
- {name: edge, image: lab/mine:1, command: [sh, -c, "exec envoy -c /e.yaml"], ports: [{name: app, containerPort: 10001}], readinessProbe: {httpGet: {port: 10001, path: /up}}}`,
			"shop main, edge ask 1"},
		{"called, and calls: ask", "Deployment", `
containers:
- {name: shop, image: lab/shop, ports: [{containerPort: 8080}], env: [{name: BUS_URL, value: "http://localhost:3501"}]}
- {name: bus, image: lab/bus, args: ["--app-url=http://localhost:8080", "--listen=:3501"]}`, "shop main, bus ask 1"},
		{"what is scraped is an app of its own", "Deployment", `
containers:
- {name: web, image: nginx:1, ports: [{containerPort: 80}]}
- {name: php, image: lab/php, ports: [{containerPort: 9000}]}
- {name: metrics, image: lab/metrics, args: ["-nginx.scrape-uri=http://localhost:80/x"], ports: [{containerPort: 9113}]}`, "web main, php main, metrics helper"},
		{"its hook waits for its socket, and its process is killed", "Job", `
shareProcessNamespace: true
containers:
- {name: pool, image: lab/pool, command: [poolsql], lifecycle: {postStart: {exec: {command: [sh, -c, "until test -S /run/p/m.sock; do sleep 1; done"]}}}}
- {name: migrate, image: lab/migrate, command: [sh, -c, "sync-db; rc=$?; pkill -TERM poolsql; exit $rc"]}`, "pool sidecar 2, migrate main"},
		{"the work waits for its socket", "Deployment", `
containers:
- {name: web, image: lab/web, command: [sh, -c, "until [ -S /s/x.sock ]; do sleep 1; done; exec web"], volumeMounts: [{name: s, mountPath: /s}]}
- {name: pool, image: lab/pool, volumeMounts: [{name: s, mountPath: /run}]}
volumes: [{name: s, emptyDir: {}}]`, "web main, pool sidecar 1"},
		{"two equal servers are two apps", "Deployment", `
containers:
- {name: one, image: lab/one, ports: [{containerPort: 1111}]}
- {name: two, image: lab/two, ports: [{containerPort: 2222}]}`, "one main, two main"},
		{"small requests and probes say nothing", "Deployment", `
containers:
- {name: one, image: lab/one}
- {name: two, image: lab/two, resources: {requests: {cpu: 1m}}, readinessProbe: {exec: {command: [ok]}}}`, "one main, two main"},
		{"native", "Deployment", `
initContainers:
- {name: data, image: lab/cloud-sql-proxy:2, restartPolicy: Always}
containers:
- {name: shop, image: lab/shop}`, "data native, shop main"},
		{"a server among the init containers", "Deployment", `
initContainers:
- {name: data, image: lab/cloud-sql-proxy:2, args: [p:r:i]}
containers:
- {name: shop, image: lab/shop}`, "data sidecar 2, shop main"},
		{"a marker file", "Job", `
containers:
- {name: batch, image: lab/batch, command: [sh, -c, "trap 'touch /m/done' EXIT\nrun"], volumeMounts: [{name: m, mountPath: /m}]}
- {name: side, image: lab/side, command: [sh, -c, "serve & while ! test -f /m/done; do sleep 1; done; kill $!"], volumeMounts: [{name: m, mountPath: /m}]}
volumes: [{name: m, emptyDir: {}}]`, "batch main, side sidecar 1"},
		{"the work waits for a file of it", "Deployment", `
containers:
- {name: shop, image: lab/shop, command: [sh, -c, "until [ -f /m/ready ]; do sleep 1; done\nexec shop"], volumeMounts: [{name: m, mountPath: /m}]}
- {name: side, image: lab/side, command: [sh, -c, "prepare; touch /m/ready; serve"], volumeMounts: [{name: m, mountPath: /m}]}
volumes: [{name: m, emptyDir: {}}]`, "shop main, side sidecar 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, said(judged(t, tt.kind, tt.spec))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCallInWords: --host and --port of a container that is not known to listen are where it connects.
func TestCallInWords(t *testing.T) {
	const proxy = "\n- {name: db, image: lab/cloud-sql-proxy:2, args: [p:r:i]}"
	for _, tt := range []struct{ name, container, want string }{
		{"words of its own", `{name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "5432"]}`, "load calls db medium"},
		{"joined", `{name: load, image: lab/load, args: [--host=localhost, --port=5432]}`, "load calls db medium"},
		{"it listens there", `{name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "5432"], ports: [{containerPort: 5432}]}`, ""},
		{"it listens somewhere", `{name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "5432"], readinessProbe: {httpGet: {port: 80}}}`, ""},
		{"it says that it listens", `{name: load, image: lab/load, args: [serve, --listen-host, 127.0.0.1, --port, "5432"]}`, ""},
		{"a port that the proxy does not have", `{name: load, image: lab/load, args: [--host, 127.0.0.1, --port, "9999"]}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, e := range judged(t, "Job", "containers:\n- "+tt.container+proxy).Edges {
				got += fmt.Sprintf("%s %s %s %s", e.From, e.Kind, e.To, e.Certainty)
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
