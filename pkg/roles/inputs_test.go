package roles

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

func container(t *testing.T, j Judgment, name string) *Container {
	t.Helper()
	c := j.Container(name)
	if c == nil {
		t.Fatalf("no container %s", name)
	}
	return c
}

func kinds(list []Workaround) string {
	var out []string
	for _, w := range list {
		l := fmt.Sprintf("%s %s>%s", w.Kind, w.Container, w.Sidecar)
		if w.Understood {
			l += " understood"
		}
		for _, f := range w.Faults {
			l += " " + string(f)
		}
		if w.Stale {
			l += " stale"
		}
		out = append(out, l)
	}
	return strings.Join(out, "; ")
}

func obstacles(c *Container) string {
	var out []string
	for _, o := range c.Obstacles {
		l := string(o.Kind)
		if o.Forbids {
			l += "!"
		}
		out = append(out, l)
	}
	return strings.Join(out, " ")
}

// TestProposals: a startup probe is only given where the kubelet can reach it.
func TestProposals(t *testing.T) {
	const shop = "\n- {name: shop, image: lab/shop}\n"
	tests := []struct {
		name, kind, container string
		basis                 software.Basis
		doubt                 Doubt
		given                 bool
	}{
		{"a declared port may be one of loopback", "CronJob", `{name: x, image: lab/x, ports: [{containerPort: 7001}]}`, software.FromUnsurePort, MayBeLoopback, true},
		{"a port on every address", "CronJob", `{name: x, image: lab/x, args: ["--listen=:7001"]}`, software.FromPort, "", true},
		{"its readiness probe, in a job", "CronJob", `{name: x, image: lab/cloud-sql-proxy:2, args: [--address=0.0.0.0, p:r:i], readinessProbe: {httpGet: {port: 9090, path: /startup}}}`, software.FromProbe, "", true},
		{"its own probes ask where it only listens for the pod", "Job", `{name: x, image: lab/mine, command: [cloud_sql_proxy], env: [{name: INSTANCES, value: "p:r:i=tcp:localhost:5432"}], ports: [{containerPort: 5432}], readinessProbe: {tcpSocket: {port: 5432}}, lifecycle: {preStop: {exec: {command: [sleep, "9"]}}}}`, software.NoneLoopback, OwnCannotPass, false},
		{"the answer may come from the work", "Rollout", `{name: x, image: lab/envoy:1, ports: [{containerPort: 10001}], readinessProbe: {httpGet: {port: 10001, path: /up}}}`, software.FromProbe, MayNeedMain, false},
		{"health endpoint by variables", "Deployment", `{name: x, image: lab/cloud-sql-proxy:2, args: [p:r:i], env: [{name: CSQL_PROXY_HEALTH_CHECK, value: "true"}, {name: CSQL_PROXY_HTTP_ADDRESS, value: 0.0.0.0}, {name: CSQL_PROXY_HTTP_PORT, value: "9801"}]}`, software.FromFlags, "", true},
		{"the loop of its hook, asked once", "Job", `{name: x, image: lab/x, args: ["--listen=127.0.0.1:7001"], lifecycle: {postStart: {exec: {command: [sh, -c, "until nc -z 127.0.0.1 7001; do sleep 1; done"]}}}}`, software.FromProbe, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := judged(t, tt.kind, "containers:"+shop+"- "+tt.container)
			c := container(t, j, "x")
			if c.Role != Sidecar && c.Role != Ask {
				t.Fatalf("role %s", c.Role)
			}
			if p := c.Proposal; p.Basis != tt.basis || p.Doubt != tt.doubt || p.Given() != tt.given {
				t.Errorf("%s, doubt %q, given %v: %v", p.Basis, p.Doubt, p.Given(), p.Fields)
			}
		})
	}
	exec := container(t, judged(t, "Job", "containers:"+shop+"- "+tests[6].container), "x").Proposal.Exec
	if diff := cmp.Diff([]string{"sh", "-c", "nc -z 127.0.0.1 7001"}, exec); diff != "" {
		t.Error(diff)
	}
}

