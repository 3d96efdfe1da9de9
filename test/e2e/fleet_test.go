package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// The contexts of the fleet: a cluster whose API server is too old to have the gate on, a new one under a name as EKS
// makes them and under one that a terminal would obey, and one that nobody answers for.
const (
	oldContext     = "prod-old"
	newContext     = "arn:aws:eks:eu-central-1:123456789012:cluster/prod-new"
	hostileContext = "new\n::error::owned\x1b[31m"
	farContext     = "prod-far"
)

// TestFleet asks two real API servers of different versions, and one that is not there, side by side.
func TestFleet(t *testing.T) {
	old := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.28", FeatureGates: map[string]bool{"SidecarContainers": false}}}})
	current := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	dir := t.TempDir()
	kubeconfig := strings.Join([]string{
		contextsFor(t, filepath.Join(dir, "old"), old.Kubeconfig, oldContext),
		contextsFor(t, filepath.Join(dir, "new"), current.Kubeconfig, newContext, hostileContext),
		farAway(t, filepath.Join(dir, "far")),
	}, string(filepath.ListSeparator))

	t.Run("doctor", func(t *testing.T) {
		ran := plugin.Run(t, kubeconfig, "doctor", "--contexts", "all", "-o", "json")
		f := fleetOf(t, ran)
		if want := []string{oldContext, farContext, newContext, escapedContext}; !slices.Equal(contextsOf(f), want) && !slices.Equal(contextsOf(f), []string{oldContext, farContext, escapedContext, newContext}) {
			t.Errorf("clusters %q, want %q", contextsOf(f), want)
		}
		if ran.Exit != report.ExitFindings || f.ExitCode != report.ExitFindings || f.Verdict != report.NotReady {
			t.Errorf("exit %d, exitCode %d, verdict %s", ran.Exit, f.ExitCode, f.Verdict)
		}
		for _, m := range f.Clusters {
			want := map[string]report.Verdict{oldContext: report.NotReady, farContext: report.Unknown}[m.Context]
			if want == "" {
				want = report.Ready
			}
			if m.Verdict != want || m.Reached != (m.Context != farContext) {
				t.Errorf("%s: %s, reached %v", m.Context, m.Verdict, m.Reached)
			}
		}
		if ran.Stderr != "" {
			t.Errorf("stderr: %s", ran.Stderr)
		}
		alone := plugin.Run(t, kubeconfig, "doctor", "--context", newContext, "-o", "json").Report(t)
		i := slices.Index(contextsOf(f), newContext)
		if together := f.Items[i]; together.Summary != alone.Summary || len(together.Checks) != len(alone.Checks) {
			t.Errorf("together: %s\nalone: %s", together.Summary, alone.Summary)
		}
	})
	t.Run("a part of them", func(t *testing.T) {
		ran := plugin.Run(t, kubeconfig, "doctor", "--contexts", "*cluster/prod-*,"+farContext, "--parallel", "1", "-o", "json")
		if f := fleetOf(t, ran); ran.Exit != report.ExitUnknown || !slices.Equal(contextsOf(f), []string{farContext, newContext}) {
			t.Errorf("exit %d of %q", ran.Exit, contextsOf(f))
		}
		if ran := plugin.Run(t, kubeconfig, "doctor", "--contexts", newContext); ran.Exit != report.ExitOK {
			t.Errorf("exit %d\n%s", ran.Exit, ran.Stdout)
		}
	})
	t.Run("outputs", func(t *testing.T) {
		args := []string{"doctor", "--contexts", "all"}
		formats := []string{"wide", "short", "markdown", "html", "github", "json", "yaml", "junit", "sarif", "prometheus", "openreports"}
		for _, f := range formats {
			args = append(args, "-o", f+"="+filepath.Join(dir, f))
		}
		ran := plugin.Run(t, kubeconfig, args...)
		t.Log(ran.Stdout)
		for _, f := range formats {
			data, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil || !strings.Contains(string(data), oldContext) || !strings.Contains(string(data), farContext) {
				t.Errorf("%s: not all clusters are in it (%v)", f, err)
			}
			if strings.Contains(string(data), "\x1b") || strings.Contains(string(data), "\n::error::owned") {
				t.Errorf("%s: a terminal or a CI service would obey it", f)
			}
		}
	})
	t.Run("requests", func(t *testing.T) {
		ran := plugin.Run(t, kubeconfig, "doctor", "--contexts", oldContext+","+newContext, "--show-requests")
		for line := range strings.Lines(ran.Stderr) {
			if !strings.HasPrefix(line, oldContext+": ") && !strings.HasPrefix(line, newContext+": ") {
				t.Errorf("whose request is it? %s", line)
			}
		}
		if !strings.Contains(ran.Stderr, oldContext+": GET /version") || !strings.Contains(ran.Stderr, newContext+": GET /version") {
			t.Errorf("stderr:\n%s", ran.Stderr)
		}
	})
	t.Run("why", func(t *testing.T) {
		ran := plugin.Run(t, kubeconfig, "why", "-A", "--contexts", "all", "-o", "json")
		f := fleetOf(t, ran)
		if of, far := f.Counts(); ran.Exit != report.ExitUnknown || of[report.Ready] != 3 || far != 1 {
			t.Errorf("exit %d: %s", ran.Exit, f.Summary)
		}
	})
	t.Run("plan", func(t *testing.T) {
		ran := plugin.Run(t, kubeconfig, "plan", "-A", "--contexts", "all", "-o", "json")
		var f plan.Fleet
		if err := json.Unmarshal([]byte(ran.Stdout), &f); err != nil {
			t.Fatalf("%v\n%s%s", err, ran.Stdout, ran.Stderr)
		}
		if ran.Exit != plan.ExitUnknown || len(f.Items) != 4 || f.Clusters[0].Context != farContext && f.Clusters[0].Context != oldContext {
			t.Errorf("exit %d: %+v", ran.Exit, f.Clusters)
		}
	})
	t.Run("lint", func(t *testing.T) {
		file := filepath.Join(dir, "web.yaml")
		if err := os.WriteFile(file, []byte(twoWorkloads), 0o600); err != nil {
			t.Fatal(err)
		}
		ran := plugin.Run(t, kubeconfig, "lint", "-f", file, "--contexts", "prod-*,"+newContext, "-o", "json")
		f := fleetOf(t, ran)
		versions := map[string]string{}
		for _, r := range f.Items {
			versions[r.Cluster.Context] = r.Manifests.KubernetesVersion
		}
		if ran.Exit != report.ExitFindings || versions[oldContext] != "1.28" || versions[newContext] != "1.36" {
			t.Errorf("exit %d, judged for %v: %s", ran.Exit, versions, f.Summary)
		}
	})
	t.Run("diff", func(t *testing.T) {
		before, after := filepath.Join(dir, "before.json"), filepath.Join(dir, "after.yaml")
		plugin.Run(t, kubeconfig, "doctor", "--contexts", "prod-*", "-o", "json="+before)
		plugin.Run(t, kubeconfig, "doctor", "--contexts", oldContext+","+newContext, "-o", "yaml="+after)
		ran := plugin.Run(t, kubeconfig, "diff", before, after)
		t.Log(ran.Stdout)
		if ran.Exit != report.ExitUnknown {
			t.Errorf("exit %d, want 4: a cluster is gone\n%s%s", ran.Exit, ran.Stdout, ran.Stderr)
		}
		if same := plugin.Run(t, kubeconfig, "diff", before, before); same.Exit != report.ExitOK {
			t.Errorf("exit %d of a list with itself\n%s%s", same.Exit, same.Stdout, same.Stderr)
		}
	})
}

