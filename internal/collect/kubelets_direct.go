package collect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// KubeletWay is how kubelets are reached.
type KubeletWay string

const (
	// KubeletsByProxy reads them through the API server, which needs nodes/proxy: the right to everything that a
	// kubelet does, commands in containers included.
	KubeletsByProxy KubeletWay = "proxy"
	// KubeletsDirect reads them at the addresses of their nodes, with nodes/metrics, as Prometheus does.
	KubeletsDirect KubeletWay = "direct"
	// KubeletsAuto is by the proxy for who is allowed to, else directly.
	KubeletsAuto KubeletWay = "auto"
)

var (
	readKubeletMetrics = Rule{
		PolicyRule: rule("get", "", "nodes/metrics"), Optional: true,
		Kind: facts.Kubelets,
		Why:  "with --kubelets direct: read the SidecarContainers gate of kubelets 1.28 to 1.32 from their metrics",
	}
	readKubeletConfigz = Rule{
		PolicyRule: rule("get", "", "nodes/configz"), Optional: true,
		Kind: facts.Kubelets,
		Why:  "the same from the configuration of those whose metrics do not tell; kubelets without KubeletFineGrainedAuthz, which is on since 1.33, want nodes/proxy for it",
	}
)

// kubeletRules are the rights that a way to the kubelets needs; none for no way.
func kubeletRules(way KubeletWay) []Rule {
	switch way {
	case KubeletsByProxy:
		return []Rule{readKubelets}
	case KubeletsDirect:
		return []Rule{readKubeletMetrics, readKubeletConfigz}
	}
	return nil
}

// directly reports whether kubelets are read directly.
func (c *collector) directly(ctx context.Context) bool {
	switch c.opts.Kubelets {
	case KubeletsDirect:
		return true
	case KubeletsAuto:
		if proxy, _ := c.may(ctx, readKubelets); proxy {
			return false
		}
		direct, _ := c.may(ctx, readKubeletMetrics)
		return direct
	}
	return false
}

// mayReadKubelets reports whether the caller has the right to the way that is used; else which it is, and what
// the server said.
func (c *collector) mayReadKubelets(ctx context.Context) (allowed bool, right Rule, reason string) {
	right = readKubelets
	if c.directly(ctx) {
		right = readKubeletMetrics
	}
	allowed, reason = c.may(ctx, right)
	return allowed, right, reason
}

// nodeAddresses is where kubelets listen, by their nodes' names. A snapshot does not have it.
type nodeAddresses struct {
	mu   sync.Mutex
	byID map[string]string
	all  map[string]bool
}

// note keeps where the kubelet of a node listens.
func (a *nodeAddresses) note(n *corev1.Node) {
	at := kubeletAddress(n)
	if at == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil {
		a.byID, a.all = map[string]string{}, map[string]bool{}
	}
	a.byID[n.Name], a.all[at] = at, true
}

func (a *nodeAddresses) of(node string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byID[node]
}

func (a *nodeAddresses) has(hostPort string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[hostPort]
}

const kubeletPort = 10250

// kubeletAddress is address and port of a node's kubelet, or "". Names are not looked up: what they resolve to
// here is not the node's to say.
func kubeletAddress(n *corev1.Node) string {
	port := int(n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	if port == 0 {
		port = kubeletPort
	}
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeExternalIP} {
		for _, a := range n.Status.Addresses {
			if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == kind {
				return net.JoinHostPort(ip.String(), strconv.Itoa(port))
			}
		}
	}
	return ""
}

// errNoAddress is of nodes that do not say where their kubelet is.
var errNoAddress = errors.New("the node has no address")

// page asks a kubelet for a page, in the way that is used.
func (s *scrape) page(ctx context.Context, node, page string, more http.Header) (*http.Response, error) {
	if s.directly(ctx) {
		return s.readDirectly(ctx, node, page, more)
	}
	return s.fetchOnce(ctx, s.client, "/api/v1/nodes/"+node+"/proxy/"+page, more)
}

// explain says why a kubelet could not be read, and what would help.
func (s *scrape) explain(ctx context.Context, node string, err error) (reason string, remedy facts.Remedy) {
	if s.directly(ctx) {
		return explainDirect(node, s.addresses.of(node), err)
	}
	return explainKubelet(node, err)
}

// readDirectly asks one kubelet at its own address for a page.
func (s *scrape) readDirectly(ctx context.Context, node, page string, more http.Header) (*http.Response, error) {
	at := s.addresses.of(node)
	if at == "" {
		return nil, errNoAddress
	}
	if page == "configz" {
		if err := s.mayReadConfigz(ctx); err != nil {
			return nil, err
		}
	}
	client, err := s.kubelets()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+at+"/"+page, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, more)
	return ok200(client, req)
}

