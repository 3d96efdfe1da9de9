package sweep

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// A front is what the proxies of one cluster share.
type front struct {
	ca       []byte
	serving  tls.Certificate
	target   *url.URL
	upstream http.RoundTripper
}

func newFront(t *testing.T, c *cluster.Cluster) *front {
	t.Helper()
	cert, key, err := c.ServingCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{ca: c.CA()}
	if f.serving, err = tls.X509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	config := c.Config()
	config.DisableCompression = true // what the plugin asked for is passed on as it is
	if f.upstream, err = rest.TransportFor(config); err != nil {
		t.Fatal(err)
	}
	if f.target, err = url.Parse(config.Host); err != nil {
		t.Fatal(err)
	}
	return f
}

// A proxy serves one run of the plugin. The requests of one class are spoiled.
type proxy struct {
	front  *front
	server *httptest.Server
	class  string // "" spoils nothing
	other  string // is spoiled, too
	fault  fault
	done   chan struct{} // closed at the end
	// shift is how far the API server's clock is ahead; all that it says is as by that clock.
	shift time.Duration

	mu    sync.Mutex
	seen  []string      // classes, in the order in which they came first
	hits  int           // spoiled requests
	away  chan struct{} // until it is closed, requests wait for the API server
	again net.Listener  // after reappear
}

func (f *front) proxy(class string, spoil fault) *proxy {
	p := &proxy{front: f, class: class, fault: spoil, done: make(chan struct{})}
	p.server = httptest.NewUnstartedServer(p)
	p.server.TLS = &tls.Config{Certificates: []tls.Certificate{f.serving}}
	p.server.EnableHTTP2 = true
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.StartTLS()
	return p
}

func (p *proxy) stop() {
	close(p.done)
	p.mu.Lock()
	if p.again != nil {
		_ = p.again.Close()
	}
	p.mu.Unlock()
	p.server.CloseClientConnections()
	p.server.Close()
}

// vanish refuses every connection from now on, and breaks those there are.
func (p *proxy) vanish() {
	_ = p.server.Listener.Close()
	go p.server.CloseClientConnections()
}

// reappear listens where vanish stopped to.
func (p *proxy) reappear() error {
	listener, err := net.Listen("tcp", p.server.Listener.Addr().String())
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.again = tls.NewListener(listener, p.server.TLS)
	p.mu.Unlock()
	go func() { _ = p.server.Config.Serve(p.again) }()
	return nil
}

// hold has requests wait until the returned function is called.
func (p *proxy) hold() (release func()) {
	away := make(chan struct{})
	p.mu.Lock()
	p.away = away
	p.mu.Unlock()
	return func() { close(away) }
}

// held waits for the API server where it is away, and reports whether it was.
func (p *proxy) held(r *http.Request) bool {
	p.mu.Lock()
	away := p.away
	p.mu.Unlock()
	if away == nil {
		return false
	}
	select {
	case <-away:
	case <-p.done:
	case <-r.Context().Done():
	}
	return true
}

// kubeconfig leads to the proxy, which has the administrator's rights.
func (p *proxy) kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: p.server.URL, CertificateAuthorityData: p.front.ca}
	config.Clusters["webhooks"] = &clientcmdapi.Cluster{Server: p.front.target.String()} // for plugin.AskURL
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: "anything"}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "admin"}
	config.CurrentContext = "test"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	class := classOf(r)
	p.mu.Lock()
	if !slices.Contains(p.seen, class) {
		p.seen = append(p.seen, class)
	}
	nth := 0
	if class == p.class || class == p.other {
		p.hits++
		nth = p.hits
	}
	p.mu.Unlock()
	if nth > 0 {
		p.fault.spoil(&exchange{proxy: p, w: w, r: r, nth: nth})
		return
	}
	p.pass(w, r)
}

// pass lets the API server answer.
func (p *proxy) pass(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.held(r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := p.ask(r)
	if err != nil && p.held(r) { // it went away in the middle
		r.Body = io.NopCloser(bytes.NewReader(body))
		resp, err = p.ask(r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	copyHeader(w.Header(), resp.Header)
	if p.shift != 0 {
		w.Header().Set("Date", time.Now().Add(p.shift).UTC().Format(http.TimeFormat))
	}
	w.WriteHeader(resp.StatusCode)
	if p.shift != 0 {
		text, _ := io.ReadAll(resp.Body)
		_, _ = w.Write(shifted(text, p.shift))
		return
	}
	_, _ = io.Copy(w, resp.Body)
}

// smallPages has even a small cluster's lists come in several pages.
const smallPages = "2"

// ask sends a request on to the API server.
func (p *proxy) ask(r *http.Request) (*http.Response, error) {
	u := *p.front.target
	u.Path, u.RawPath = r.URL.Path, r.URL.RawPath
	query := r.URL.Query()
	if query.Has("limit") {
		query.Set("limit", smallPages)
	}
	u.RawQuery = query.Encode()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	copyHeader(out.Header, r.Header)
	out.Header.Del("Authorization")
	if p.shift != 0 { // readable answers
		out.Header.Del("Accept-Encoding")
		out.Header.Set("Accept", "application/json, */*")
	}
	return p.front.upstream.RoundTrip(out)
}

var timestamp = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

// shifted is JSON in which every time is later.
func shifted(text []byte, by time.Duration) []byte {
	return timestamp.ReplaceAllFunc(text, func(quoted []byte) []byte {
		at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(quoted))
		if err != nil {
			return quoted
		}
		return []byte(at.Add(by).Format(`"` + time.RFC3339Nano + `"`))
	})
}

func copyHeader(to, from http.Header) {
	for name, values := range from {
		if name != "Connection" && name != "Content-Length" {
			to[name] = values
		}
	}
}

// reached reports how many requests were spoiled.
func (p *proxy) reached() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits
}

// asked reports whether something of a class was asked for.
func (p *proxy) asked(class string) bool { return slices.Contains(p.classes(), class) }

// classes are what was asked for, in order.
func (p *proxy) classes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

var (
	nodeName  = regexp.MustCompile(`/nodes/[^/]+`)
	namespace = regexp.MustCompile(`/namespaces/[^/]+/`)
	uid       = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
)

// classOf is what requests have in common that read the same thing: method and path, with the
// namespaces of canaries and the names of nodes left out, and what of the query changes the meaning.
func classOf(r *http.Request) string {
	path := nodeName.ReplaceAllString(r.URL.Path, "/nodes/NODE")
	if !strings.Contains(path, "/kube-system/") && !strings.Contains(path, "/default/") {
		path = namespace.ReplaceAllString(path, "/namespaces/NS/")
	}
	class := r.Method + " " + path
	query := r.URL.Query()
	for _, name := range []string{"dryRun", "fieldSelector", "labelSelector"} {
		if value := query.Get(name); value != "" {
			class += " " + name + "=" + uid.ReplaceAllString(value, "UID")
		}
	}
	if query.Has("continue") {
		class += " continue"
	}
	return class
}
