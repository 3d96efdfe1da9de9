package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// call runs a command line as kubectl does.
func call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut}
	code = Main(append([]string{"/somewhere/kubectl-sidecar"}, args...), streams)
	return code, out.String(), errOut.String()
}

func TestDisplayName(t *testing.T) {
	for program, want := range map[string]string{
		"/home/me/.krew/bin/kubectl-sidecar": "kubectl sidecar",
		"kubectl-sidecar.exe":                "kubectl sidecar",
		"kubectl-sidecar_ready":              "kubectl sidecar_ready",
		"./sidecar":                          "sidecar",
	} {
		if got := displayName(program); got != want {
			t.Errorf("displayName(%q) = %q, want %q", program, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct {
		typed, want string
		valid       []string
	}{
		{"jsn", "json", []string{"text", "wide", "json", "yaml"}},
		{"t", "text", []string{"wide", "text"}},
		{"kubelet-gate-of", "kubelet-gate-off", idsOf(cluster.All())},
		{"webhook-strip-restartpolicy", "webhook-strips-restart-policy", idsOf(cluster.All())},
		{"apiserver-to-old", "apiserver-too-old", idsOf(cluster.All())},
		{"xyzzy", "", []string{"text", "wide", "json", "yaml"}},
		{"", "a", []string{"a"}},
	} {
		if got := nearest(test.typed, test.valid); got != test.want {
			t.Errorf("nearest(%q) = %q, want %q", test.typed, got, test.want)
		}
	}
}

// TestProgressIsSilent where stderr is no terminal.
func TestProgressIsSilent(t *testing.T) {
	var out bytes.Buffer
	p := startProgress(&out)
	p.step("kubelets", 1, 2)
	p.stop()
	p.stop()
	if out.Len() > 0 {
		t.Errorf("wrote %q", out.String())
	}
}

// TestProgressEstimate: how long the rest takes is told once it can be.
func TestProgressEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &progress{out: io.Discard, done: make(chan struct{})}
		for _, moment := range []struct {
			after       time.Duration
			step        string
			done, total int
			want        string
		}{
			{0, "nodes", 500, 0, "reading nodes"},
			{0, "kubelets", 0, 5000, "reading kubelets: 0 of 5000"},
			{time.Second, "kubelets", 100, 5000, "reading kubelets: 100 of 5000"}, // too early to tell
			{4 * time.Second, "kubelets", 500, 5000, "reading kubelets: 500 of 5000, about 45s left"},
			{0, "canaries", 1, 3, "reading canaries: 1 of 3"}, // each has a beginning of its own
			{85 * time.Second, "kubelets", 2500, 5000, "reading kubelets: 2500 of 5000, about 1m30s left"},
			{90 * time.Second, "kubelets", 4999, 5000, "reading kubelets: 4999 of 5000"},
			{0, "kubelets", 5000, 5000, "reading kubelets: 5000 of 5000"},
		} {
			time.Sleep(moment.after)
			p.step(moment.step, moment.done, moment.total)
			if p.line != moment.want {
				t.Errorf("%q, want %q", p.line, moment.want)
			}
		}
	})
}

func TestProgressLine(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, done: make(chan struct{})}
	p.write()
	p.step("nodes", 0, 0)
	p.write()
	p.step("kubelets", 12, 5000)
	p.write()
	p.stop()
	want := "\r\x1b[Kreading nodes\r\x1b[Kreading kubelets: 12 of 5000\r\x1b[K"
	if out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}

// TestClusterRole: what rbac prints is a ClusterRole with exactly the collector's rules.
func TestClusterRole(t *testing.T) {
	code, stdout, stderr := call(t, "", "rbac")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict([]byte(stdout), &role); err != nil {
		t.Fatal(err)
	}
	if role.APIVersion != "rbac.authorization.k8s.io/v1" || role.Kind != "ClusterRole" || role.Name != "kubectl-sidecar" {
		t.Errorf("it is %s %s %q", role.APIVersion, role.Kind, role.Name)
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, r := range collect.Rules(kindsOf(cluster.All())) {
		list(want, r.PolicyRule)
	}
	for _, r := range role.Rules {
		list(got, r)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights (-collected +printed):\n%s", diff)
	}
}

// list adds the single rights of a rule.
func list(rights map[string]bool, r rbacv1.PolicyRule) {
	for _, verb := range r.Verbs {
		for _, url := range r.NonResourceURLs {
			rights[verb+" "+url] = true
		}
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				rights[verb+" "+group+"/"+resource] = true
			}
		}
	}
}