// mayReadConfigz says why the caller is not allowed to read the configuration of a kubelet. One that does not
// authorize so fine takes nodes/proxy only, as do all, too.
func (c *collector) mayReadConfigz(ctx context.Context) error {
	fine, why := c.may(ctx, readKubeletConfigz)
	if fine {
		return nil
	}
	if all, _ := c.may(ctx, readKubelets); all {
		return nil
	}
	return &missingRight{right: readKubeletConfigz, why: why}
}

// kubeletGuard is the one way to a kubelet that is not through the API server. It lets through the reading of two
// pages at addresses that the API server named, and refuses the rest.
type kubeletGuard struct {
	next      http.RoundTripper
	addresses *nodeAddresses
	ledger    *Ledger
	broken    *breach
}

// kubeletPage is all that is ever asked of a kubelet.
var kubeletPage = pattern.New(`^/(metrics|configz)$`)

// RoundTrip sends a request that is allowed and records it.
func (g *kubeletGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	shown := asked(req)
	shown.Server = serverOf(req)
	req, err := checked(req, g.check, g.broken, g.ledger, shown)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	resp, err := g.next.RoundTrip(req)
	g.ledger.record(shown, start, resp, err)
	return resp, err
}

// check returns the request to send, or why it must not be sent.
func (g *kubeletGuard) check(req *http.Request) (*http.Request, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%s %s%s: %w: %s", req.Method, serverOf(req), req.URL.EscapedPath(), errRefused, why)
	}
	switch {
	case req.URL.Scheme != "https" || !g.addresses.has(req.URL.Host):
		return req, refuse("not the address of a kubelet")
	case req.Method != http.MethodGet:
		return req, refuse("of a kubelet, pages are only read")
	case !kubeletPage.MatchString(req.URL.EscapedPath()) || req.URL.RawQuery != "" || req.URL.ForceQuery:
		return req, refuse("of a kubelet, only metrics and configz are read")
	case req.Header.Get("Upgrade") != "":
		return req, refuse("no protocol upgrades")
	}
	return req, nil
}

// kubeletAuthorities is what a kubelet's serving certificate is checked against, as PEM: the given authorities, else
// those of the cluster. The system's are not among them: they vouch for names and addresses that any node may claim
// in its status.
func (c *collector) kubeletAuthorities() ([]byte, error) {
	if len(c.opts.KubeletCA) > 0 {
		return c.opts.KubeletCA, nil
	}
	cluster := rest.CopyConfig(c.opts.Config)
	if err := rest.LoadTLSFiles(cluster); err != nil {
		return nil, err
	}
	if len(cluster.CAData) == 0 {
		return nil, errNoAuthority
	}
	return cluster.CAData, nil
}

var (
	errNoAuthority   = errors.New("there is no authority to check the kubelets' certificates against: the kubeconfig has none")
	errImpersonation = errors.New("a kubelet knows no impersonation, which --as asks for")
)

// explainDirect says why a kubelet could not be read at its own address, and what would help.
func explainDirect(node, at string, err error) (reason string, remedy facts.Remedy) {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		right     *missingRight
	)
	words := rootCause(err)
	const by = "or read it through the API server, which needs nodes/proxy: --kubelets proxy"
	a, ok := answered(err)
	switch {
	case errors.As(err, &right):
		return words, right.remedy()
	case errors.Is(err, errNoAuthority):
		return words, facts.Do("give the authority that signed the certificates of the kubelets: --kubelet-ca FILE; " + by)
	case errors.Is(err, errImpersonation):
		return words, facts.Do("leave --as out; " + by)
	case errors.Is(err, errNoAddress):
		return "the node has no address at which its kubelet could be asked", facts.Do("see status.addresses:", "kubectl get node "+node+" -o yaml")
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return fmt.Sprintf("the serving certificate of the kubelet at %s cannot be verified, so it was not given your credentials: %s", at, words),
			facts.Do("give the authority that signed it: --kubelet-ca FILE; if it signed its own, set serverTLSBootstrap: true in the KubeletConfiguration and approve its CSR; " + by)
	case errors.Is(err, context.DeadlineExceeded), !ok:
		if errors.Is(err, context.DeadlineExceeded) {
			words = "no answer in time"
		}
		return fmt.Sprintf("the kubelet at %s cannot be read: %s", at, words), facts.Do("run it where nodes can be reached, such as in a pod; " + by)
	case a.Code == http.StatusUnauthorized:
		return "the kubelet does not accept your credentials: " + words,
			facts.Do("set authentication.webhook.enabled: true in the KubeletConfiguration, or use a client certificate of the cluster; " + by)
	case a.Code == http.StatusForbidden:
		return "the kubelet forbids it: " + words, facts.Do(readKubeletMetrics.remedy().Text + "; " + by)
	case a.Code == http.StatusNotFound:
		return "the kubelet serves neither metrics nor its configuration: " + words,
			facts.Do("set enableDebuggingHandlers: true in the KubeletConfiguration, which configz needs")
	}
	return fmt.Sprintf("the kubelet at %s: %s", at, words), facts.Do("run again; " + by)
}
