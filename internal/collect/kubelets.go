package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// manyPages is how many pages of nodes may wait for their kubelets to be asked: half a million nodes.
const manyPages = 1000

// nodesAndKubelets reads the nodes, and the gate of those kubelets whose version leaves it open, through
// the node proxy or directly. Kubelets are asked while nodes are still listed, but never hold up the list, which
// the API server continues for minutes only.
func (c *collector) nodesAndKubelets(ctx context.Context) {
	s := scrape{collector: c, client: c.http, kubelets: sync.OnceValues(c.kubeletClient), known: map[string]facts.FeatureReading{}, seen: map[string]bool{}}
	pages := make(chan []*corev1.Node, manyPages)
	begun := false
	var asking sync.WaitGroup
	asking.Go(func() { s.run(ctx, pages) })
	c.nodes(ctx, func(page []corev1.Node) {
		fresh := s.unseen(c.toAsk(page))
		if len(fresh) == 0 || c.opts.Scrape == ScrapeNone {
			return
		}
		if allowed, _, _ := c.mayReadKubelets(ctx); !allowed {
			return
		}
		if !begun && len(page) >= pageSize {
			s.manyConnections()
		}
		begun = true
		pages <- fresh
	})
	nodes := c.toAsk(c.snapshot.Nodes)
	s.total.Store(int64(len(nodes)))
	close(pages)
	asking.Wait()
	switch {
	case len(c.gapsOf(facts.Nodes, "")) > 0 && len(c.snapshot.Nodes) == 0:
		c.gap(facts.Kubelets, whole, "without the nodes there are no kubelets to ask", listNodes.remedy())
	case len(nodes) == 0:
	case c.opts.Scrape == ScrapeNone:
		c.gap(facts.Kubelets, whole, fmt.Sprintf("not asked, because of --scrape none: %s", some(nodes)), facts.Do("run with --scrape auto"))
	default:
		if allowed, right, reason := c.mayReadKubelets(ctx); !allowed {
			c.noRight(right, nodes, reason)
			return
		}
		s.keep(nodes)
	}
}

// toAsk lists the nodes with a kubelet that has to be asked.
func (c *collector) toAsk(nodes []corev1.Node) []*corev1.Node {
	open := map[string]bool{} // by version, of which thousands of nodes have a few
	var out []*corev1.Node
	for i := range nodes {
		n := &nodes[i]
		version := n.Status.NodeInfo.KubeletVersion
		if _, known := open[version]; !known {
			open[version] = !gate.Decides(version, "")
		}
		if _, virtual := facts.VirtualNode(n); !virtual && (open[version] || c.opts.Scrape == ScrapeAll) {
			out = append(out, n)
		}
	}
	return out
}

// noRight records the one gap for a missing right on all kubelets.
func (c *collector) noRight(right Rule, nodes []*corev1.Node, reason string) {
	text := fmt.Sprintf("you are not allowed to get %s, without which these kubelets do not say what their gate is: %s", right.object(), some(nodes))
	if reason != "" {
		text += ": " + oneLine(reason)
	}
	remedy := right.remedy()
	if right.object() == readKubelets.object() {
		remedy.Text = "read them directly, which needs less: --kubelets direct; or " + remedy.Text
	}
	c.gap(facts.Kubelets, whole, text, remedy)
}

// some names a few nodes and counts the rest.
func some(nodes []*corev1.Node) string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return someOf(names, 3)
}

// A scrape asks many kubelets.
type scrape struct {
	*collector
	client *http.Client
	// kubelets is the client for those that are read directly.
	kubelets func() (*http.Client, error)
	seen     map[string]bool // names of nodes that were handed over
	total    atomic.Int64    // 0 while it is not known
	done     atomic.Int64
	// refused is set when the API server refuses nodes/proxy, which it then does for every node.
	refused atomic.Bool

	mu       sync.Mutex
	readings []facts.FeatureReading
	known    map[string]facts.FeatureReading // what lines of a page mean
	unasked  []*corev1.Node
	refusal  string // of nodes/proxy, in the server's words
}