// TestWorkarounds: each is a whole set, and what is wrong with it is said.
func TestWorkarounds(t *testing.T) {
	script := func(text string) string {
		return "containers:\n- name: batch\n  image: lab/batch\n  command: [sh, -c]\n  args:\n  - " + text + `
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i, --quitquitquit]}`
	}
	tests := []struct{ name, spec, want string }{
		{"keeps the code", script(`"run --all; x=$?; curl -XPOST localhost:9091/quitquitquit; exit $x"`), "quit-call batch>data understood"},
		{"loses the code", script(`"run --all; curl -XPOST localhost:9091/quitquitquit"`), "quit-call batch>data understood loses-exit-code"},
		{"not after a failure", script(`"run --all && curl -XPOST localhost:9091/quitquitquit"`), "quit-call batch>data understood not-after-failure"},
		{"strict", script("|\n    set -e\n    run --all\n    curl -XPOST localhost:9091/quitquitquit"), "quit-call batch>data understood not-after-failure"},
		{"folded into one command", script(">\n    run --all\n    curl -XPOST localhost:9091/quitquitquit"), "quit-call batch>data understood never-runs"},
		{"two commands are not understood", script(`"one; two; curl -XPOST localhost:9091/quitquitquit"`), "quit-call batch>data loses-exit-code"},
		{"waits and quits", script(`"until nc -z localhost 5432; do sleep 1; done; run; x=$?; curl -XPOST localhost:9091/quitquitquit; exit $x"`), "wait-loop batch>data understood; quit-call batch>data understood"},
		{"of an injected proxy", "containers: [{name: a, image: a, command: [sh, -c, 'run; x=$(echo $?); curl -XPOST localhost:15020/quitquitquit && exit $x']}]", "quit-call a>istio-proxy understood"},
		{"kubexit that an init container copies", `volumes: [{name: k, emptyDir: {}}]
initContainers: [{name: copy, image: k, command: [cp, /bin/kubexit, /k/kubexit], volumeMounts: [{name: k, mountPath: /k}]}]
containers:
- {name: a, image: a, command: [/k/kubexit, run], env: [{name: KUBEXIT_NAME, value: a}], volumeMounts: [{name: k, mountPath: /k}]}
- {name: b, image: b, command: [/k/kubexit, serve], env: [{name: KUBEXIT_DEATH_DEPS, value: a}], volumeMounts: [{name: k, mountPath: /k}]}`, "kubexit a>b understood"},
		{"in a trap", script("|\n    trap 'curl -XPOST localhost:9091/quitquitquit' EXIT\n    run"), "quit-call batch>data understood"},
		{"sleeps", script(`"sleep 10; psql -h 127.0.0.1 -p 5432"`), "sleep batch>data understood"},
		{"scuttle", "containers: [{name: a, image: a, command: [scuttle, run], env: [{name: ENVOY_ADMIN_API, value: 'http://127.0.0.1:15000'}]}]", "scuttle a>istio-proxy understood"},
		{"linkerd-await with flags", "containers: [{name: a, image: a, command: [/linkerd-await, --shutdown, --, run]}]", "linkerd-await a>linkerd-proxy understood"},
		{"a hook that waits, next to one that sleeps", `containers:
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i], lifecycle: {postStart: {exec: {command: [sh, -c, "until nc -z 127.0.0.1:5432; do sleep 1; done"]}}, preStop: {sleep: {seconds: 5}}}}
- {name: a, image: a}`, "post-start-wait data>data understood; pre-stop data>data understood"},
		{"a native one that quits under the others", `initContainers:
- {name: data, image: lab/cloud-sql-proxy:2, restartPolicy: Always, lifecycle: {preStop: {exec: {command: [/cloud-sql-proxy, shutdown]}}}}
containers: [{name: a, image: a}]`, "pre-stop data>data understood stale"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := judged(t, "Job", tt.spec)
			if diff := cmp.Diff(tt.want, kinds(j.Workarounds)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for text, want := range map[string]string{
		`"run --all; x=$?; curl -XPOST localhost:9091/quitquitquit; exit $x"`: "run --all",
		">\n    run --all\n    curl -XPOST localhost:9091/quitquitquit":       "run --all",
	} {
		j := judged(t, "Job", script(text))
		if got := j.Workarounds[0].Edits[0].New; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestKubexit: the wrapper is one set on both sides, with its volume, and while it is there the sidecar must stay.
func TestKubexit(t *testing.T) {
	j := judged(t, "Job", `
volumes:
- {name: graves, emptyDir: {}}
- {name: keys, secret: {secretName: k}}
containers:
- name: ask
  image: lab/ask
  command: [kubexit, ask]
  env: [{name: KUBEXIT_NAME, value: ask}, {name: KUBEXIT_GRAVEYARD, value: /g}, {name: KUBEXIT_BIRTH_DEPS, value: db}, {name: MINE, value: x}]
  volumeMounts: [{name: graves, mountPath: /g}]
- name: db
  image: lab/mine
  command: [kubexit, cloud_sql_proxy]
  lifecycle: {preStop: {exec: {command: [sleep, "7"]}}}
  env: [{name: INSTANCES, value: "p:r:i=tcp:localhost:3306"}, {name: KUBEXIT_NAME, value: db}, {name: KUBEXIT_GRAVEYARD, value: /g}, {name: KUBEXIT_DEATH_DEPS, value: ask}]
  ports: [{containerPort: 3306}]
  readinessProbe: {tcpSocket: {port: 3306}}
  volumeMounts: [{name: graves, mountPath: /g}, {name: keys, mountPath: /keys}]
`)
	if got := said(j); got != "ask main, db sidecar 3" {
		t.Error(got)
	}
	db := container(t, j, "db")
	if got := obstacles(db); got != "wrapper-waits! pre-stop-sleeps" || db.Movable() {
		t.Errorf("%s, movable %v", got, db.Movable())
	}
	if p := db.Proposal; p.Given() || p.Doubt != OwnCannotPass || len(j.ProbesOnLoopback(db)) != 1 {
		t.Errorf("%+v", p)
	}
	i := slices.IndexFunc(j.Workarounds, func(w Workaround) bool { return w.Kind == Kubexit })
	w := j.Workarounds[i]
	var edits []string
	for _, e := range w.Edits {
		edits = append(edits, strings.Join(e.Path, ".")+" "+fmt.Sprint(e.Old))
	}
	want := []string{
		"containers.0.command.0 kubexit", "containers.0.env.0 KUBEXIT_NAME", "containers.0.env.1 KUBEXIT_GRAVEYARD", "containers.0.env.2 KUBEXIT_BIRTH_DEPS",
		"containers.1.command.0 kubexit", "containers.1.env.1 KUBEXIT_NAME", "containers.1.env.2 KUBEXIT_GRAVEYARD", "containers.1.env.3 KUBEXIT_DEATH_DEPS",
		"containers.0.volumeMounts.0 graves", "containers.1.volumeMounts.0 graves", "volumes.0 graves",
	}
	if diff := cmp.Diff(want, edits); diff != "" || !w.Understood || w.Container != "ask" || w.Sidecar != "db" {
		t.Errorf("%s%+v", diff, w)
	}
}

// TestPlaces: evidence has the place of its field.
func TestPlaces(t *testing.T) {
	j := judged(t, "Deployment", `
containers:
- name: shop
  image: lab/shop
  env:
  - name: PGHOST
    value: 127.0.0.1
- name: data
  image: lab/cloud-sql-proxy:2
  ports:
  - name: db
    containerPort: 5432
`)
	c := container(t, j, "data")
	var got []string
	for _, s := range c.Signals {
		got = append(got, fmt.Sprintf("%s %s %s", s.Kind, s.Evidence[0].Place, s.Evidence[0].Quote))
	}
	want := []string{"known-software m.yaml:14:9 lab/cloud-sql-proxy:2", "called m.yaml:12:11 127.0.0.1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := obstacles(c); got != "named-port" || !c.Movable() {
		t.Errorf("%s, movable %v", got, c.Movable())
	}
}

// TestNeededByInit: a migration among the init containers needs the sidecar before it.
func TestNeededByInit(t *testing.T) {
	j := judged(t, "Deployment", `
initContainers:
- {name: copy, image: lab/copy}
- {name: migrate, image: lab/migrate, args: [--url, "postgres://localhost:5432/x"]}
containers:
- {name: shop, image: lab/shop, env: [{name: DB_URL, value: "postgres://localhost:5432/x"}]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432]}
`)
	if c := container(t, j, "data"); c.Before != "migrate" || c.Role != Sidecar {
		t.Errorf("%s, before %q", c.Role, c.Before)
	}
}

// TestEndings: what stops a sidecar when the work is done is taken out of the scripts on both sides, and the exit code is
// that of the work; what is not understood says why.
func TestEndings(t *testing.T) {
	pod := func(work, side string) string {
		return fmt.Sprintf(`
shareProcessNamespace: true
containers:
- {name: batch, image: lab/batch, command: [sh, -c, %q], volumeMounts: [{name: done, mountPath: /done}]}
- {name: data, image: lab/cloud-sql-proxy:2, command: [sh, -c, %q], volumeMounts: [{name: done, mountPath: /done}]}
volumes: [{name: done, emptyDir: {}}]`, work, side)
	}
	const serve = "cloud-sql-proxy p:r:i"
	waits := func(loop string) string { return serve + " & pid=$!; " + loop + "; kill $pid; wait" }
	loop := "while [ ! -f /done/x ]; do sleep 1; done"
	for _, tt := range []struct{ name, work, side, want string }{
		{"killed, code kept", "run --all; code=$?; pkill cloud-sql-proxy; exit $code", serve, "shared-processes understood: run --all | shareProcessNamespace"},
		{"killed, code lost", "run --all; pkill -TERM cloud-sql-proxy", serve, "shared-processes understood: run --all | shareProcessNamespace"},
		{"killed after success", "run --all && pkill cloud-sql-proxy || true", serve, "shared-processes understood: run --all | shareProcessNamespace"},
		{"killed in a trap", "trap 'pkill cloud-sql-proxy' EXIT\nprepare\nrun --all", serve, "shared-processes understood: prepare\nrun --all | shareProcessNamespace"},
		{"several commands", "prepare\nrun --all\ncode=$?\npkill cloud-sql-proxy || true\nexit $code\n", serve, "shared-processes understood: prepare\nrun --all | shareProcessNamespace"},
		{"its code is used elsewhere", "run; code=$?; pkill cloud-sql-proxy; echo $code; exit $code", serve, "shared-processes understood: run; code=$?; echo $code; exit $code | shareProcessNamespace"},
		{"in a condition", "if run; then\npkill cloud-sql-proxy\nfi", serve, "shared-processes inside"},
		{"goes on into another command", "run; pkill cloud-sql-proxy && report", serve, "shared-processes inside"},
		{"in a here-document", "run; cat <<E\npkill cloud-sql-proxy\nE", serve, "shared-processes inside"},
		{"processes are looked at elsewhere", "run; pgrep -x web; pkill cloud-sql-proxy", serve, "shared-processes understood: run; pgrep -x web, kept for batch"},
		{"a file, code kept", "run; x=$?; touch /done/x; exit $x", waits(loop), "marker-file understood: run | exec cloud-sql-proxy p:r:i | containers/0/volumeMounts/0 | containers/1/volumeMounts/0 | volumes/0"},
		{"a file, in a trap", "trap \"touch /done/x\" EXIT; run", serve + " &\nuntil [ -f /done/x ]; do sleep 1; done\n", "marker-file understood: run | exec cloud-sql-proxy p:r:i | containers/0/volumeMounts/0 | containers/1/volumeMounts/0 | volumes/0"},
		{"a file, watched in the background", "run; touch /done/x", "(" + loop + "; pkill cloud-sql-proxy) & exec " + serve, "marker-file understood: run | exec cloud-sql-proxy p:r:i | containers/0/volumeMounts/0 | containers/1/volumeMounts/0 | volumes/0"},
		{"the sidecar goes on", "run; touch /done/x", serve + " & " + loop + "; upload; kill %1", "marker-file does-more"},
		{"the folder has other files", "run >> /done/log; x=$?; touch /done/x; exit $x", waits(loop), "marker-file understood: run >> /done/log | exec cloud-sql-proxy p:r:i, kept for batch"},
		{"in a function", "end() {\ntouch /done/x\n}\ntrap end EXIT\nrun", waits(loop), "marker-file inside"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, w := range judged(t, "Job", pod(tt.work, tt.side)).Workarounds {
				l := string(w.Kind) + " " + string(w.Unclear)
				if w.Understood {
					l = string(w.Kind) + " understood: "
				}
				for k, e := range w.Edits {
					if k > 0 {
						l += " | "
					}
					if e.New != nil {
						l += fmt.Sprint(e.New)
					} else {
						l += strings.Join(e.Path, "/")
					}
				}
				for _, k := range w.Kept {
					l += ", kept for " + k.By
				}
				got = append(got, l)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
