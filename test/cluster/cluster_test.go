package cluster_test

import (
	"context"
	"testing"
	"time"
	"os"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

func TestFirst(t *testing.T) {
	start := time.Now()
	var nodes []cluster.Node
	for _, v := range strings.Fields(os.Getenv("NODES")) {
		nodes = append(nodes, cluster.Node{Component: cluster.Component{Version: v}})
	}
	c, err := cluster.Start(context.Background(), cluster.Config{ControllerManager: &cluster.Component{}, Scheduler: &cluster.Component{}, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("start", time.Since(start))
	v, err := c.Client().ServerVersion()
	t.Log(v, err)
	if d, err := time.ParseDuration(os.Getenv("HOLD")); err == nil {
		t.Log(c.Kubeconfig)
		println(c.Kubeconfig)
		time.Sleep(d)
	}
	start = time.Now()
	t.Log(c.Stop())
	t.Log("stop", time.Since(start))
}
