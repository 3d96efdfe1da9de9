//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// The slow cluster of a fleet answers as one does that is far away, behind a proxy of a company.
const (
	slowContext = "slow"
	slowness    = 3 * time.Second
	fleetNodes  = 50
)

// fleet is many contexts of one API server, one of them slow. They are asked side by side, so all of them take as long
// as the slow one, apart from what the plugin has to do.
func (b *bench) fleet(ctx context.Context) error {
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	nodes := make([]cluster.FakeNode, fleetNodes)
	for i := range nodes {
		nodes[i] = cluster.FakeNode{Name: fmt.Sprintf("node-%03d", i), Version: "1.36", Images: 50}
	}
	if err := c.AddFakeNodes(ctx, nodes...); err != nil {
		return err
	}
	slow, err := slowed(ctx, c)
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(b.dir, "fleet.kubeconfig")
	if err := fleetKubeconfig(c.Kubeconfig, kubeconfig, slow, b.sizes.clusters-1); err != nil {
		return err
	}
	u, err := b.commands(ctx, 1, kubeconfig, // each takes long enough
		[]string{b.plugin, "doctor", "--contexts", "all", "--parallel", strconv.Itoa(b.sizes.clusters), "-o", "json"},
		[]string{b.plugin, "doctor", "--context", slowContext, "-o", "json"},
		[]string{b.plugin, "doctor", "--contexts", "prod-*", "-o", "json"},
		[]string{b.plugin, "doctor", "--context", "prod-000", "-o", "json"},
		[]string{b.plugin, "version"})
	if err != nil {
		return err
	}
	all, slowest, fast, one, start := u[0], u[1], u[2], u[3], u[4]
	what := fmt.Sprintf("`doctor` of %[1]d clusters, one of them slow, `--parallel %[1]d`; the slow one alone", b.sizes.clusters)
	b.table.atMost(what, seconds(all.Wall), seconds(slowest.Wall), (all.Wall-start.Wall).Seconds()/slowest.Wall.Seconds(), 1.2)
	b.table.bound("the same: memory", megabytes(all.mb()), "<= 150 MB", all.mb() <= 150)
	after := time.Duration(b.sizes.clusters-1) * one.Wall
	b.table.shown(fmt.Sprintf("the other %d; one after the other (one, extrapolated)", b.sizes.clusters-1), seconds(fast.Wall), seconds(after), number(fast.Wall.Seconds()/after.Seconds()))
	b.table.shown("the same: CPU of the plugin", fmt.Sprintf("%.2f s", fast.CPU.Seconds()), fmt.Sprintf("%.2f s", float64(b.sizes.clusters-1)*one.CPU.Seconds()),
		number(fast.CPU.Seconds()/(float64(b.sizes.clusters-1)*one.CPU.Seconds())))
	return nil
}

// slowed is the address of a proxy that holds back each answer of the API server.
func slowed(ctx context.Context, c *cluster.Cluster) (string, error) {
	server, err := url.Parse(c.Config().Host)
	if err != nil {
		return "", err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(server.Hostname(), "0"))
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go hold(ctx, client, server.Host)
		}
	}()
	return "https://" + l.Addr().String(), nil
}

// hold copies a connection, each piece of the answers later than it came.
func hold(ctx context.Context, client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	var dialer net.Dialer
	upstream, err := dialer.DialContext(ctx, "tcp", server)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	go func() {
		_, _ = io.Copy(upstream, client)
		_ = upstream.Close()
	}()
	piece := make([]byte, 1<<20)
	for {
		n, err := upstream.Read(piece)
		time.Sleep(slowness)
		if _, failed := client.Write(piece[:n]); err != nil || failed != nil {
			return
		}
	}
}

// fleetKubeconfig has n contexts of one API server, each with a cluster and a user of its own, and the slow one.
func fleetKubeconfig(of, file, slow string, n int) error {
	from, err := clientcmd.LoadFromFile(of)
	if err != nil {
		return err
	}
	current := from.Contexts[from.CurrentContext]
	to := api.NewConfig()
	add := func(name, server string) {
		to.Clusters[name] = from.Clusters[current.Cluster].DeepCopy()
		if server != "" {
			to.Clusters[name].Server = server
		}
		to.AuthInfos[name] = from.AuthInfos[current.AuthInfo].DeepCopy()
		to.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	}
	for i := range n {
		add(fmt.Sprintf("prod-%03d", i), "")
	}
	add(slowContext, slow)
	return clientcmd.WriteToFile(*to, file)
}
