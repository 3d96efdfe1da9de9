//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// pods is about a cluster full of pods, of which few are in trouble.
func (b *bench) pods(ctx context.Context) error {
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	n := b.sizes.pods
	all := &crowd{templates: map[string]*template{}, nodes: n / perNode}
	for _, situation := range []string{healthy, pending, held, done} {
		if all.templates[situation], err = readTemplate(situation); err != nil {
			return err
		}
	}
	var nodes []cluster.FakeNode
	for i := range all.nodes {
		nodes = append(nodes, cluster.FakeNode{Name: fmt.Sprintf("bench-%05d", i), Version: "1.36", Images: imagesPerNode, Metrics: cluster.NoAddress})
	}
	if err := c.AddFakeNodes(ctx, nodes...); err != nil {
		return err
	}
	for _, size := range []int{n / 4, n / 2, n} {
		say("adding pods until there are %d", size)
		all.storage = newStorage(ctx, c.Host())
		if err := errors.Join(all.grow(size), all.storage.done()); err != nil {
			return err
		}
		if err := b.allPods(ctx, c, size); err != nil {
			return err
		}
	}
	return b.onePod(ctx, c)
}

func (b *bench) allPods(ctx context.Context, c *cluster.Cluster, size int) error {
	var out bytes.Buffer
	why := []string{b.plugin, "why", "-A", "--timeout", "30m", "--request-timeout", "60s"}
	if _, err := b.command(ctx, c.Kubeconfig, &out, append(slices.Clone(why), "-o", "json")...); err != nil { // the API server warms up, too
		return err
	}
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	found := 0
	for _, d := range r.Diagnoses {
		found += len(d.Pods)
	}
	if least := size / 200; found < least { // of the 1 % pending
		return fmt.Errorf("why -A names %d pods of %d, fewer than the %d that are pending at least", found, size, least)
	}
	u, err := b.commands(ctx, 3, c.Kubeconfig, why)
	if err != nil {
		return err
	}
	kubectl, err := b.command(ctx, c.Kubeconfig, nil, "sh", "-c", fmt.Sprintf("exec %q get pods -A -o json >/dev/null", b.kubectl))
	if err != nil {
		return err
	}
	what := fmt.Sprintf("`why -A` and `kubectl get pods -A -o json`, %d pods (%d in trouble)", size, found)
	b.table.atMost(what+": time", seconds(u[0].Wall), seconds(kubectl.Wall), u[0].Wall.Seconds()/kubectl.Wall.Seconds(), 0.1)
	b.table.atMost("the same: memory", megabytes(u[0].mb()), megabytes(kubectl.mb()), u[0].mb()/kubectl.mb(), 0.05)
	b.table.shown("the same: CPU", seconds(u[0].CPU), seconds(kubectl.CPU), number(u[0].CPU.Seconds()/kubectl.CPU.Seconds()))
	return nil
}

// onePod asks about a pod that is pending.
func (b *bench) onePod(ctx context.Context, c *cluster.Cluster) error {
	list, err := c.Client().CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Pending", Limit: 1})
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("no pod is pending")
	}
	name, namespace := list.Items[0].Name, list.Items[0].Namespace
	u, err := b.commands(ctx, 4*b.sizes.repeat, c.Kubeconfig,
		[]string{b.plugin, "why", name, "-n", namespace}, []string{b.kubectl, "describe", "pod", name, "-n", namespace})
	if err != nil {
		return err
	}
	b.table.atMost("`why` of one pod and `kubectl describe pod`: time", seconds(u[0].Wall), seconds(u[1].Wall), u[0].Wall.Seconds()/u[1].Wall.Seconds(), 1.5)
	return nil
}
