package e2e

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// The kubelets of the matrix: version and gate.
var (
	kubelet127    = cluster.Node{Name: "k27", Component: cluster.Component{Version: "1.27"}}
	kubelet128Off = cluster.Node{Name: "k28-off", Component: cluster.Component{Version: "1.28"}}
	kubelet128On  = cluster.Node{Name: "k28-on", Component: cluster.Component{Version: "1.28", FeatureGates: gate(true)}}
	kubelet132Off = cluster.Node{Name: "k32-off", Component: cluster.Component{Version: "1.32", FeatureGates: gate(false)}}
	kubelet132On  = cluster.Node{Name: "k32-on", Component: cluster.Component{Version: "1.32"}}
	kubelet136    = cluster.Node{Name: "k36", Component: cluster.Component{Version: "1.36"}}
	kubelet137    = cluster.Node{Name: "k37", Component: cluster.Component{Version: "1.37"}}
)

// An API server with the gate off drops the field after the webhooks have run: what they do to it
// cannot be seen in what comes back.
var droppedFirst = []string{"webhook-strips-restart-policy"}

// matrix is API server × kubelets. An API server of 1.28 accepts kubelets down to 1.25, one of 1.32
// down to 1.29; the older kubelets beside it are there because clusters like that exist.
var matrix = []struct {
	name       string
	apiServer  cluster.Component
	nodes      []cluster.Node
	everywhere []string            // what is found whatever the node
	unknown    []string            // what cannot be told
	perNode    map[string][]string // what each node adds
}{
	{
		name: "1.28 gate off", apiServer: cluster.Component{Version: "1.28"},
		nodes:      []cluster.Node{kubelet127, kubelet128Off, kubelet128On},
		everywhere: []string{"apiserver-gate-off", "known-control-plane-bug", "scheduler-gate-off"},
		unknown:    droppedFirst,
		perNode: map[string][]string{
			"k27": {"kubelet-too-old"}, "k28-off": {"kubelet-gate-off", "known-kubelet-bug"}, "k28-on": {"known-kubelet-bug", "sidecars-alpha"},
		},
	},
	{
		name: "1.28 gate on", apiServer: cluster.Component{Version: "1.28", FeatureGates: gate(true)},
		nodes:      []cluster.Node{kubelet127, kubelet128Off, kubelet128On},
		everywhere: []string{"known-control-plane-bug"},
		perNode: map[string][]string{
			"k27": {"kubelet-too-old"}, "k28-off": {"kubelet-gate-off", "known-kubelet-bug"}, "k28-on": {"known-kubelet-bug", "sidecars-alpha"},
		},
	},
	{
		name: "1.32 gate on", apiServer: cluster.Component{Version: "1.32"},
		nodes:      []cluster.Node{kubelet127, kubelet128On, kubelet132Off, kubelet132On},
		everywhere: []string{"known-control-plane-bug"},
		perNode: map[string][]string{
			"k27": {"kubelet-too-old", "node-version-skew"}, "k28-on": {"known-kubelet-bug", "node-version-skew", "sidecars-alpha"},
			"k32-off": {"kubelet-gate-off", "known-kubelet-bug"}, "k32-on": {"known-kubelet-bug"},
		},
	},
	{
		name: "1.32 gate off", apiServer: cluster.Component{Version: "1.32", FeatureGates: gate(false)},
		nodes:      []cluster.Node{kubelet132Off, kubelet132On},
		everywhere: []string{"apiserver-gate-off", "controller-manager-gate-off", "known-control-plane-bug", "scheduler-gate-off"},
		unknown:    droppedFirst,
		perNode:    map[string][]string{"k32-off": {"kubelet-gate-off", "known-kubelet-bug"}, "k32-on": {"known-kubelet-bug"}},
	},
	{
		name: "1.36", apiServer: cluster.Component{Version: "1.36"},
		nodes: []cluster.Node{kubelet128Off, kubelet132Off, kubelet136},
		perNode: map[string][]string{
			"k28-off": {"kubelet-gate-off", "known-kubelet-bug", "node-version-skew"}, "k32-off": {"kubelet-gate-off", "known-kubelet-bug", "node-version-skew"}, "k36": nil,
		},
	},
	{
		name: "1.37, which has no gate", apiServer: cluster.Component{Version: "1.37"},
		nodes: []cluster.Node{kubelet132Off, kubelet136, kubelet137},
		perNode: map[string][]string{
			"k32-off": {"kubelet-gate-off", "known-kubelet-bug", "node-version-skew"}, "k36": nil, "k37": nil,
		},
	},
}

func TestDoctorMatrix(t *testing.T) {
	needsKubelets(t)
	for _, row := range matrix {
		t.Run(row.name, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{row.apiServer}, Nodes: row.nodes})
			showStaticPods(t, c, map[string]cluster.Component{
				"kube-apiserver": row.apiServer, "kube-scheduler": row.apiServer, "kube-controller-manager": row.apiServer,
			})
			live := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json")
			var all []string
			for _, found := range row.perNode {
				all = append(all, found...)
			}
			expect(t, live, union(row.everywhere, all), row.unknown)

			// The same facts, one node at a time: each cell of the matrix has its own verdict.
			file := filepath.Join(t.TempDir(), "snapshot.yaml")
			if r := plugin.Run(t, c.Kubeconfig, "snapshot", "-o", file); r.Exit != 0 {
				t.Fatalf("snapshot: exit %d\n%s", r.Exit, r.Stderr)
			}
			for node, found := range row.perNode {
				t.Run(node, func(t *testing.T) {
					expect(t, plugin.Run(t, "", "doctor", "-o", "json", "-f", only(t, file, node)), union(row.everywhere, found), row.unknown)
				})
			}
		})
	}
}

// expect wants exactly these checks to fail and these to be unknown, and the verdict that follows.
func expect(t *testing.T, r plugin.Ran, failed, unknown []string) {
	t.Helper()
	rep := r.Report(t)
	var gotFailed, gotUnknown []string
	verdict, exit := report.Ready, report.ExitOK
	for _, e := range rep.Checks {
		switch e.Status {
		case checks.Fail:
			gotFailed = append(gotFailed, e.ID)
			if e.Severity == checks.Error {
				verdict, exit = report.NotReady, report.ExitFindings
			}
		case checks.Unknown:
			gotUnknown = append(gotUnknown, e.ID)
		}
	}
	if diff := cmp.Diff(failed, union(gotFailed)); diff != "" {
		t.Errorf("checks that failed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(unknown, gotUnknown); diff != "" {
		t.Errorf("checks that could not tell (-want +got):\n%s", diff)
	}
	if rep.Verdict != verdict || r.Exit != exit {
		t.Errorf("verdict %s exit %d, want %s exit %d", rep.Verdict, r.Exit, verdict, exit)
	}
}

// union is all ids, sorted, each once.
func union(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// only writes the snapshot in file with a single node and returns where.
func only(t *testing.T, file, node string) string {
	t.Helper()
	return plugin.Changed(t, file, func(s *facts.Snapshot) {
		s.Nodes = slices.DeleteFunc(s.Nodes, func(n corev1.Node) bool { return n.Name != node })
		s.Kubelets = slices.DeleteFunc(s.Kubelets, func(r facts.FeatureReading) bool { return r.Instance != node })
	})
}
