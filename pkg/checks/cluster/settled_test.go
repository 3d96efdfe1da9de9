package cluster

import (
	"os"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestSettled: only what was seen of every API server and kubelet says that gates no longer matter.
func TestSettled(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*facts.Snapshot)
		skip   string
		want   string // the oldest version; "" for a cluster in which gates can matter
	}{
		{name: "1.36", want: "1.36"},
		{name: "1.37, which does not list the gate", change: newest, want: "1.37"},
		{name: "an older kubelet with the gate on", change: func(s *facts.Snapshot) {
			s.Nodes[0].Status.NodeInfo.KubeletVersion = "v1.32.2"
			on := true
			s.Kubelets = []facts.FeatureReading{{Component: "kubelet", Instance: s.Nodes[0].Name, Enabled: &on, Source: facts.SourceMetrics}}
		}},
		{name: "a kubelet whose version is none", change: func(s *facts.Snapshot) { s.Nodes[0].Status.NodeInfo.KubeletVersion = "" }},
		{name: "not all nodes", change: func(s *facts.Snapshot) {
			s.Gaps = append(s.Gaps, facts.NewGap(facts.Nodes, facts.Instance{}, "cut short", facts.Do("run again")))
		}},
		{name: "no node", change: func(s *facts.Snapshot) { s.Nodes = nil }},
		{name: "an API server that emulates 1.32", change: func(s *facts.Snapshot) { s.APIServers[0].Emulation = "1.32" }},
		{name: "an API server that was not seen", change: func(s *facts.Snapshot) {
			newest(s)
			other := s.APIServerLeases[0].DeepCopy()
			other.Name, other.Annotations = "apiserver-other", nil
			s.APIServerLeases = append(s.APIServerLeases, *other)
			s.APIServerEndpoints = append(s.APIServerEndpoints, "198.18.0.2:6443")
		}},
		{name: "a check that did not run", skip: "kubelet-too-old"},
	} {
		s := after(t)
		if test.change != nil {
			test.change(s)
		}
		got := Judge(s, func(id string) bool { return id == test.skip }).Settled
		if (got == nil) != (test.want == "") || got != nil && (got.Oldest != test.want || len(got.Checks) != len(ofGates())) {
			t.Errorf("%s: %+v, want %q", test.name, got, test.want)
		}
	}
}

// newest makes the cluster one of 1.37.
func newest(s *facts.Snapshot) {
	s.ServerVersion.GitVersion, s.ServerVersion.EmulationMinor, s.ServerVersion.MinCompatibilityMinor = "v1.37.2", "37", "36"
	s.APIServers[0].Version, s.APIServers[0].Emulation = "v1.37.2", "1.37"
	s.APIServers[0].Reading = &facts.FeatureReading{
		Component: APIServer, Source: facts.SourceMetrics, Evidence: "kubernetes_feature_enabled lists 213 gates, SidecarContainers is not among them",
	}
	for i := range s.Nodes {
		s.Nodes[i].Status.NodeInfo.KubeletVersion = "v1.37.2"
	}
}

func after(t *testing.T) *facts.Snapshot {
	t.Helper()
	file, err := os.Open("../../../docs/examples/after.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, err := facts.Read(file, "after.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
