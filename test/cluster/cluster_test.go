package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

func TestFirst(t *testing.T) {
	start := time.Now()
	c, err := cluster.Start(context.Background(), cluster.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("start", time.Since(start))
	v, err := c.Client().ServerVersion()
	t.Log(v, err)
	start = time.Now()
	t.Log(c.Stop())
	t.Log("stop", time.Since(start))
}
