package manifests

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// strategies are manifests that convert has written.
func strategies(t *testing.T) []File {
	t.Helper()
	all := samples(t)
	i := slices.IndexFunc(all, func(s sample) bool { return s.path == "testdata/strategy-can-go/problem.txtar" })
	return all[i].input.Files
}

// TestNothingElse: what convert has written is what it should be in every version, to every check.
func TestNothingElse(t *testing.T) {
	for minor, want := range map[int][]string{26: nil, 28: nil, Newest: {strategyCanGo.ID}} {
		var got []string
		for _, r := range Judge(Input{Files: strategies(t), Minor: minor, Named: true}, nil) {
			if len(r.Outcome.Findings) > 0 {
				got = append(got, r.Check.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("1.%d (-want +got):\n%s", minor, diff)
		}
	}
}

// TestStrategyOnCluster: in a cluster every gate has to be known to be on, where a pod can be.
func TestStrategyOnCluster(t *testing.T) {
	of := func(server string, kubelets ...string) *facts.Snapshot {
		s := &facts.Snapshot{APIServers: []facts.APIServer{{Version: server}}, Seen: []facts.Kind{facts.APIServers, facts.Nodes}}
		for _, v := range kubelets {
			n := corev1.Node{}
			n.Name, n.Status.NodeInfo.KubeletVersion = v, v
			s.Nodes = append(s.Nodes, n)
		}
		return s
	}
	for _, test := range []struct {
		cluster *facts.Snapshot
		want    checks.Status
	}{
		{of("v1.34.1", "v1.34.1"), checks.Fail},
		{of("v1.34.1", "v1.34.1", "v1.31.2"), checks.Unknown},
		{of("v1.29.1", "v1.27.2"), checks.Pass},
		{of("v1.27.1", "v1.27.2"), checks.Pass},
	} {
		r := Judge(Input{Files: strategies(t), Minor: Newest, Cluster: test.cluster}, func(id string) bool { return id != strategyCanGo.ID })
		i := slices.IndexFunc(r, func(r checks.Result) bool { return !r.Skip })
		if got := r[i].Status(); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.cluster.APIServers[0].Version, test.cluster.Nodes[len(test.cluster.Nodes)-1].Name, got, test.want)
		}
	}
}
