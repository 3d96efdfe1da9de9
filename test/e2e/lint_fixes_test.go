package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

type object = map[string]any

// A lintFix is a manifest with one problem, and how the snippets of the fix go into it: as its text says.
type lintFix struct {
	check    string
	manifest string
	args     []string
	// refused is set where the API server takes the manifest only when it is fixed.
	refused bool
	apply   func(t *testing.T, objects []object, f checks.Finding)
}

const (
	deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: default}\nspec:\n  selector: {matchLabels: {app: shop}}\n" +
		"  template:\n    metadata: {labels: {app: shop}}\n    spec:\n"
	batchJob = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: load, namespace: default}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n"
	answers  = `
      - {name: data, image: cloud-sql-proxy:2, args: [--port=5432, --health-check, --http-address=0.0.0.0, --quitquitquit, p:r:i]}
`
	asks = "      containers:\n      - {name: web, image: web, args: [--db=127.0.0.1:5432]}"
)

var lintFixes = []lintFix{
	{check: "sidecar-in-job", manifest: batchJob + "      containers:\n      - {name: load, image: load, args: [--db=127.0.0.1:5432]}" + answers, apply: native("")},
	{check: "regular-sidecar-start-race", manifest: deployment + asks + answers, apply: native("")},
	{check: "init-needs-sidecar", manifest: deployment + "      initContainers:\n      - {name: schema, image: schema, command: [migrate, --db=127.0.0.1:5432]}\n" + asks + answers, apply: native("schema")},
	{check: "server-as-init-container", manifest: deployment + "      initContainers:" + answers + asks + "\n", apply: native("")},
	{check: "native-without-startup-probe", manifest: deployment + "      initContainers:\n      - {name: data, image: cloud-sql-proxy:2, restartPolicy: Always, args: [--port=5432, --health-check, --http-address=0.0.0.0, p:r:i]}\n" + asks + "\n", apply: native("")},
	{check: "probe-on-plain-init", manifest: deployment + "      initContainers:\n      - {name: pool, image: pool, startupProbe: {tcpSocket: {port: 6432}}}\n      containers:\n      - {name: web, image: web}\n", refused: true, apply: native("")},
	{check: "restart-policy-misplaced", manifest: deployment + "      initContainers:\n      - {name: pool, image: pool, restartPolicy: always}\n      containers:\n      - {name: web, image: web}\n", refused: true, apply: native("")},
	{check: "failure-policy-catches-sidecar", manifest: strings.Replace(batchJob, "spec:\n", "spec:\n  podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [137]}}]}\n", 1) +
		"      initContainers:\n      - {name: data, image: data, restartPolicy: Always, startupProbe: {tcpSocket: {port: 5432}}}\n      containers:\n      - {name: load, image: load}\n",
		apply: func(t *testing.T, objects []object, f checks.Finding) {
			rules := workload.Descend(objects[0], []string{"spec", "podFailurePolicy", "rules", "0", "onExitCodes"}).(object)
			maps.Copy(rules, snippets(t, f)[0])
		}},
	{check: "native-named-port", args: []string{"--kubernetes-version", "1.31"}, manifest: deployment + "      initContainers:\n      - {name: edge, image: edge, restartPolicy: Always, ports: [{name: tls, containerPort: 8443}]}\n      containers:\n      - {name: web, image: web}\n" +
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: default}\nspec:\n  selector: {app: shop}\n  ports: [{port: 443, targetPort: tls}]\n",
		apply: func(t *testing.T, objects []object, f checks.Finding) {
			maps.Copy(workload.Descend(objects[1], []string{"spec", "ports", "0"}).(object), snippets(t, f)[0])
		}},
	{check: "quit-call-loses-exit-code", manifest: batchJob + "      containers:\n      - {name: load, image: load, command: [sh, -c], args: [\"load --all; curl -XPOST localhost:9091/quitquitquit\"]}" + answers, apply: keptCall},
	{check: "quit-call-never-runs", manifest: batchJob + "      containers:\n      - {name: load, image: load, command: [sh, -c], args: [\"load --all && curl -XPOST localhost:9091/quitquitquit\"]}" + answers, apply: keptCall},
}

// otherFixes are checks whose fix is shown elsewhere.
var otherFixes = map[string]string{
	"strategy-can-go":         "a command that converts: TestStrategies",
	"webhook-strips-workload": "a command that only looks",
}

// snippets are the YAML of a fix.
func snippets(t *testing.T, f checks.Finding) []object {
	t.Helper()
	var out []object
	for _, s := range f.Steps {
		if s.Language != checks.YAML {
			continue
		}
		var fields object
		if err := yaml.Unmarshal([]byte(s.Command), &fields); err != nil {
			t.Fatalf("%s: %v", s.Command, err)
		}
		out = append(out, fields)
	}
	if len(out) == 0 {
		t.Fatalf("no YAML in the fix: %+v", f)
	}
	return out
}

