package cluster_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

var update = flag.Bool("update", false, "record the kubelets' pages anew")

func TestMain(m *testing.M) {
	flag.Parse()
	before := watchers()
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if after := watchers(); before != "" && after != "" && before != after {
		fmt.Fprintf(os.Stderr, "max_user_instances: before %s, after %s\n", before, after)
		code = 1
	}
	os.Exit(code)
}

// watchers is a setting that clusters with nodes change and must put back. It
// is empty while there are clusters, other processes' too.
func watchers() string {
	if _, err := os.Stat(fmt.Sprintf("/tmp/kubectl-sidecar-test-%d", os.Getuid())); err == nil {
		return ""
	}
	value, _ := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	return strings.TrimSpace(string(value))
}

// needNodes skips what needs nodes or their network, but not where everything
// must run.
func needNodes(t *testing.T, what string) {
	t.Helper()
	err := cluster.CanRunNodes()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s must run here: %v", what, err)
	}
	t.Skipf("%s did not run: %v", what, err)
}

var on, off = map[string]bool{"SidecarContainers": true}, map[string]bool{"SidecarContainers": false}

// sharedNode is one kind of kubelet.
type sharedNode struct {
	name, version string
	gates         map[string]bool
	series        string // of the gate on its metrics page
	page          string // of the recorded pages
}

var sharedNodes = []sharedNode{
	{"k27", "1.27", nil, "", "1.27"},
	{"k28-off", "1.28", nil, `{name="SidecarContainers",stage="ALPHA"} 0`, "1.28-off"},
	{"k28-on", "1.28", on, `{name="SidecarContainers",stage="ALPHA"} 1`, "1.28-on"},
	{"k32-off", "1.32", off, `{name="SidecarContainers",stage="BETA"} 0`, "1.32-off"},
	{"k32-on", "1.32", nil, `{name="SidecarContainers",stage="BETA"} 1`, "1.32-on"},
	{"k36", "1.36", nil, `{name="SidecarContainers",stage=""} 1`, "1.36"},
}

var sharedCluster struct {
	sync.Once
	*cluster.Cluster
	err error
}

// shared is one cluster for all tests that need nodes and change nothing that
// another test could trip over.
func shared(t *testing.T) *cluster.Cluster {
	t.Helper()
	needNodes(t, "what needs nodes")
	sharedCluster.Do(func() {
		addNewerNodes(t)
		config := cluster.Config{ControllerManager: &cluster.Component{}, Scheduler: &cluster.Component{}}
		for _, n := range sharedNodes {
			config.Nodes = append(config.Nodes, cluster.Node{
				Name: n.name, Component: cluster.Component{Version: n.version, FeatureGates: n.gates},
			})
		}
		begin := time.Now()
		sharedCluster.Cluster, sharedCluster.err = cluster.Start(context.Background(), config)
		t.Logf("control plane and %d nodes: %s", len(sharedNodes), time.Since(begin).Round(10*time.Millisecond))
	})
	if sharedCluster.err != nil {
		t.Fatal(sharedCluster.err)
	}
	return sharedCluster.Cluster
}

// addNewerNodes adds what was added to test/kubernetes since: there the gate
// is locked on.
func addNewerNodes(t *testing.T) {
	t.Helper()
	minors, err := binaries.Minors()
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range minors {
		if !slices.ContainsFunc(sharedNodes, func(n sharedNode) bool { return n.version == minor }) {
			sharedNodes = append(sharedNodes, sharedNode{name: "k" + minor[2:], version: minor})
		}
	}
}

func stopShared() error {
	if sharedCluster.Cluster == nil {
		return nil
	}
	return sharedCluster.Stop()
}

// Every minor's control plane starts, is the version it should be, and has
// the gate it was given.
func TestControlPlanes(t *testing.T) {
	minors, err := binaries.Minors()
	if err != nil {
		t.Fatal(err)
	}
	for _, minor := range minors {
		components, err := binaries.Components(minor)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.Join(components, " "), "kube-apiserver") {
			continue
		}
		t.Run(minor, func(t *testing.T) {
			component := cluster.Component{Version: minor}
			if minor == "1.28" {
				component.FeatureGates = on // which is not its default
			}
			begin := time.Now()
			c := cluster.StartFor(t, cluster.Config{
				APIServers: []cluster.Component{component}, ControllerManager: &component, Scheduler: &component,
			})
			t.Logf("ready after %s", time.Since(begin).Round(10*time.Millisecond))
			version, err := c.Client().ServerVersion()
			if err != nil {
				t.Fatal(err)
			}
			if want, _ := binaries.GitVersion(minor); version.GitVersion != want || c.APIServers[0].GitVersion != want {
				t.Errorf("got %s, want %s", version.GitVersion, want)
			}
			page := raw(t, c.Client(), "/metrics")
			if known := strings.Contains(page, `name="SidecarContainers"`); known != (minor != "1.37") { // where it is gone
				t.Errorf("metrics: the gate is there: %t", known)
			} else if known && gateOf(page) != 1 {
				t.Errorf("metrics: the gate is not on")
			}
		})
	}
}

func raw(t *testing.T, client *kubernetes.Clientset, path string) string {
	t.Helper()
	data, err := client.RESTClient().Get().AbsPath(path).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// gateOf is the gate's value on a metrics page, -1 when it is not there.
func gateOf(page string) int {
	for line := range strings.Lines(page) {
		if after, ok := strings.CutPrefix(line, `kubernetes_feature_enabled{name="SidecarContainers",`); ok {
			return int(after[strings.LastIndex(after, " ")+1] - '0')
		}
	}
	return -1
}
