package print

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestAwaited: a wait says what it waits for, then what has changed, and nothing that does not count.
func TestAwaited(t *testing.T) {
	node := func(name string) checks.Finding {
		return checks.Finding{Object: checks.Object{Kind: "Node", Name: name}, Message: "the kubelet is 1.27\x1b[31m"}
	}
	look := func(missing []facts.Gap, nodes ...string) *report.Report {
		e := report.Entry{ID: "kubelet-too-old", Severity: checks.Error, Status: checks.Pass, Missing: missing}
		for _, n := range nodes {
			e.Status, e.Findings = checks.Fail, append(e.Findings, node(n))
		}
		minor := report.Entry{ID: "gate-still-set", Severity: checks.Warning, Status: checks.Fail, Findings: []checks.Finding{node("other")}}
		return &report.Report{Checks: []report.Entry{e, minor}}
	}
	gap := []facts.Gap{facts.NewGap(facts.Nodes, facts.NodeInstance("node-3"), "it does not answer", facts.Remedy{})}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name        string
		before, now *report.Report
		want        string
	}{
		{"first", nil, look(gap, "node-1", "node-2"), `2026-03-01T12:00:00Z  × node/node-1: the kubelet is 1.27\x1b[31m [kubelet-too-old]
2026-03-01T12:00:00Z  × node/node-2: the kubelet is 1.27\x1b[31m [kubelet-too-old]
2026-03-01T12:00:00Z  ? node/node-3: it does not answer [kubelet-too-old]
`},
		{"the same", look(nil, "node-1"), look(nil, "node-1"), ""},
		{"one is done", look(nil, "node-1", "node-2"), look(nil, "node-2"), `2026-03-01T12:00:00Z  √ gone: node/node-1: the kubelet is 1.27\x1b[31m [kubelet-too-old]
`},
		{"seen again, and worse", look(gap, "node-1"), look(nil, "node-1", "node-3"), `2026-03-01T12:00:00Z  × new: node/node-3: the kubelet is 1.27\x1b[31m [kubelet-too-old]
2026-03-01T12:00:00Z  √ seen again: node/node-3: it does not answer [kubelet-too-old]
`},
		{"many", nil, look(nil, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"), "+2 more"},
	} {
		var out bytes.Buffer
		if err := Awaited(&out, at, report.AwaitedSince(test.before, test.now, checks.Error), Options{Unicode: true}); err != nil {
			t.Fatal(err)
		}
		if test.name == "many" {
			if !bytes.HasSuffix(out.Bytes(), []byte("  "+test.want+"\n")) || bytes.Count(out.Bytes(), []byte("\n")) != mostAwaited+1 {
				t.Errorf("%s", out.String())
			}
			continue
		}
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}
