//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// imagesPerNode is how many images a kubelet reports at most (--node-status-max-images).
const imagesPerNode = 50

// scrapedNodes is about nodes of 1.31, whose version does not say what the gate is: doctor has to ask
// each of them.
func (b *bench) scrapedNodes(ctx context.Context) error {
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	n := b.sizes.nodes
	names, err := addNodes(ctx, c, "1.31", 0, n)
	if err != nil {
		return err
	}
	doctor := []string{b.plugin, "doctor", "--timeout", "30m", "--request-timeout", "60s"}
	if err := b.seesAll(ctx, c, n, doctor); err != nil { // the API server warms up, too
		return err
	}
	var runs []usage
	var bare, discarding, loops []time.Duration
	for range b.sizes.repeat { // in turn, so that none of them has the machine's better minute
		u, err := b.command(ctx, c.Kubeconfig, nil, doctor...)
		if err != nil {
			return err
		}
		runs = append(runs, u)
		for decompress, times := range map[bool]*[]time.Duration{true: &bare, false: &discarding} {
			took, err := duration(1, func() error { return fetchAll(ctx, c.Config(), names, decompress) })
			if err != nil {
				return err
			}
			say("bare fetch, decompressed %t: %s", decompress, seconds(took))
			*times = append(*times, took)
		}
		took, err := b.loop(ctx, c, names[:min(len(names), b.sizes.loop)])
		if err != nil {
			return err
		}
		loops = append(loops, took)
	}
	ours, fetched, discarded := median(runs), middle(bare), middle(discarding)
	what := fmt.Sprintf("`doctor`, %d nodes of 1.31, each asked", n)
	b.table.atMost(what+"; bare fetch of the same pages, decompressed and discarded", seconds(ours.Wall), seconds(fetched), ours.Wall.Seconds()/fetched.Seconds(), 1.3)
	b.table.atMost("the same; bare fetch, discarded as it comes", seconds(ours.Wall), seconds(discarded), ours.Wall.Seconds()/discarded.Seconds(), 1.3)
	all := time.Duration(float64(middle(loops)) / float64(min(len(names), b.sizes.loop)) * float64(n))
	b.table.atLeast(fmt.Sprintf("the same; loop of `kubectl get --raw \\| grep` (%d nodes, extrapolated)", min(len(names), b.sizes.loop)),
		seconds(ours.Wall), seconds(all), all.Seconds()/ours.Wall.Seconds(), 60)
	b.table.bound(fmt.Sprintf("the same; memory at %d nodes", n), megabytes(ours.mb()), "<= 100 MB", ours.mb() <= 100)
	b.table.shown("the same; CPU of the plugin", seconds(ours.CPU), "-", "-")
	for _, times := range []int{2, 4} {
		if _, err := addNodes(ctx, c, "1.31", times*n/2, times*n/2); err != nil {
			return err
		}
		u, err := b.command(ctx, c.Kubeconfig, nil, doctor...)
		if err != nil {
			return err
		}
		b.table.shown(fmt.Sprintf("the same; %d nodes: time and memory", times*n), seconds(u.Wall)+", "+megabytes(u.mb()), "-", "-")
	}
	return nil
}

// seesAll runs doctor and makes sure that it knows the gate of every node.
func (b *bench) seesAll(ctx context.Context, c *cluster.Cluster, nodes int, command []string) error {
	var out bytes.Buffer
	if _, err := b.command(ctx, c.Kubeconfig, &out, append(slices.Clone(command), "-o", "json")...); err != nil {
		return err
	}
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return fmt.Errorf("the report: %w", err)
	}
	seen := 0
	for _, g := range r.Nodes {
		if g.Source == "metrics" || g.Source == "version" {
			seen += len(g.Names)
		}
	}
	if seen != nodes {
		return fmt.Errorf("doctor knows the gate of %d of %d nodes: %+v", seen, nodes, r.Coverage)
	}
	return nil
}