// TestEveryRightIsNeeded: --explain names for each right a check that loses something without it, which
// needs what the right is for; and nothing is named that no right has. test/rights proves the rest.
func TestEveryRightIsNeeded(t *testing.T) {
	all := append(rightsOf(cluster.All(), collect.KubeletsByProxy), rightsOf(cluster.All(), collect.KubeletsDirect)...)
	for _, r := range all {
		if len(r.Checks) == 0 || len(r.Checks) != len(costs[r.String()]) {
			t.Errorf("%s: it costs %v, of which %v are checks", r, costs[r.String()], r.Checks)
		}
		for _, c := range cluster.All() {
			if slices.Contains(r.Checks, c.ID) && !slices.ContainsFunc(append(slices.Clone(r.kinds), r.Gaps...), func(k facts.Kind) bool { return slices.Contains(c.Reads(), k) }) {
				t.Errorf("%s: %s needs none of %v and %v", r, c.ID, r.kinds, r.Gaps)
			}
		}
	}
	for name := range costs {
		if !slices.ContainsFunc(all, func(r right) bool { return r.String() == name }) {
			t.Errorf("%q is no right", name)
		}
	}
}

// TestKindsOf: fewer checks read fewer kinds.
func TestKindsOf(t *testing.T) {
	all := kindsOf(cluster.All())
	for _, c := range cluster.All() {
		kinds := kindsOf([]checks.Check{c})
		for _, k := range c.Reads() {
			if !slices.Contains(kinds, k) || !slices.Contains(all, k) {
				t.Errorf("%s: %s is not read", c.ID, k)
			}
		}
		if len(kinds) != len(c.Reads()) {
			t.Errorf("%s: reads %v, needs %v", c.ID, kinds, c.Reads())
		}
	}
	if got := kindsOf(nil); got != nil {
		t.Errorf("no checks read %v", got)
	}
}

// TestErrorsAreOneLine: what a file or a server wrote cannot add lines or colors to an error.
func TestErrorsAreOneLine(t *testing.T) {
	code, stdout, stderr := call(t, "", "doctor", "-f", "no\nsuch\x1b[31m\u202efile")
	want := `error: reading no\nsuch\x1b[31m\u202efile: no such file or directory` + "\nhint: " + hintFile + "\n"
	if code != 1 || stdout != "" || stderr != want {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	node := `{kind: Node, apiVersion: v1, metadata: {name: "a\n::error::\e[31m\u202e"}}`
	code, stdout, stderr = call(t, node, "doctor", "-f", "-")
	want = `error: stdin: Node: the name "a\n::error::\x1b[31m\u202e" cannot come from a cluster: a lowercase RFC 1123 subdomain ` +
		"must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character\nhint: " + hintFile + "\n"
	if code != 1 || stdout != "" || stderr != want {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// TestDocuments validates what is really printed against the published schema.
func TestDocuments(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/report.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	const node = "---\napiVersion: v1\nkind: Node\nmetadata: {name: \"a%s\"}\nstatus: {nodeInfo: {kubeletVersion: %s}}\n"
	for name, input := range map[string]string{
		"a secret":     "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
		"a node":       fmt.Sprintf(node, "", "v1.36.3"),
		"old and new":  fmt.Sprintf(node, "1", "v1.27.4") + fmt.Sprintf(node, "2", "v1.30.2"),
		"hostile":      fmt.Sprintf(node, "", `"v1.27.4\e[31m\n\u202e\a"`),
		"no version":   fmt.Sprintf(node, "", `""`),
		"other system": fmt.Sprintf(node, "", "mainline"),
	} {
		code, stdout, stderr := call(t, input, "doctor", "-f", "-", "-o", "json")
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err != nil {
			t.Errorf("%s: exit code %d, stderr %q: %v", name, code, stderr, err)
			continue
		}
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStdin reads a file that never was one.
func TestStdin(t *testing.T) {
	node := "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus: {nodeInfo: {kubeletVersion: v1.36.3}}\n"
	code, stdout, stderr := call(t, node, "doctor", "-f", "-", "--checks", "kubelet-too-old")
	if code != 0 || stderr != "" || !strings.Contains(stdout, "ready: the 1 check passed (1 of 1 node)") {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s", code, stderr, stdout)
	}
}
