package release

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// snippet is the block of docs/integrations.md below a comment with its name.
func snippet(t *testing.T, name string) string {
	t.Helper()
	page := string(read(t, filepath.Join(top, "docs", "integrations.md")))
	block := regexp.MustCompile("(?s)<!-- " + name + " -->\n```[a-z]+\n(.*?)```").FindStringSubmatch(page)
	if block == nil {
		t.Fatalf("docs/integrations.md has no block %q", name)
	}
	return block[1]
}

// TestK9sPlugins: the file is one by k9s' own schema, and what k9s runs is a command line of the
// plugin, with names as they are.
func TestK9sPlugins(t *testing.T) {
	text := snippet(t, "k9s plugins")
	schema := filepath.Join(moduleDir(t, "test/release/k9s", "github.com/derailed/k9s"), "internal", "config", "json", "schemas", "plugins.json")
	compiled, err := jsonschema.NewCompiler().Compile(schema)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(document); err != nil {
		t.Errorf("%#v", err)
	}
	var file struct {
		Plugins map[string]struct {
			Command string   `json:"command"`
			Args    []string `json:"args"`
		} `json:"plugins"`
	}
	if err := yaml.Unmarshal(asJSON, &file); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"sidecar-why":          "why pod/web;1 --namespace shop --context prod east --color always",
		"sidecar-why-workload": "why statefulsets/web;1 --namespace shop --context prod east --color always",
		"sidecar-doctor":       "doctor --context prod east --color always",
	}
	got := map[string]string{}
	for name, p := range file.Plugins {
		got[name] = asK9s(t, p.Command, p.Args)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what k9s runs (-want +got):\n%s", diff)
	}
}

// asK9s runs a command of k9s on a stateful set, with a program in the plugin's place that tells how it
// was called, after the plugin itself has taken the same arguments.
func asK9s(t *testing.T, command string, args []string) string {
	t.Helper()
	u := newUser(t, "none")
	bin := filepath.Join(u.home, ".krew", "bin")
	for name, text := range map[string]string{
		"kubectl-sidecar": fmt.Sprintf("#!/bin/sh\necho \"$*\"\n%s \"$@\" >/dev/null 2>&1\n[ $? = 1 ] || echo wrong command line\n", plugin(t)),
		"less":            "#!/bin/sh\n[ \"$*\" = -RK ] && cat\n",
	} {
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	replace := strings.NewReplacer("$NAMESPACE", "shop", "$NAME", "web;1", "$CONTEXT", "prod east", "$RESOURCE_NAME", "statefulsets")
	for i := range args {
		args[i] = replace.Replace(args[i])
	}
	out, said := u.run(t, command, args...)
	return strings.TrimSpace(out + said)
}

// plugin is the released binary for this machine.
func plugin(t *testing.T) string {
	t.Helper()
	_, data := unpack(t, archive(t))
	name := filepath.Join(t.TempDir(), "kubectl-sidecar")
	if err := os.WriteFile(name, data["kubectl-sidecar"], 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPrompt: what the prompt says of each exit code, and of none.
func TestPrompt(t *testing.T) {
	script := snippet(t, "prompt")
	for _, test := range []struct {
		exit string
		age  time.Duration
		want string
	}{
		{"0\n", 0, "ready"}, {"3\n", 0, "not ready"}, {"4\n", 0, "unknown"}, {"1\n", 0, "unknown"}, {"130\n", 0, "unknown"},
		{"", 0, "unknown"}, {"0\n", 2 * time.Hour, "unknown"}, {"none", 0, "unknown"},
	} {
		u := newUser(t, "none")
		file := filepath.Join(u.home, ".cache", "kubectl-sidecar-exit")
		if test.exit != "none" {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(test.exit), 0o644); err != nil {
				t.Fatal(err)
			}
			then := time.Now().Add(-test.age)
			if err := os.Chtimes(file, then, then); err != nil {
				t.Fatal(err)
			}
		}
		got, said := u.run(t, "bash", "-c", "PS1='$ '\n"+script+`echo "${PS1@P}"`)
		if want := "[sidecars: " + test.want + "] $ \n"; got != want || said != "" {
			t.Errorf("exit %q, %v old: %q, want %q\n%s", test.exit, test.age, got, want, said)
		}
	}
}

// TestAnnotations: the lines for an alert are YAML, and tell a command.
func TestAnnotations(t *testing.T) {
	var rule struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := yaml.UnmarshalStrict([]byte(snippet(t, "annotations")), &rule); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"summary": "{{ $labels.namespace }}/{{ $labels.pod }} does not get past its init phase",
		"next":    "kubectl sidecar why {{ $labels.pod }} -n {{ $labels.namespace }}",
	}
	if diff := cmp.Diff(want, rule.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}
