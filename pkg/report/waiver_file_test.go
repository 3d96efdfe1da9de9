package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

const head = "apiVersion: kubectl-sidecar.dev/v1\nkind: Waivers\nwaivers:\n"

func TestReadWaivers(t *testing.T) {
	got, err := ReadWaivers([]byte(head+`
# who decided, and why, belongs here
- check: kubelet-gate-off
  object: Node/worker-3
  reason: >
    being replaced,
    see the plan
  until: 2027-01-31
- {check: apiservers-disagree, action: accept, object: apiserver/unseen, reason: only one can be reached, until: "2027-01-31"}
- {check: apiservers-disagree, action: accept, reason: r, until: 2027-01-31}
`), "w.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []Waiver{
		{Action: Suppress, Check: "kubelet-gate-off", Object: "node/worker-3", Reason: "being replaced, see the plan", Until: "2027-01-31", Source: "w.yaml:6"},
		{Action: Accept, Check: "apiservers-disagree", Object: "apiserver/unseen", Reason: "only one can be reached", Until: "2027-01-31", Source: "w.yaml:12"},
		{Action: Accept, Check: "apiservers-disagree", Reason: "r", Until: "2027-01-31", Source: "w.yaml:13"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestReadWaiversRefuses: what is not understood is an error that says where.
func TestReadWaiversRefuses(t *testing.T) {
	const good = "check: kubelet-gate-off, reason: r, until: 2027-01-31"
	for _, test := range []struct{ text, want string }{
		{"", "w.yaml:1: the file is empty"},
		{"# nothing\n", "w.yaml:1: the file is empty"},
		{"\tx: y", "w.yaml:1: not YAML: found character that cannot start any token"},
		{"a: b\nc: d: e", "w.yaml:2: not YAML: mapping values are not allowed in this context"},
		{"- a", "w.yaml:1: no mapping with apiVersion, kind and a list"},
		{"apiVersion: kubectl-sidecar.dev/v1\nkind: Baseline\nwaivers: []", `w.yaml:2: kind is "Baseline", not Waivers`},
		{"waivers: []", `w.yaml:1: kind is "", not Waivers`},
		{"apiVersion: kubectl-sidecar.dev/v2\nkind: Waivers\nwaivers: []", `w.yaml:1: apiVersion is "kubectl-sidecar.dev/v2"; this program reads kubectl-sidecar.dev/v1`},
		{"apiVersion: kubectl-sidecar.dev/v1\nkind: Waivers\n", "w.yaml:1: waivers is missing: the list, which may be []"},
		{"apiVersion: kubectl-sidecar.dev/v1\nkind: Waivers\nwaiver: []", `w.yaml:3: unknown field "waiver"`},
		{"apiVersion: kubectl-sidecar.dev/v1\nkind: Waivers\nwaivers: {}", "w.yaml:3: waivers is no list"},
		{head + "- {}\n---\nmore: yes", "w.yaml:1: several documents in one file: give each a file of its own"},
		{head + "- text", "w.yaml:4: no mapping with the keys check, action, object, reason, until"},
		{head + "- {}", "w.yaml:1: check is missing: the id of a check"},
		{head + "- {reason: r, until: 2027-01-31}", "w.yaml:4: check is missing: the id of a check"},
		{head + "- {" + good + ", expires: never}", `w.yaml:4: unknown field "expires"`},
		{head + "- {" + good + ", reason: again}", "w.yaml:4: reason is given twice"},
		{head + "- {check: kublet-gate-off, reason: r, until: 2027-01-31}", `w.yaml:4: unknown check "kublet-gate-off"`},
		{head + "- {check: [kubelet-gate-off], reason: r, until: 2027-01-31}", `w.yaml:4: unknown check ""`},
		{head + "- check: kubelet-gate-off\n  reason: r\n", "w.yaml:4: until is missing: the last day on which it holds, such as 2027-01-31"},
		{head + "- check: kubelet-gate-off\n  reason: r\n  until: soon\n", `w.yaml:6: until: "soon" is not a day such as 2027-01-31`},
		{head + "- check: kubelet-gate-off\n  until: 2027-01-31\n", "w.yaml:4: the reason is missing"},
		{head + "- check: kubelet-gate-off\n  reason: ~\n  until: 2027-01-31\n", "w.yaml:4: the reason is missing"},
		{head + "- {" + good + ", action: ignore}", `w.yaml:4: unknown action "ignore"`},
		{head + "- {" + good + ", action: baseline}", `w.yaml:4: unknown action "baseline"`},
		{head + "- {" + good + ", object: worker-3}", `w.yaml:4: "worker-3" is not KIND/NAME, such as node/worker-1`},
		{head + "- {" + good + ", object: ''}", "w.yaml:4: object is empty: leave it out to cover all, or name one: node/worker-1"},
		{head + "- {" + good + ", object: nodes/worker-3}", `w.yaml:4: unknown kind "nodes"`},
		{head + "- {" + good + ", object: NamespaceClass/class-2}", `w.yaml:4: "NamespaceClass/class-2": classes and shapes have other names in the next run: name their namespaces, an entry for each: namespace/NAME`},
		{head + "- {" + good + ", action: accept, object: class-2 (namespace shop)}", `w.yaml:4: "class-2 (namespace shop)": classes and shapes have other names in the next run: name their namespaces, an entry for each: namespace/NAME`},
		{head + "- {" + good + ", object: apiserver/kube-apiserver@17:04}", `w.yaml:4: "apiserver/kube-apiserver@17:04": an API server has another name once it is restarted: name them all, apiserver/kube-apiserver`},
	} {
		waivers, err := ReadWaivers([]byte(test.text), "w.yaml")
		if err == nil || err.Error() != test.want {
			t.Errorf("%s\n got %v, %v\nwant %s", test.text, waivers, err, test.want)
		}
	}
}

// TestBaseline: what is written is read again, covers exactly what it was written for, and nothing that
// is new.
func TestBaseline(t *testing.T) {
	r := gateOff([]checks.Finding{
		found("Node", "", "a"), found("NamespaceClass", "", "class-2", "x", "y"), found("APIServer", "", "kube-apiserver@17:04"), found("Node", "", "a"),
	})
	var file bytes.Buffer
	lines, err := WriteBaseline(&file, r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `# What kubectl sidecar doctor --baseline does not fail for: what was found when this was written.
# Recognized by check and object; the message is for you. Written by: kubectl sidecar baseline
apiVersion: kubectl-sidecar.dev/v1
findings:
- check: kubelet-gate-off
  message: m
  object: node/a
- check: kubelet-gate-off
  message: m
  object: namespace/x
- check: kubelet-gate-off
  message: m
  object: namespace/y
- check: kubelet-gate-off
  message: m
  object: apiserver/kube-apiserver
kind: Baseline
tool: ""
`
	if diff := cmp.Diff(want, file.String()); diff != "" || lines != 4 {
		t.Fatalf("%d lines, -want +got:\n%s", lines, diff)
	}
	waivers, err := ReadBaseline(file.Bytes(), "b.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		finding checks.Finding
		left    int
	}{
		{found("Node", "", "a"), 0},
		{found("Node", "", "b"), 1},
		{found("APIServer", "", "kube-apiserver@18:11"), 0},
		{found("NamespaceClass", "", "class-7", "y", "x"), 0},
		{found("NamespaceClass", "", "class-7", "x"), 0},
		{found("NamespaceClass", "", "class-2", "x", "y", "z"), 1},
	} {
		if got := len(Waive(gateOff([]checks.Finding{test.finding}), waivers, today).Checks[0].Findings); got != test.left {
			t.Errorf("%v: %d findings left, want %d", test.finding, got, test.left)
		}
	}
	again := bytes.Buffer{}
	if n, err := WriteBaseline(&again, Waive(r, waivers, today)); n != 0 || err != nil {
		t.Errorf("a baseline of what is in one has %d lines: %v", n, err)
	}
}

func TestReadBaselineRefuses(t *testing.T) {
	const head = "apiVersion: kubectl-sidecar.dev/v1\nkind: Baseline\nfindings:\n"
	for _, test := range []struct{ text, want string }{
		{"kind: Waivers", `b.yaml:1: kind is "Waivers", not Baseline`},
		{head + "- {check: kubelet-gate-off, object: node/a, reason: r}", `b.yaml:4: unknown field "reason"`},
		{head + "- {check: kubelet-gate-off}", "b.yaml:4: object is missing: a baseline names each"},
		{head + "- {check: kubelet-gat-off, object: node/a}", `b.yaml:4: unknown check "kubelet-gat-off"`},
	} {
		if _, err := ReadBaseline([]byte(test.text), "b.yaml"); err == nil || err.Error() != test.want {
			t.Errorf("%s\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

// FuzzWaivers: whatever stands in an annotation or a file, it is a waiver with a check, a reason and a
// last day, or it is not one, and says why.
func FuzzWaivers(f *testing.F) {
	for _, text := range []string{
		"kubelet-gate-off reason=being replaced until=2027-01-31",
		"accept: apiservers-disagree until=2027-01-31 reason=\"one; two\"\nkubelet-too-old reason=until=2027-01-31",
		head + "- &a {check: kubelet-gate-off, object: node/a, reason: r, until: 2027-01-31}\n- *a\n",
		head + "- {<<: {check: kubelet-gate-off}}\n",
		"apiVersion: kubectl-sidecar.dev/v1\nkind: Baseline\nfindings: [{check: kubelet-gate-off, object: node/a}]\n",
		"&a [*a]", "? {a: b}\n: c", "reason=reason=\x00 until=", strings.Repeat("[", 100),
	} {
		f.Add([]byte(text))
	}
	file, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "waivers.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, data []byte) {
		annotated := ParseAnnotation(string(data), "node/a")
		if len(annotated) == 0 {
			t.Errorf("nothing is said of the annotation %q", data)
		}
		read, err := ReadWaivers(data, "f")
		if err != nil && (read != nil || !strings.HasPrefix(err.Error(), "f:")) {
			t.Errorf("%v with the error %v", read, err)
		}
		if _, err := ReadBaseline(data, "f"); err != nil && !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("the error does not say where: %v", err)
		}
		for _, w := range append(annotated, read...) {
			if w.State == Invalid {
				if w.Reason == "" {
					t.Errorf("invalid, but nobody knows why: %+v", w)
				}
				continue
			}
			if _, err := time.Parse(time.DateOnly, w.Until); err != nil || w.Reason == "" || !knownCheck(w.Check) {
				t.Errorf("no check, no reason or no last day: %+v", w)
			}
		}
		Waive(gateOff([]checks.Finding{found("Node", "", "a")}), append(annotated, read...), today)
	})
}
