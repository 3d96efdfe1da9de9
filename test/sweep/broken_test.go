package sweep

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// reportOf is the one valid report of a run.
func reportOf(t *testing.T, r ran) *report.Report {
	t.Helper()
	if err := valid(r.stdout); err != nil {
		t.Fatalf("%v: %v\nexit %d\n%.2000s\n%s", r.args, err, r.exit, r.stdout, r.stderr)
	}
	rep := new(report.Report)
	if err := json.Unmarshal([]byte(r.stdout), rep); err != nil {
		t.Fatal(err)
	}
	return rep
}

// missing is every gap of the report, once, as "kind scope".
func missing(rep *report.Report) []string {
	var out []string
	for _, e := range rep.Checks {
		for _, g := range e.Missing {
			if text := strings.TrimSpace(string(g.Kind) + " " + g.Scope); !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestHangingKubelet: one kubelet hangs while 4,999 answer. It costs its own fact only, and no more
// time than one request may take.
func TestHangingKubelet(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: []cluster.FakeNode{{Name: "hangs", Version: "1.32", Metrics: cluster.Hang}}})
	nodes := make([]cluster.FakeNode, 4999)
	for i := range nodes {
		nodes[i].Version = "1.32"
	}
	if err := c.AddFakeNodes(t.Context(), nodes...); err != nil {
		t.Fatal(err)
	}
	r := launch(t, c.Kubeconfig, nil, "doctor", "-o", "json", "--request-timeout", "3s").wait(t)
	rep := reportOf(t, r)
	if got := missing(rep); !slices.Equal(got, []string{"kubelets node/hangs"}) || rep.Verdict != report.Unknown || r.exit != 4 {
		t.Errorf("exit %d, verdict %s, missing %v", r.exit, rep.Verdict, got)
	}
}

// TestClock: what is concluded does not depend on this machine's clock being right.
func TestClock(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	file := filepath.Join(t.TempDir(), "snapshot.yaml")
	launch(t, c.Kubeconfig, nil, "snapshot", "-o", file).wait(t)
	want := reportOf(t, launch(t, "", nil, "doctor", "-o", "json", "-f", file).wait(t))
	for _, skew := range []time.Duration{-7 * time.Hour, 7 * time.Hour} {
		rep := reportOf(t, launch(t, "", nil, "doctor", "-o", "json", "-f", skewed(t, file, skew)).wait(t))
		if rep.Verdict != want.Verdict || !slices.Equal(missing(rep), missing(want)) {
			t.Errorf("%v: verdict %s, missing %v; want %s, %v", skew, rep.Verdict, missing(rep), want.Verdict, missing(want))
		}
	}
}

// skewed is the snapshot as a machine takes it whose clock is wrong.
func skewed(t *testing.T, file string, by time.Duration) string {
	t.Helper()
	return plugin.Changed(t, file, func(s *facts.Snapshot) { s.TakenAt.Time = s.TakenAt.Add(by) })
}

// TestHangingCredentialPlugin: the plugin of a kubeconfig never answers.
func TestHangingCredentialPlugin(t *testing.T) {
	address, err := nobody()
	if err != nil {
		t.Fatal(err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: "https://" + address}
	config.AuthInfos["exec"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "sleep", Args: []string{"30"},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "exec"}
	config.CurrentContext = "test"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"doctor"}, {"snapshot"}, {"webhooks"}, {"why", "web"}, {"why", "-A"}} {
		r := launch(t, file, nil, append(args, "--timeout", "2s", "--request-timeout", "1s")...).wait(t)
		if err := oneError(r); err != nil || r.exit != 1 || r.took > 2*time.Second+grace {
			t.Errorf("%v: exit %d after %v (%v)\n%s", args, r.exit, r.took, err, r.stderr)
		}
	}
}

// TestUnequalAPIServers: of three API servers one has the gate off and one is of another version; then
// these two are down, one after the other.
func TestUnequalAPIServers(t *testing.T) {
	off := map[string]bool{"SidecarContainers": false}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.32"}, {Version: "1.32", FeatureGates: off}, {Version: "1.36"}},
		Balancer:   cluster.RoundRobin,
	})
	for i, want := range []struct {
		what    string
		found   []string
		missing bool
	}{
		{"all three", []string{"apiserver-gate-off", "apiservers-disagree"}, false},
		// Leases and endpoints outlive an API server: what is not seen is not fine.
		{"that of another version is down", []string{"apiserver-gate-off", "apiservers-disagree"}, true},
		{"that with the gate off is down as well", nil, true},
	} {
		if i > 0 {
			c.APIServers[3-i].Stop()
		}
		rep := reportOf(t, launch(t, c.Kubeconfig, nil, "doctor", "-o", "json").wait(t))
		for _, id := range want.found {
			if !found(rep, id) {
				t.Errorf("%s: %s found nothing", want.what, id)
			}
		}
		if rep.Verdict == report.Ready || want.missing && len(missing(rep)) == 0 {
			t.Errorf("%s: verdict %s, missing %v", want.what, rep.Verdict, missing(rep))
		}
	}
}

// found is whether a check of the report has findings.
func found(rep *report.Report, id string) bool {
	return slices.ContainsFunc(rep.Checks, func(e report.Entry) bool { return e.ID == id && len(e.Findings) > 0 })
}
