package collect_test

import (
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// TestGateIsGone: an API server of 1.37 does not list the gate, and is known to have it on by its version; with
// nodes that are as new, gates no longer matter. Beside an older node they do.
func TestGateIsGone(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	for name, nodes := range map[string][]cluster.FakeNode{
		"1.37": {{Name: "new", Version: "1.37"}},
		"":     {{Name: "new", Version: "1.37"}, {Name: "old", Version: "1.32", SidecarContainers: &off}},
	} {
		c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.37"}}, FakeNodes: nodes})
		s, _ := run(t, collect.Options{Config: c.Config()})
		if len(s.APIServers) != 1 || s.APIServers[0].Reading == nil {
			t.Fatalf("API servers: %+v", s.APIServers)
		}
		reading := s.APIServers[0].Reading
		if reading.Enabled != nil || reading.Source != facts.SourceMetrics || !strings.HasSuffix(reading.Evidence, "SidecarContainers is not among them") {
			t.Errorf("read %+v, want a page that does not list the gate", reading)
		}
		judged := clusterchecks.Judge(s, nil)
		for _, r := range judged.Results {
			if r.Check.ID == "apiserver-gate-off" && r.Status() != checks.Pass {
				t.Errorf("apiserver-gate-off: %s %+v", r.Status(), r.Outcome)
			}
		}
		if got := judged.Settled; (got == nil) != (name == "") || got != nil && got.Oldest != name {
			t.Errorf("%d nodes: settled %+v, want %q", len(nodes), got, name)
		}
	}
}
