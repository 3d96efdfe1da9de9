package collect

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// minConnections is how many connections are opened at least, in case there are more API servers
// than the cluster shows.
const minConnections = 4

// apiServers counts the API servers and reads the gate of each.
func (c *collector) apiServers(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.leases(ctx) })
	wg.Go(func() { c.endpoints(ctx) })
	wg.Wait()
	if !c.forbidden(ctx, readMetrics, facts.APIServerInstance(facts.PartMetrics)) {
		c.apiServerMetrics(ctx)
	}
	if c.needProbe() {
		c.probe(ctx)
	}
}

// leases reads the identity Leases, one for each API server.
func (c *collector) leases(ctx context.Context) {
	if c.forbidden(ctx, listLeases, facts.APIServerInstance(facts.PartLeases)) {
		return
	}
	var leases []coordinationv1.Lease
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		opts.LabelSelector = apiserverLabel
		list, err := c.client.CoordinationV1().Leases(systemNamespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			leases = append(leases, facts.TrimLease(&list.Items[i]))
		}
		return list, nil
	}, func() { leases = nil })
	if err != nil {
		c.failed(ctx, listLeases, facts.APIServerInstance(facts.PartLeases), err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.APIServerLeases = leases
}

// endpoints reads the addresses of the API servers.
func (c *collector) endpoints(ctx context.Context) {
	if c.forbidden(ctx, listEndpointSlices, facts.APIServerInstance(facts.PartEndpoints)) {
		return
	}
	var addresses []string
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		opts.LabelSelector = kubernetesSlices
		list, err := c.client.DiscoveryV1().EndpointSlices(defaultNamespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for _, slice := range list.Items {
			port := int32(443)
			for _, p := range slice.Ports {
				if p.Port != nil {
					port = *p.Port
				}
			}
			for _, e := range slice.Endpoints {
				for _, address := range e.Addresses {
					addresses = append(addresses, net.JoinHostPort(address, strconv.Itoa(int(port))))
				}
			}
		}
		return list, nil
	}, func() { addresses = nil })
	if err != nil {
		c.failed(ctx, listEndpointSlices, facts.APIServerInstance(facts.PartEndpoints), err)
		return
	}
	slices.Sort(addresses)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.APIServerEndpoints = slices.Compact(addresses)
}

// instances are the API servers that answered so far.
type instances struct {
	mu      sync.Mutex
	list    []facts.APIServer
	headers map[string]bool // Process-Start-Time-Unix of those in list
	pages   map[string]bool // what was read of their pages, which for one process stays the same
	lastErr error
}

// apiServerMetrics reads /metrics over new connections until as many API servers answered as there
// are, or until a load balancer had ample opportunity to show them.
func (c *collector) apiServerMetrics(ctx context.Context) {
	client, err := c.freshClient()
	if err != nil {
		c.gap(facts.APIServers, facts.APIServerInstance(facts.PartMetrics), err.Error(), facts.Do("see the kubeconfig"))
		return
	}
	expected := max(c.snapshot.APIServerCount(), 1)
	seen := instances{headers: map[string]bool{}, pages: map[string]bool{}}
	connections := 0
	// A header that is known is not read on: the page is large. But the header has whole seconds
	// only; when some API server stays unseen, the last rounds read the page all the same.
	quick, thorough := 4*expected+4, 2*expected
	for try := 0; try < quick+thorough && ctx.Err() == nil; try++ {
		if len(seen.list) >= expected && (try >= minConnections || expected > 1) {
			break
		}
		if len(seen.list) == 0 && try >= minConnections {
			break // it does not work at all
		}
		c.step("API servers", len(seen.list), expected)
		if try > 0 && try < minConnections && len(seen.list) >= expected { // each may meet another one, and takes its time
			connections += minConnections - try
			each(minConnections-try, minConnections-try, func(int) { c.note(&seen, c.oneAPIServer(ctx, client, &seen, false)) })
			try = minConnections - 1
			continue
		}
		connections++
		if c.note(&seen, c.oneAPIServer(ctx, client, &seen, try >= quick)) {
			break
		}
	}
	slices.SortFunc(seen.list, func(a, b facts.APIServer) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.Reading.Evidence, b.Reading.Evidence))
	})
	c.mu.Lock()
	c.addEmulation(seen.list)
	c.snapshot.APIServers = seen.list
	c.mu.Unlock()
	c.unseen(ctx, &seen, expected, connections)
}

