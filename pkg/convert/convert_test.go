package convert

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// job is a Job with a spec of its pods.
func job(spec string) string {
	return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: import}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n" +
		strings.ReplaceAll(strings.TrimRight("\n"+strings.TrimPrefix(spec, "\n"), "\n"), "\n", "\n      ")[1:] + "\n"
}

func planOf(t *testing.T, text string, o Options) (*Plan, []workload.Document) {
	t.Helper()
	documents, err := workload.Parse("a.yaml", []byte(text))
	if err != nil || len(documents) == 0 || len(documents[0].Workloads) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	p := Of(documents[0].Workloads[0], o)
	p.References(documents)
	return p, documents
}

// shown is a plan in a few words.
func shown(p *Plan) string {
	var out []string
	for _, m := range p.Moves {
		text := "move " + m.Container
		if m.Probe != nil {
			text += " with a probe"
		}
		if m.Before != "" {
			text += " before " + m.Before
		}
		out = append(out, text)
	}
	for _, a := range p.Asks {
		out = append(out, "ask "+a.Container)
	}
	for _, r := range p.Refused {
		out = append(out, fmt.Sprintf("refuse %s: %s", r.Container, r.Reason))
	}
	for _, r := range p.Removed {
		text := "take out " + string(r.Kind)
		if r.Left != "" {
			text = "leave " + string(r.Kind) + ": " + string(r.Left)
		}
		out = append(out, text)
	}
	for _, r := range p.Remarks {
		out = append(out, "remark "+string(r.Kind))
	}
	return strings.Join(out, "\n")
}

const (
	sqlProxy = `- name: db-proxy
  image: registry.example/cloud-sql-connectors/cloud-sql-proxy:2.11.4
  args: [--port, "5432", "project:region:db"]
`
	load = `- name: load
  image: shop/load:1
  command: [load, "postgres://127.0.0.1:5432/shop"]
`
)

