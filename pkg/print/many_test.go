package print

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestManyNodes is the report of a big cluster on which two kubelets in three are too old and a
// fifth cannot be reached: it stays a page, and wide has a line for each node.
func TestManyNodes(t *testing.T) {
	const count = 5000
	s := &facts.Snapshot{Seen: []facts.Kind{facts.Nodes, facts.Kubelets}}
	var old, unread checks.Outcome
	for i := range count {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ip-10-0-%d-%d.eu-west-1.compute.internal", i/250, i%250)}}
		n.Status.NodeInfo.KubeletVersion = []string{"v1.27.4", "v1.27.16", "v1.30.2"}[i%3]
		s.Nodes = append(s.Nodes, n)
		if i%3 < 2 {
			old.Findings = append(old.Findings, checks.Finding{
				Object: checks.Object{Kind: "Node", Name: n.Name}, Message: "the kubelet is too old",
				Evidence: []string{"status.nodeInfo.kubeletVersion: " + n.Status.NodeInfo.KubeletVersion}, Fix: "upgrade it",
			})
			continue
		}
		unread.Missing = append(unread.Missing, facts.Gap{
			Kind: facts.Kubelets, Scope: facts.NodeScope(n.Name), Instance: facts.NodeInstance(n.Name),
			Reason: fmt.Sprintf("error trying to reach service: dial tcp 10.0.%d.%d:10250: connect: no route to host", i/250, i%250),
		}.ClosedBy(facts.Do("look at it:", "kubectl describe node "+n.Name)))
	}
	s.Gaps = unread.Missing
	judged := cluster.Judge(s, nil)
	judged.Results = []checks.Result{
		{Check: checks.Check{ID: "kubelet-too-old", Title: "every kubelet is new", Severity: checks.Error, Category: checks.Nodes}, Outcome: old},
		{Check: checks.Check{ID: "kubelet-gate-off", Title: "every gate is on", Severity: checks.Error, Category: checks.Nodes}, Outcome: unread},
	}
	r := report.New(s, judged, "v0.1.0")
	var text, wide bytes.Buffer
	if err := printer(t, "text")(&text, r, Options{Width: 80, Unicode: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/5000-nodes.txt", text.Bytes())
	if err := printer(t, "wide")(&wide, r, Options{Width: 80, Unicode: true}); err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for l := range strings.Lines(wide.String()) {
		name, _, _ := strings.Cut(l, " ")
		rows[name] = true
	}
	for _, n := range s.Nodes {
		if !rows[n.Name] {
			t.Fatalf("wide has no line for node %s", n.Name)
		}
	}
}
