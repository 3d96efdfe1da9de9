package convert

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// plansOf are the plans for all workloads of a text.
func plansOf(t *testing.T, text []byte, o Options) []*Plan {
	t.Helper()
	documents, err := workload.Parse("a.yaml", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var out []*Plan
	for _, d := range documents {
		for _, w := range d.Workloads {
			out = append(out, Of(w, o))
		}
	}
	return out
}

// converted is a text with all plans followed that can be.
func converted(t *testing.T, text []byte, o Options) (out []byte, n int, refused bool) {
	t.Helper()
	for _, p := range plansOf(t, text, o) {
		if !p.Changes() {
			continue
		}
		result, err := edit.Apply(text, p.Whole())
		if err != nil {
			refused = true
			continue
		}
		n++
		text = result.Data
	}
	return text, n, refused
}

// commands are a command for every container, so all of them can be wrapped.
func commands(t *testing.T, text []byte) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, p := range plansOf(t, text, Options{}) {
		for _, c := range p.Workload.Spec().Containers {
			out[c.Name] = []string{"/of/image", "--of=" + c.Name}
		}
	}
	return out
}

// inputs are manifests of all kinds: those of this file, and those that other packages are tested with.
func inputs(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for i, text := range strategyInputs {
		out[fmt.Sprint("own-", i)] = []byte(text)
	}
	for name, archive := range archives(t, "../checks/manifests/testdata/*/*.txtar", 50) {
		for _, f := range archive.Files {
			if _, err := workload.Parse(f.Name, f.Data); err == nil && strings.HasSuffix(f.Name, ".yaml") && f.Name != "cluster.yaml" {
				out[strings.Join([]string{filepath.Base(filepath.Dir(name)), filepath.Base(name), f.Name}, "/")] = f.Data
			}
		}
	}
	visible := strings.NewReplacer("␍", "\r", "␀", "\ufeff", "␄\n", "")
	for name, archive := range archives(t, "../edit/testdata/*.txtar", 20) {
		for _, f := range archive.Files {
			data := []byte(visible.Replace(string(f.Data)))
			if _, err := workload.Parse(f.Name, data); err == nil && f.Name == "in" {
				out["edit/"+filepath.Base(name)] = data
			}
		}
	}
	return out
}

