package cluster

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// balancer passes TCP connections on to the API servers, which is what the
// load balancer of a highly available control plane does.
type balancer struct {
	listener net.Listener
	backends []string
	sticky   bool
	next     atomic.Uint64
}

// startBalancer decides where clients go, and starts a balancer there if one
// is wanted.
func (c *Cluster) startBalancer() error {
	c.endpoint = "https://" + net.JoinHostPort(c.network.host(0), apiPort)
	if c.config.Balancer == NoBalancer {
		return nil
	}
	address := net.JoinHostPort(c.network.host(balancerN-1), apiPort)
	listener, err := listen(address)
	if err != nil {
		return fmt.Errorf("start the load balancer: %w", err)
	}
	b := &balancer{listener: listener, sticky: c.config.Balancer == Sticky}
	for i := range c.config.APIServers {
		b.backends = append(b.backends, net.JoinHostPort(c.network.host(i), apiPort))
	}
	c.endpoint = "https://" + address
	c.balancer = b
	c.closers = append(c.closers, func() { listener.Close() })
	go b.serve()
	return nil
}

func listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }

func (b *balancer) serve() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.pass(conn)
	}
}

// pass tries one API server after the other, as one of them may be stopped.
func (b *balancer) pass(client net.Conn) {
	defer client.Close()
	first := uint64(0)
	if !b.sticky {
		first = b.next.Add(1) - 1
	}
	for i := range uint64(len(b.backends)) {
		server, err := net.Dial("tcp", b.backends[(first+i)%uint64(len(b.backends))])
		if err != nil {
			continue
		}
		defer server.Close()
		done := make(chan struct{}, 2)
		go func() { _, _ = io.Copy(server, client); done <- struct{}{} }()
		go func() { _, _ = io.Copy(client, server); done <- struct{}{} }()
		<-done
		return
	}
}