// native writes the fields into the container, which goes to the end of initContainers, or before one of them.
func native(before string) func(*testing.T, []object, checks.Finding) {
	return func(t *testing.T, objects []object, f checks.Finding) {
		spec := workload.Descend(objects[0], []string{"spec", "template", "spec"}).(object)
		named := func(name string) func(any) bool { return func(c any) bool { return c.(object)["name"] == name } }
		inits, _ := spec["initContainers"].([]any)
		mains, _ := spec["containers"].([]any)
		name := f.Container
		if before != "" {
			name = "data" // the finding is about who needs it
		}
		if i := slices.IndexFunc(mains, named(name)); i >= 0 {
			to := len(inits)
			if before != "" {
				to = slices.IndexFunc(inits, named(before))
			}
			inits, mains = slices.Insert(inits, to, mains[i]), slices.Delete(mains, i, i+1)
			spec["initContainers"], spec["containers"] = inits, mains
		}
		for _, fields := range snippets(t, f) {
			maps.Copy(inits[slices.IndexFunc(inits, named(name))].(object), fields)
		}
	}
}

// keptCall puts the work and the call of the manifest into the script of the fix.
func keptCall(t *testing.T, objects []object, f checks.Finding) {
	script := snippets(t, f)[0]["args"].([]any)[0].(string)
	script = strings.NewReplacer("WORK", "load --all", "QUIT-CALL", "curl -XPOST localhost:9091/quitquitquit").Replace(script)
	workload.Descend(objects[0], []string{"spec", "template", "spec", "containers", "0"}).(object)["args"] = []any{script}
}

// TestLintFixes applies what lint prints: a real API server takes the manifest, and the finding is gone.
func TestLintFixes(t *testing.T) {
	kubectl, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	for _, fix := range lintFixes {
		t.Run(fix.check, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "shop.yaml")
			taken := func(text []byte) (string, error) {
				if err := os.WriteFile(file, text, 0o600); err != nil {
					t.Fatal(err)
				}
				out, err := exec.CommandContext(t.Context(), kubectl, "--kubeconfig", c.Kubeconfig, "apply", "--dry-run=server", "--validate=strict", "-f", file).CombinedOutput()
				return string(out), err
			}
			if out, err := taken([]byte(fix.manifest)); (err != nil) != fix.refused {
				t.Fatalf("before: %v\n%s", err, out)
			}
			found := findings(t, c.Kubeconfig, fix, file)
			if len(found) != 1 {
				t.Fatalf("%d findings: %+v", len(found), found)
			}
			var objects []object
			var after []byte
			for text := range strings.SplitSeq(fix.manifest, "---\n") {
				var o object
				if err := yaml.Unmarshal([]byte(text), &o); err != nil {
					t.Fatal(err)
				}
				objects = append(objects, o)
			}
			fix.apply(t, objects, found[0])
			for _, o := range objects {
				text, err := yaml.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				after = append(append(after, "---\n"...), text...)
			}
			if out, err := taken(after); err != nil {
				t.Errorf("after: %v\n%s\n%s", err, out, after)
			}
			if left := findings(t, c.Kubeconfig, fix, file); len(left) > 0 {
				t.Errorf("still there: %+v\n%s", left, after)
			}
		})
	}
}

func findings(t *testing.T, kubeconfig string, fix lintFix, file string) []checks.Finding {
	t.Helper()
	args := append([]string{"lint", "-f", file, "--checks", fix.check, "-o", "json"}, fix.args...)
	rep := plugin.Run(t, kubeconfig, args...).Report(t)
	i := slices.IndexFunc(rep.Checks, func(e report.Entry) bool { return e.ID == fix.check })
	if i < 0 {
		t.Fatalf("%s was not judged", fix.check)
	}
	return rep.Checks[i].Findings
}

// TestLintFixesAreApplied: every check whose fix can be pasted is among those above.
func TestLintFixesAreApplied(t *testing.T) {
	files, err := filepath.Glob("../../pkg/checks/manifests/testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Findings []struct {
				Steps []struct {
					Command string `json:"command"`
				} `json:"steps"`
			} `json:"findings"`
		}
		if err := yaml.Unmarshal(archive.Files[len(archive.Files)-1].Data, &want); err != nil {
			t.Fatal(err)
		}
		id := filepath.Base(filepath.Dir(name))
		for _, f := range want.Findings {
			for _, s := range f.Steps {
				applied := slices.ContainsFunc(lintFixes, func(l lintFix) bool { return l.check == id })
				if s.Command != "" && !applied && otherFixes[id] == "" {
					t.Errorf("%s: nothing applies its fix: %s", id, s.Command)
				}
			}
		}
	}
}