// note keeps an error, and reports whether nobody will answer.
func (c *collector) note(seen *instances, err error) bool {
	if err == nil {
		return false
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	seen.lastErr = err
	a, ok := answered(err)
	return ok && a.Code == http.StatusForbidden
}

// known reports whether an API server with that header has answered already.
func (seen *instances) known(header string) bool {
	seen.mu.Lock()
	defer seen.mu.Unlock()
	return header != "" && seen.headers[header]
}

// oneAPIServer reads /metrics over one new connection.
func (c *collector) oneAPIServer(ctx context.Context, client *http.Client, seen *instances, thorough bool) error {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	resp, err := c.fetch(ctx, client, "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	header := resp.Header.Get("Process-Start-Time-Unix")
	if seen.known(header) && !thorough {
		return nil
	}
	var page bytes.Buffer
	if err := readFamilies(&page, resp.Body, familyBuild, familyGates, familyStarted, familyVersion); err != nil {
		return fmt.Errorf("read /metrics of an API server: %w", err)
	}
	lines := page.Bytes()
	families, err := parse(lines)
	if err != nil {
		return fmt.Errorf("read /metrics of an API server: %w", err)
	}
	server := facts.APIServer{
		Started:   startedAt(families[familyStarted], header),
		Version:   label(first(families[familyBuild]), "git_version"),
		Emulation: label(first(families[familyVersion]), "emulation"),
		Reading:   gateReading("kube-apiserver", lines, families),
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	seen.headers[header] = true
	// The start time alone may be the same by chance; the gates may differ even then.
	if !seen.pages[string(lines)] {
		seen.pages[string(lines)] = true
		seen.list = append(seen.list, server)
	}
	return nil
}

// addEmulation fills in the emulated version from /version, which reports it from 1.33 on, where
// the metrics do not and it is certain whose it is.
func (c *collector) addEmulation(list []facts.APIServer) {
	v := c.snapshot.ServerVersion
	if len(list) != 1 || v == nil || list[0].Emulation != "" || list[0].Version != v.GitVersion {
		return
	}
	list[0].Emulation = emulation(v.EmulationMajor, v.EmulationMinor)
}

func emulation(major, minor string) string {
	if major == "" || minor == "" {
		return ""
	}
	return major + "." + minor
}

// unseen records the gaps of what apiServerMetrics did not see.
func (c *collector) unseen(ctx context.Context, seen *instances, expected, connections int) {
	for _, s := range seen.list {
		if s.Reading.Enabled == nil && !gate.Decides(s.Version, s.Emulation) {
			c.gap(facts.APIServers, facts.APIServerInstance(facts.PartGate), fmt.Sprintf("API server %s started at %s: %s", s.Version, s.Started, s.Reading.Evidence),
				facts.Do("start it without --disabled-metrics="+familyGates))
		}
	}
	if len(seen.list) >= expected {
		return
	}
	if len(seen.list) == 0 && seen.lastErr != nil {
		c.failed(ctx, readMetrics, facts.APIServerInstance(facts.PartMetrics), seen.lastErr)
		return
	}
	if reason, remedy, over := ended(ctx); over {
		c.gap(facts.APIServers, facts.APIServerInstance(facts.PartUnseen), fmt.Sprintf("%d of %d API servers answered: %s", len(seen.list), expected, reason), remedy)
		return
	}
	reason := fmt.Sprintf("%d of %d API servers answered over %d connections to %s", len(seen.list), expected, connections, serverURL(c.base))
	if seen.lastErr != nil {
		reason += "; the last error was: " + oneLine(seen.lastErr.Error())
	}
	c.gap(facts.APIServers, facts.APIServerInstance(facts.PartUnseen), reason, c.howToReach())
}

// howToReach says how to ask one API server of several.
func (c *collector) howToReach() facts.Remedy {
	addresses := slices.Clone(c.snapshot.APIServerEndpoints)
	for _, l := range c.snapshot.LiveLeases() {
		if peer := l.Annotations[facts.PeerAddressAnnotation]; peer != "" {
			addresses = append(addresses, peer)
		}
	}
	slices.Sort(addresses)
	return facts.AskEach(slices.Compact(addresses))
}