// archives are the files that match a pattern, of which there are some at least.
func archives(t *testing.T, pattern string, least int) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < least {
		t.Fatalf("%d files match %s: %v", len(files), pattern, err)
	}
	out := map[string]*txtar.Archive{}
	for _, name := range files {
		if out[name], err = txtar.ParseFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestTakenBack: what a strategy has written, convert to native takes back, and nothing is left of it; doing it again
// changes nothing.
func TestTakenBack(t *testing.T) {
	tried := map[Strategy]int{}
	all := inputs(t)
	for name, text := range all {
		given := commands(t, text)
		names := [][]string{nil}
		for _, p := range plansOf(t, text, Options{}) {
			for _, c := range p.Workload.Spec().Containers {
				names = append(names, []string{c.Name})
			}
		}
		if len(names) > 2 { // two sidecars, where there are that many
			names = append(names, slices.Concat(names[1], names[2]))
		}
		for _, strategy := range []Strategy{Universal, Wrapper} {
			for _, containers := range names {
				for _, remove := range []bool{false, true} {
					o := Options{Strategy: strategy, Commands: given, Containers: containers, RemoveWorkarounds: remove}
					between, n, _ := converted(t, text, o)
					if n == 0 {
						continue
					}
					tried[strategy]++
					what := fmt.Sprintf("%s: %s %v %v", name, strategy, containers, remove)
					if again, n, _ := converted(t, between, o); n > 0 {
						t.Errorf("%s: a second run changes it:\n%s", what, cmp.Diff(string(between), string(again)))
					}
					o.Strategy, o.Commands = Native, nil
					straight, _, refused := converted(t, text, o)
					back, _, _ := converted(t, between, o)
					if !refused && !bytes.Equal(straight, back) {
						t.Errorf("%s: taken back (-straight +back):\n%s", what, cmp.Diff(string(straight), string(back)))
					}
					other := Wrapper
					if strategy == Wrapper {
						other = Universal
					}
					o.Strategy, o.Commands = other, given
					there, m, refused := converted(t, text, o)
					if changed, _, _ := converted(t, between, o); m > 0 && !refused && !bytes.Equal(there, changed) {
						t.Errorf("%s: from one to the other:\n%s", what, cmp.Diff(string(there), string(changed)))
					}
				}
			}
		}
	}
	for _, s := range []Strategy{Universal, Wrapper} {
		if tried[s] < 60 {
			t.Errorf("%s: %d inputs were converted", s, tried[s])
		}
	}
	t.Log(len(all), tried)
}

func TestStrategies(t *testing.T) {
	for name, archive := range archives(t, "testdata/*.txtar", 5) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			words := strings.Fields(strings.Split(string(archive.Comment), ":")[0]) // universal -c cache: what it shows
			o := Options{Strategy: Strategy(words[0]), RunImage: "registry.example/run:1"}
			if len(words) > 2 {
				o.Containers = words[2:]
			}
			if i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "command" }); i >= 0 {
				o.Commands = map[string][]string{}
				for l := range strings.Lines(string(archive.Files[i].Data)) {
					container, command, _ := strings.Cut(strings.TrimSpace(l), "=")
					o.Commands[container] = strings.Fields(command)
				}
			}
			in := archive.Files[slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "in" })].Data
			p := plansOf(t, in, o)[0]
			got, want := []byte(shown(p)+"\n"), []byte(nil)
			out, _, _ := converted(t, in, o)
			files := slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool {
				if f.Name == "want" {
					want = append(want, f.Data...)
				}
				return f.Name == "want"
			})
			if p.Changes() {
				got = append(got, out...)
			}
			if os.Getenv("UPDATE") != "" {
				archive.Files = append(files, txtar.File{Name: "want", Data: got})
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

var strategyInputs = []string{
	job("containers:\n" + load + "  volumeMounts: [{name: sidecar-runs, mountPath: /x}]\n" + sqlProxy + "- name: logs\n  image: fluent/fluent-bit\n  command: [fluent-bit]\n  volumeMounts: [{name: sidecar-runs, mountPath: /x}]\nvolumes:\n- {name: sidecar-runs, emptyDir: {}}\n"),
	job("containers:\n" + load + sqlProxy),
	job("initContainers:\n- {name: config, image: c}\n- {name: migrate, image: shop/migrate, command: [migrate, \"postgres://127.0.0.1:5432/shop\"]}\ncontainers:\n" + load + sqlProxy),
	`# a Deployment
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      labels: {app: web} # its label
    spec:
      # what serves
      containers:
      - name: web
        image: web:1
        # talks to the cache
        command:
        - /web
        - --cache=127.0.0.1:6379

      # the cache
      - name: cache
        image: redis:7
        command: [redis-server]  # quick
        args: [--port, "6379"]
        ports:
        - containerPort: 6379
          name: redis
        readinessProbe:
          tcpSocket: {port: redis}
        resources:
          requests: {cpu: 50m, memory: 64Mi}
      volumes:
      - name: data
        emptyDir: {}
      # the end
`,
	"apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  metadata: {name: c}\n  spec:\n    jobTemplate:\n      spec:\n        template:\n          spec:\n            restartPolicy: OnFailure\n            containers:\n            - {name: work, image: work, command: [work, 'http://localhost:8080']}\n            - {name: proxy, image: envoyproxy/envoy, command: [envoy], ports: [{containerPort: 8080}]}\n",
	"apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:\n    # mine\n    a: b\nspec:\n  restartPolicy: Never\n  containers:\n  - {name: work, image: work, command: [work, 'http://localhost:8080']}\n  - {name: proxy, image: envoyproxy/envoy, ports: [{containerPort: 8080}]}\n",
}
