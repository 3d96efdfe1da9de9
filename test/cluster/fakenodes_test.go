package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// Fake nodes are seen through the API server like real ones.
func TestFakeNodes(t *testing.T) {
	no := false
	nodes := []cluster.FakeNode{
		{Name: "old", Version: "v1.27.9", Labels: map[string]string{"pool": "legacy"}},
		{Name: "off", Version: "1.28"},
		{Name: "beta", Version: "v1.30.4"},
		{Name: "beta-off", Version: "v1.31.0", SidecarContainers: &no},
		{Name: "new", Version: "1.36", NotReady: true},
		{Name: "hangs", Version: "1.30", Metrics: cluster.Hang},
		{Name: "hangs-midway", Version: "1.30", Metrics: cluster.HangMidway},
		{Name: "unauthorized", Version: "1.30", Metrics: cluster.Unauthorized},
		{Name: "forbidden", Version: "1.30", Metrics: cluster.Forbidden},
		{Name: "not-found", Version: "1.30", Metrics: cluster.NotFound},
		{Name: "garbage", Version: "1.30", Metrics: cluster.Garbage},
		{Name: "truncated", Version: "1.30", Metrics: cluster.Truncated},
		{Name: "endless", Version: "1.30", Metrics: cluster.Endless},
		{Name: "refuses", Version: "1.30", Metrics: cluster.Refuse},
		{Name: "no-address", Version: "1.30", Metrics: cluster.NoAddress},
	}
	c := cluster.StartFor(t, cluster.Config{FakeNodes: nodes})
	for name, want := range map[string]string{
		"old":          "gate -1",
		"off":          "gate 0",
		"beta":         "gate 1",
		"beta-off":     "gate 0",
		"new":          "gate 1",
		"hangs":        "deadline exceeded",
		"hangs-midway": "deadline exceeded",
		"unauthorized": "asked for the client to provide credentials",
		"forbidden":    "Forbidden",
		"not-found":    "could not find",
		"garbage":      "gate -1",
		"truncated":    "error",
		"endless":      "deadline exceeded",
		"refuses":      "unable to handle the request",
		"no-address":   "an error on the server",
	} {
		if got := scrape(t, c, name); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	old, err := c.Client().CoreV1().Nodes().Get(t.Context(), "old", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if old.Status.NodeInfo.KubeletVersion != "v1.27.9" || old.Labels["pool"] != "legacy" || len(old.Spec.Taints) > 0 {
		t.Errorf("the node: %s %v %v", old.Status.NodeInfo.KubeletVersion, old.Labels, old.Spec.Taints)
	}
}

func scrape(t *testing.T, c *cluster.Cluster, node string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	page, err := c.Client().RESTClient().Get().AbsPath("/api/v1/nodes/" + node + "/proxy/metrics").DoRaw(ctx)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("gate %d", gateOf(string(page)))
}

// Many nodes are there soon, and Ready with a controller manager too.
func TestManyFakeNodes(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{ControllerManager: &cluster.Component{}})
	nodes := make([]cluster.FakeNode, 500)
	begin := time.Now()
	if err := c.AddFakeNodes(t.Context(), nodes...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d nodes after %s", len(nodes), time.Since(begin).Round(10*time.Millisecond))
	list, err := c.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != len(nodes) {
		t.Fatalf("%d nodes, want %d (%v)", len(list.Items), len(nodes), err)
	}
	for _, condition := range list.Items[0].Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
			t.Errorf("the node is not Ready: %s", condition.Message)
		}
	}
}