// escapedContext is what is printed of the hostile one.
const escapedContext = `new\n::error::owned\x1b[31m`

func fleetOf(t *testing.T, ran plugin.Ran) *report.Fleet {
	t.Helper()
	f := &report.Fleet{}
	if err := json.Unmarshal([]byte(ran.Stdout), f); err != nil || f.Kind != report.FleetKind {
		t.Fatalf("no list of reports: %v\nexit %d\n%s\n%s", err, ran.Exit, ran.Stdout, ran.Stderr)
	}
	return f
}

func contextsOf(f *report.Fleet) []string {
	var out []string
	for _, m := range f.Clusters {
		out = append(out, m.Context)
	}
	return out
}

// contextsFor copies a kubeconfig with other names.
func contextsFor(t *testing.T, file, kubeconfig string, names ...string) string {
	t.Helper()
	from, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	to := api.NewConfig()
	for _, name := range names {
		of := from.Contexts[from.CurrentContext]
		to.Clusters[name], to.AuthInfos[name] = from.Clusters[of.Cluster], from.AuthInfos[of.AuthInfo]
		to.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	}
	if err := clientcmd.WriteToFile(*to, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// farAway is the kubeconfig of a cluster where nothing listens.
func farAway(t *testing.T, file string) string {
	t.Helper()
	to := api.NewConfig()
	to.Clusters[farContext] = &api.Cluster{Server: "https://127.0.0.1:1"}
	to.Contexts[farContext] = &api.Context{Cluster: farContext}
	if err := clientcmd.WriteToFile(*to, file); err != nil {
		t.Fatal(err)
	}
	return file
}