// manyConnections has each worker use a connection of its own: for thousands of pages, HTTP/2 costs the
// API server more than a few handshakes, and a load balancer has all API servers share the work.
func (s *scrape) manyConnections() {
	if client, err := s.http1Client(s.opts.Concurrency); err == nil {
		s.client = client
	}
}

// unseen leaves out the nodes that it was called with before.
func (s *scrape) unseen(nodes []*corev1.Node) []*corev1.Node {
	return slices.DeleteFunc(nodes, func(n *corev1.Node) bool {
		seen := s.seen[n.Name]
		s.seen[n.Name] = true
		return seen
	})
}

// run asks the kubelets of all nodes, page by page as they come.
func (s *scrape) run(ctx context.Context, pages <-chan []*corev1.Node) {
	queue := make(chan *corev1.Node)
	var wg sync.WaitGroup
	for range s.opts.Concurrency {
		wg.Go(func() {
			for n := range queue {
				s.one(ctx, n)
				s.step("kubelets", int(s.done.Add(1)), int(s.total.Load()))
			}
		})
	}
	for page := range pages {
		for _, n := range page {
			queue <- n
		}
	}
	close(queue)
	wg.Wait()
}

// keep puts what was read of the nodes into the snapshot, by name. A list that started over may lack some
// that were there before; what was read of those, or could not be, is of no interest.
func (s *scrape) keep(nodes []*corev1.Node) {
	there := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		there[n.Name] = true
	}
	readings := slices.DeleteFunc(s.readings, func(r facts.FeatureReading) bool { return !there[r.Instance] })
	slices.SortFunc(readings, func(a, b facts.FeatureReading) int { return strings.Compare(a.Instance, b.Instance) })
	s.collector.mu.Lock()
	s.snapshot.Kubelets = readings
	s.snapshot.Gaps = slices.DeleteFunc(s.snapshot.Gaps, func(g facts.Gap) bool {
		return g.Kind == facts.Kubelets && g.Instance.Name != "" && !there[g.Instance.Name]
	})
	s.collector.mu.Unlock()
	if len(s.unasked) > 0 {
		slices.SortFunc(s.unasked, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
		s.noRight(readKubelets, s.unasked, s.refusal)
	}
}

// one asks one kubelet: a reading, or a gap.
func (s *scrape) one(ctx context.Context, n *corev1.Node) {
	about := facts.NodeInstance(n.Name)
	if reason, remedy, over := ended(ctx); over {
		s.gap(facts.Kubelets, about, reason, remedy)
		return
	}
	if reason := notReady(n); reason != "" {
		s.gap(facts.Kubelets, about, reason, facts.Do("run again when the node is ready; if it is gone for good:", "kubectl delete node "+n.Name))
		return
	}
	reading, err := s.read(ctx, n)
	var refusal *proxyRefused
	switch {
	case errors.As(err, &refusal), reading == nil && err == nil:
		s.refuse(n, refusal)
	case err != nil && ctx.Err() != nil:
		reason, remedy, _ := ended(ctx)
		s.gap(facts.Kubelets, about, reason, remedy)
	case err != nil:
		reason, remedy := s.explain(ctx, n.Name, err)
		s.gap(facts.Kubelets, about, reason, remedy)
	default:
		s.mu.Lock()
		s.readings = append(s.readings, *reading)
		s.mu.Unlock()
	}
}

// refuse notes a node that cannot be asked because nodes/proxy is refused.
func (s *scrape) refuse(n *corev1.Node, r *proxyRefused) {
	s.refused.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unasked = append(s.unasked, n)
	if r != nil {
		s.refusal = r.message
	}
}