// addNodes adds nodes named from bench-FROM on.
func addNodes(ctx context.Context, c *cluster.Cluster, version string, from, n int) ([]string, error) {
	say("adding %d nodes of %s", n, version)
	var nodes []cluster.FakeNode
	var names []string
	for i := range n {
		name := fmt.Sprintf("bench-%05d", from+i)
		names = append(names, name)
		nodes = append(nodes, cluster.FakeNode{Name: name, Version: version, Images: imagesPerNode})
	}
	return names, c.AddFakeNodes(ctx, nodes...)
}

// fetchAll gets the metrics pages of all nodes and does nothing with them, as many at once as doctor.
func fetchAll(ctx context.Context, config *rest.Config, names []string, decompress bool) error {
	config = rest.CopyConfig(config)
	config.DisableCompression = !decompress // of Go's client, which then leaves the header to us
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	queue, errs := make(chan string), make(chan error, len(names))
	var wg sync.WaitGroup
	for range collect.DefaultConcurrency {
		wg.Go(func() {
			for name := range queue {
				errs <- fetch(ctx, client, config.Host+"/api/v1/nodes/"+name+"/proxy/metrics", decompress)
			}
		})
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func fetch(ctx context.Context, client *http.Client, url string, decompress bool) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if !decompress {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// loop is how the documentation of Kubernetes has a gate looked up, for one node after the other.
func (b *bench) loop(ctx context.Context, c *cluster.Cluster, names []string) (time.Duration, error) {
	script := fmt.Sprintf("for n in %s; do %q get --raw /api/v1/nodes/$n/proxy/metrics | grep kubernetes_feature_enabled | grep SidecarContainers || exit 1; done",
		strings.Join(names, " "), b.kubectl)
	u, err := b.command(ctx, c.Kubeconfig, nil, "sh", "-c", script)
	return u.Wall, err
}

// decidedNodes is about nodes of 1.34, of which the version says it all.
func (b *bench) decidedNodes(ctx context.Context) error {
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	n := b.sizes.nodes
	if _, err := addNodes(ctx, c, "1.34", 0, n); err != nil {
		return err
	}
	doctor := []string{b.plugin, "doctor"}
	if err := b.seesAll(ctx, c, n, doctor); err != nil {
		return err
	}
	asked, err := b.kubeletsAsked(ctx, c)
	if err != nil {
		return err
	}
	b.table.bound(fmt.Sprintf("`doctor`, %d nodes of 1.34: requests to kubelets", n), strconv.Itoa(asked), "0", asked == 0)
	u, err := b.commands(ctx, 2*b.sizes.repeat, c.Kubeconfig, doctor, []string{b.kubectl, "get", "nodes"})
	if err != nil {
		return err
	}
	b.table.atMost("the same; `kubectl get nodes`: time", seconds(u[0].Wall), seconds(u[1].Wall), u[0].Wall.Seconds()/u[1].Wall.Seconds(), 1.5)
	b.table.shown("the same: memory", megabytes(u[0].mb()), megabytes(u[1].mb()), number(u[0].mb()/u[1].mb()))
	return nil
}

// kubeletsAsked counts doctor's requests to kubelets.
func (b *bench) kubeletsAsked(ctx context.Context, c *cluster.Cluster) (int, error) {
	var out bytes.Buffer
	_, err := b.command(ctx, c.Kubeconfig, &out, "sh", "-c", fmt.Sprintf("%q doctor --show-requests 2>&1 >/dev/null", b.plugin))
	if err != nil {
		return 0, err
	}
	if !strings.Contains(out.String(), "GET /api/v1/nodes?") {
		return 0, fmt.Errorf("the list of requests lacks the nodes:\n%s", &out)
	}
	return strings.Count(out.String(), "/proxy/metrics") + strings.Count(out.String(), "/proxy/configz"), nil
}