func TestOf(t *testing.T) {
	for _, test := range []struct {
		name, text string
		options    Options
		want       string
	}{
		{"trusted", job("containers:\n" + load + sqlProxy), Options{},
			"move db-proxy\nremark replace\nremark needs-1.29"},
		{"one-signal-is-asked-about", job("containers:\n- {name: work, image: shop/work}\n- {name: tunnel, image: shop/tunnel, ports: [{containerPort: 7000}]}\n"), Options{},
			"ask tunnel"},
		{"named", job("containers:\n- {name: work, image: shop/work}\n- {name: tunnel, image: shop/tunnel, ports: [{containerPort: 7000}]}\n"), Options{Containers: []string{"tunnel"}},
			"move tunnel with a probe\nremark replace\nremark needs-1.29"},
		{"a-name-is-no-reason", job("containers:\n- {name: work, image: shop/work}\n- {name: proxy, image: shop/other}\n"), Options{}, ""},
		{"named-and-no-other", job("containers:\n" + load + sqlProxy + "- {name: x, image: x}\n"), Options{Containers: []string{"x"}},
			"move x\nremark replace\nremark needs-1.29"},
		{"all-named", job("containers:\n- {name: a, image: a}\n- {name: b, image: b}\n"), Options{Containers: []string{"a", "b"}},
			"refuse a: last-container\nrefuse b: last-container"},
		{"init-container-that-exits", job("initContainers:\n- {name: migrate, image: shop/migrate}\ncontainers:\n" + load), Options{Containers: []string{"migrate"}},
			"refuse migrate: init-container-exits"},
		{"needed-by-an-init-container", job("initContainers:\n- {name: config, image: c}\n- {name: migrate, image: shop/migrate, command: [migrate, \"postgres://127.0.0.1:5432/shop\"]}\ncontainers:\n" + load + sqlProxy), Options{},
			"move db-proxy before migrate\nremark replace\nremark needs-1.29"},
		{"what-is-needed-comes-first", job("containers:\n- {name: work, image: shop/work, args: [\"--db=127.0.0.1:6432\"]}\n- {name: pool, image: edoburu/pgbouncer, env: [{name: DB_HOST, value: 127.0.0.1}, {name: DB_PORT, value: \"5432\"}, {name: LISTEN_PORT, value: \"6432\"}], ports: [{containerPort: 6432}]}\n- {name: data, image: cloud-sql-proxy:2, args: [--port=5432, a:b:c]}\n"), Options{},
			"move data\nmove pool with a probe\nremark replace\nremark needs-1.29"},
		{"what-is-needed-stays", job("containers:\n- {name: work, image: shop/work, args: [\"--db=127.0.0.1:6432\"]}\n- {name: pool, image: edoburu/pgbouncer, env: [{name: DB_HOST, value: 127.0.0.1}, {name: DB_PORT, value: \"5432\"}, {name: LISTEN_PORT, value: \"6432\"}], ports: [{containerPort: 6432}]}\n- {name: data, image: shop/tunnel, ports: [{containerPort: 5432}]}\n"), Options{},
			"ask data\nrefuse pool: calls-the-main-container"},
		{"fed-too-late", job("initContainers:\n- {name: migrate, image: shop/migrate, command: [migrate, \"postgres://127.0.0.1:5432/shop\"]}\n- {name: certs, image: c, volumeMounts: [{name: certs, mountPath: /out}]}\ncontainers:\n" + load + sqlProxy + "  volumeMounts: [{name: certs, mountPath: /certs, readOnly: true}]\nvolumes: [{name: certs, emptyDir: {}}]\n"), Options{},
			"refuse db-proxy: init-container-feeds-it-too-late"},
		{"a-wrapper-waits-as-long-as-no-probe-does", job("initContainers:\n- {name: linkerd-proxy, image: proxy, restartPolicy: Always}\ncontainers:\n- {name: work, image: shop/work, command: [/linkerd-await, --shutdown, --, work]}\n"), Options{RemoveWorkarounds: true},
			"leave linkerd-await: still-needed"},
		{"a-wrapper-goes-with-its-flags", job("initContainers:\n- {name: linkerd-proxy, image: proxy, restartPolicy: Always, startupProbe: {httpGet: {path: /ready, port: 4191}}}\ncontainers:\n- {name: work, image: shop/work, command: [/linkerd-await, --shutdown, --, work]}\n"), Options{RemoveWorkarounds: true},
			"take out linkerd-await\nremark replace"},
		{"named-port-and-hook", job("containers:\n" + load + sqlProxy + "  ports: [{name: db, containerPort: 5432}]\n  lifecycle: {preStop: {exec: {command: [sleep, \"5\"]}}}\n"), Options{},
			"move db-proxy\nleave pre-stop: not-asked\nremark replace\nremark needs-1.29\nremark needs-1.33\nremark prestop-at-once"},
		{"hook-taken-out", job("containers:\n" + load + sqlProxy + "  lifecycle: {preStop: {exec: {command: [sleep, \"5\"]}}}\n"), Options{RemoveWorkarounds: true},
			"move db-proxy\ntake out pre-stop\nremark replace\nremark needs-1.29"},
		{"not-readable", job("containers: 3\n"), Options{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := planOf(t, test.text, test.options)
			if diff := cmp.Diff(test.want, shown(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !p.Changes() {
				return
			}
			result, err := edit.Apply([]byte(test.text), p.Change)
			if err != nil {
				t.Fatal(err)
			}
			if again, _ := planOf(t, string(result.Data), test.options); again.Changes() {
				t.Errorf("a second run changes it again:\n%s", shown(again))
			}
		})
	}
}

// TestReferences: what other objects of the files say about what moves.
func TestReferences(t *testing.T) {
	const text = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web}
      - name: proxy
        image: proxy
        ports: [{name: edge, containerPort: 8443}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: edge}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {selector: {app: other}, ports: [{port: 443, targetPort: edge}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  metrics: [{type: ContainerResource, containerResource: {name: cpu, container: proxy}}]
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web}
spec:
  targetRef: {kind: Deployment, name: web}
  resourcePolicy: {containerPolicies: [{containerName: proxy, mode: "Off"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{ports: [{port: 9090}]}, {ports: [{port: edge}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: other}
spec:
  podSelector: {matchLabels: {app: other}}
  ingress: [{ports: [{port: edge}]}]
`
	p, _ := planOf(t, text, Options{Containers: []string{"proxy"}})
	var got []string
	for _, r := range p.Remarks {
		if r.Kind == Scales || r.Kind == NamesPort {
			got = append(got, fmt.Sprintf("%s: %s at %d", r.Kind, r.About, r.Place.Line))
		}
	}
	want := []string{"names-port: Service web: edge at 14", "scales-by-container: HorizontalPodAutoscaler web at 24", "scales-by-container: VerticalPodAutoscaler web at 31", "names-port: NetworkPolicy web: edge at 38"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDelivery(t *testing.T) {
	hook := strings.Replace(job("containers:\n"+load+sqlProxy), "{name: import}", "{name: import, annotations: {helm.sh/hook: pre-upgrade}}", 1)
	p, _ := planOf(t, hook, Options{})
	if p.Remarks[0].Kind != HookRenews {
		t.Errorf("%+v", p.Remarks)
	}
	kept := strings.Replace(hook, "pre-upgrade}", "pre-upgrade, helm.sh/hook-delete-policy: hook-failed}", 1)
	if p, _ = planOf(t, kept, Options{}); p.Remarks[0].Kind != Replace {
		t.Errorf("%+v", p.Remarks)
	}
}

// TestNoProbeWaits: what waits for a sidecar is needed as long as no startupProbe does, whether it is to be taken out or
// not; that its script is not understood then does not matter.
func TestNoProbeWaits(t *testing.T) {
	for name, test := range map[string]struct{ spec, left string }{
		"a loop": {`
containers:
- {name: work, image: w, command: [sh, -c, "until nc -z 127.0.0.1 9000; do sleep 1; done; work"]}
- {name: helper, image: h, command: [helper, --quiet]}`, "wait-loop"},
		"a file": {`
volumes: [{name: s, emptyDir: {}}]
containers:
- {name: work, image: w, command: [sh, -c, "while [ ! -f /s/token ]; do sleep 1; done; work --token-file /s/token"], volumeMounts: [{name: s, mountPath: /s}]}
- {name: helper, image: h, command: [sh, -c, "while true; do fetch > /s/token; sleep 60; done"], volumeMounts: [{name: s, mountPath: /s}]}`, "marker-file"},
	} {
		for _, remove := range []bool{false, true} {
			p, _ := planOf(t, job(test.spec), Options{Containers: []string{"helper"}, RemoveWorkarounds: remove})
			for _, r := range p.Removed {
				if r.Left != StillNeeded {
					t.Errorf("%s, remove %v: %s is %q", name, remove, r.Kind, r.Left)
				}
			}
			if want := "leave " + test.left + ": still-needed"; test.left == "marker-file" && !strings.Contains(shown(p), want) {
				t.Errorf("%s, remove %v: no %q in\n%s", name, remove, want, shown(p))
			}
		}
	}
}

// TestWorkLeft: what is in a shared volume when the work has exited has to be handled on SIGTERM; nobody is bothered with
// it where the container works for the others, only reads what nobody writes, or the pods go on forever.
func TestWorkLeft(t *testing.T) {
	copies := `
volumes: [{name: out, emptyDir: {}}]
containers:
- {name: train, image: t, command: [train, --out=/out/model], volumeMounts: [{name: out, mountPath: /out%s}]}
- {name: sync, image: s, command: [sync, %s/out], volumeMounts: [{name: out, mountPath: /out}]}`
	for _, test := range []struct {
		text string
		want bool
	}{
		{job(fmt.Sprintf(copies, "", "")), true},
		{job(fmt.Sprintf(copies, ", readOnly: true", "")), false},
		{job(strings.Replace(fmt.Sprintf(copies, "", "--listen=127.0.0.1:5000, "), "--out=/out/model", "--db=127.0.0.1:5000", 1)), false},
		{strings.NewReplacer("batch/v1", "apps/v1", "kind: Job", "kind: Deployment", "restartPolicy: Never", "restartPolicy: Always").Replace(job(fmt.Sprintf(copies, "", ""))), false},
	} {
		p, _ := planOf(t, test.text, Options{Containers: []string{"sync"}})
		if got := strings.Contains(shown(p), "remark "+string(WorkLeft)); got != test.want {
			t.Errorf("%v, want %v, of\n%s\n%s", got, test.want, test.text, shown(p))
		}
	}
}

// TestRules: the API server rejects rules on restarts for native sidecars. They go where they only restart the container,
// which is restarted anyway; what restarts all containers stays.
func TestRules(t *testing.T) {
	for action, want := range map[string]string{"Restart": "move cloud-sql-proxy", "RestartAllContainers": "refuse cloud-sql-proxy: restarts-all-containers"} {
		p, _ := planOf(t, job(`
containers:
- {name: work, image: w, args: ["--db=127.0.0.1:5432"]}
- name: cloud-sql-proxy
  image: cloud-sql-proxy:2
  args: ["--port=5432", "p:r:i"]
  restartPolicy: Never
  restartPolicyRules: [{action: `+action+`, exitCodes: {operator: In, values: [1]}}]`), Options{Containers: []string{"cloud-sql-proxy"}})
		if !strings.HasPrefix(shown(p), want) {
			t.Errorf("%s: want %s, got\n%s", action, want, shown(p))
		}
		if !p.Changes() {
			continue
		}
		object, err := edit.Values(p.Object(), p.Whole())
		if err != nil {
			t.Fatal(err)
		}
		spec := workload.Descend(object, []string{"spec", "template", "spec", "initContainers", "0"}).(map[string]any)
		if _, there := spec["restartPolicyRules"]; there || spec["restartPolicy"] != "Always" {
			t.Errorf("%v", spec)
		}
	}
}

// TestOwnPolicy: a container with a restartPolicy of its own would be restarted more often as a native sidecar. It stays
// where nobody has named it, and what it loses is said where somebody has.
func TestOwnPolicy(t *testing.T) {
	const proxy = "\n- {name: cloud-sql-proxy, image: \"cloud-sql-proxy:2\", args: [\"--port=5432\", \"p:r:i\"], restartPolicy: "
	const work = "\n- {name: work, image: w, args: [\"--db=127.0.0.1:5432\"]}"
	named := Options{Containers: []string{"cloud-sql-proxy"}}
	for _, test := range []struct {
		name, spec string
		options    Options
		want       string
	}{
		{"never", "containers:" + work + proxy + "Never}", Options{}, "refuse cloud-sql-proxy: has-its-own-restart-policy"},
		{"on-failure", "containers:" + work + proxy + "OnFailure}", Options{}, "refuse cloud-sql-proxy: has-its-own-restart-policy"},
		{"always", "containers:" + work + proxy + "Always}", Options{}, "move cloud-sql-proxy\nremark replace\nremark needs-1.29"},
		{"named", "containers:" + work + proxy + "Never}", named, "move cloud-sql-proxy\nremark replace\nremark policy-goes\nremark needs-1.29"},
		{"with-rules", "containers:" + work + proxy + "Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]}", named,
			"move cloud-sql-proxy\nremark replace\nremark policy-goes\nremark rules-go\nremark needs-1.29"},
		{"init-container", "initContainers:" + proxy + "OnFailure}\ncontainers:" + work, Options{}, "refuse cloud-sql-proxy: has-its-own-restart-policy"},
		{"named-init-container", "initContainers:" + proxy + "OnFailure, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]}\ncontainers:" + work, named,
			"move cloud-sql-proxy\nremark replace\nremark policy-goes\nremark rules-go\nremark needs-1.29"},
		{"asked-about", "containers:\n- {name: work, image: shop/work}\n- {name: tunnel, image: shop/tunnel, restartPolicy: Never, ports: [{containerPort: 7000}]}", Options{}, "ask tunnel"},
		{"twin", "containers:" + work + proxy + "Never}", Options{Strategy: Universal}, "refuse cloud-sql-proxy: has-its-own-restart-policy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := planOf(t, job(test.spec), test.options)
			if diff := cmp.Diff(test.want, shown(p)); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
			if !p.Changes() {
				return
			}
			object, err := edit.Values(p.Object(), p.Whole())
			if err != nil {
				t.Fatal(err)
			}
			c, _ := workload.Descend(object, []string{"spec", "template", "spec", "initContainers", "0"}).(map[string]any)
			if _, rules := c["restartPolicyRules"]; c["restartPolicy"] != "Always" || rules {
				t.Errorf("%v", c)
			}
		})
	}
}