// notReady says why a node is not worth asking, or "".
func notReady(n *corev1.Node) string {
	ready := facts.NodeReady(n)
	switch {
	case ready == nil:
		return "the node has no Ready condition: its kubelet has not reported yet"
	case ready.Status == corev1.ConditionTrue:
		return ""
	}
	since := ""
	if t := ready.LastTransitionTime; !t.IsZero() {
		since = " since " + t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return fmt.Sprintf("the node is not ready%s (%s): %s", since, ready.Reason, oneLine(ready.Message))
}

// read asks a kubelet for its metrics, and for its configuration where those say nothing. It
// returns nothing at all once nodes/proxy was refused.
func (s *scrape) read(ctx context.Context, n *corev1.Node) (*facts.FeatureReading, error) {
	if s.refused.Load() {
		return nil, nil
	}
	version := n.Status.NodeInfo.KubeletVersion
	decided := gate.Decides(version, "")
	reading, err := s.metrics(ctx, n.Name)
	a, isAnswer := answered(err)
	switch {
	case err == nil && (reading.Enabled != nil || decided):
		return reading, nil
	case err == nil:
		err = errors.New(reading.Evidence)
	case isAnswer && a.Code == http.StatusNotFound, errors.Is(err, errGarbage):
	default:
		return nil, err
	}
	if decided {
		return nil, err
	}
	reading, configErr := s.configz(ctx, n.Name, version)
	if configErr != nil {
		return nil, fmt.Errorf("%w; and configz: %w", err, configErr)
	}
	return reading, nil
}

func (s *scrape) get(ctx context.Context, node, page string, read func(io.Reader) error) error {
	return patiently(ctx, func() error { return s.getOnce(ctx, node, page, read) })
}

func (s *scrape) getOnce(ctx context.Context, node, page string, read func(io.Reader) error) error {
	ctx, cancel := s.request(ctx, s.opts.RequestTimeout)
	defer cancel()
	var headers http.Header
	if !s.opts.Config.DisableCompression {
		headers = zipped
	}
	resp, err := s.page(ctx, node, page, headers)
	if a, ok := answered(err); ok && a.Status && a.Code == http.StatusForbidden && strings.Contains(a.Message, "nodes/proxy") {
		return &proxyRefused{a.Message}
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := throughGzip(resp, read); err != nil {
		return err
	}
	// What nobody needs is read nevertheless, as long as it comes at once: to break it off costs the API
	// server more than to end.
	defer time.AfterFunc(restTime, cancel).Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, restBytes)
	return nil
}

// How much of the rest of a page is read, and for how long.
const (
	restBytes = 256 << 10
	restTime  = 100 * time.Millisecond
)

// proxyRefused is the API server's own refusal of nodes/proxy.
type proxyRefused struct{ message string }

func (e *proxyRefused) Error() string { return e.message }

func (s *scrape) metrics(ctx context.Context, node string) (*facts.FeatureReading, error) {
	var reading *facts.FeatureReading
	lines := familyBuffers.Get().(*bytes.Buffer)
	defer func() {
		if lines.Cap() <= usualFamily {
			familyBuffers.Put(lines)
		}
	}()
	err := s.get(ctx, node, "metrics", func(r io.Reader) error {
		lines.Reset()
		if err := readFamilies(lines, r, familyGates); err != nil {
			return err
		}
		var err error
		if reading, err = s.understand(lines.Bytes()); err != nil {
			return err
		}
		reading.Instance = node
		return nil
	})
	return reading, err
}

// mostKnown bounds how many different lines are remembered. Kubelets of one version and configuration
// have the same, and of those there are few.
const mostKnown = 64

// understand parses the gate's family, unless another kubelet had the same.
func (s *scrape) understand(lines []byte) (*facts.FeatureReading, error) {
	s.mu.Lock()
	reading, ok := s.known[string(lines)]
	s.mu.Unlock()
	if ok {
		return &reading, nil
	}
	families, err := parse(lines)
	if err != nil {
		return nil, err
	}
	reading = *gateReading("kubelet", lines, families)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) < mostKnown {
		s.known[string(lines)] = reading
	}
	return &reading, nil
}
