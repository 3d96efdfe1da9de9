package collect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// A listener is in a kubelet's place and notes which tokens it is given.
type listener struct {
	*httptest.Server
	mu     sync.Mutex
	tokens []string
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = append(l.tokens, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("User-Agent"))
	io.WriteString(w, "# TYPE kubernetes_feature_enabled gauge\nkubernetes_feature_enabled{name=\"SidecarContainers\",stage=\"BETA\"} 1\n")
}

func listen(t *testing.T, host string, serving tls.Certificate) *listener {
	t.Helper()
	l := &listener{}
	l.Server = httptest.NewUnstartedServer(l)
	l.Server.Listener.Close()
	var err error
	if l.Server.Listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
		t.Fatal(err)
	}
	l.Server.TLS = &tls.Config{Certificates: []tls.Certificate{serving}}
	l.Server.Config.ErrorLog = log.New(io.Discard, "", 0) // a client that does not trust it is meant
	l.Server.StartTLS()
	t.Cleanup(l.Server.Close)
	return l
}

// selfSigned is a certificate as kubelets make one that are not told otherwise.
func selfSigned(t *testing.T, host string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func nodeAt(t *testing.T, c *cluster.Cluster, name string, l *listener) {
	t.Helper()
	u, err := url.Parse(l.URL)
	check(t, err)
	port := l.Listener.Addr().(*net.TCPAddr).Port
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{
		NodeInfo:        corev1.NodeSystemInfo{KubeletVersion: "v1.30.1"},
		Conditions:      []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		Addresses:       []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: u.Hostname()}},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
	}}
	_, err = c.Client().CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
	check(t, err)
}

// account is a client with the token of a service account that has these rules.
func account(t *testing.T, c *cluster.Cluster, name string, rules []rbacv1.PolicyRule) *rest.Config {
	t.Helper()
	none := metav1.CreateOptions{}
	_, err := c.Client().CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, none)
	check(t, err)
	_, err = c.Client().RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, none)
	check(t, err)
	_, err = c.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: name}},
	}, none)
	check(t, err)
	token, err := c.Client().CoreV1().ServiceAccounts("default").CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, none)
	check(t, err)
	config := rest.AnonymousClientConfig(c.Config())
	config.BearerToken = token.Status.Token
	return config
}

// Kubelets are read at their own addresses with less than nodes/proxy; one that cannot prove who it is gets no
// credentials.
func TestKubeletsDirect(t *testing.T) {
	if err := cluster.CanRunNodes(); err != nil { // loopback addresses are never called
		t.Skip(err)
	}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.32"}},
		FakeNodes:  []cluster.FakeNode{{Name: "plain", Version: "1.28"}, {Name: "silent", Version: "1.32", Metrics: cluster.NotFound}},
	})
	cert, key, err := c.ServingCertificate(c.Host())
	check(t, err)
	serving, err := tls.X509KeyPair(cert, key)
	check(t, err)
	own, ownCA := selfSigned(t, c.Host())
	verified, stranger := listen(t, c.Host(), serving), listen(t, c.Host(), own)
	nodeAt(t, c, "verified", verified)
	nodeAt(t, c, "stranger", stranger)
	reader := func(name string, resources ...string) *rest.Config {
		rules := rulesFor([]facts.Kind{facts.Nodes})
		for _, r := range resources {
			rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{r}, Verbs: []string{"get"}})
		}
		return account(t, c, name, rules)
	}
	limited := reader("limited", "nodes/metrics", "nodes/configz")
	read := func(o collect.Options) (map[string]string, map[string]facts.Gap, *collect.Ledger) {
		o.Kinds, o.Tool = []facts.Kind{facts.Kubelets}, "test"
		verified.tokens, stranger.tokens = nil, nil
		s, ledger := run(t, o)
		sources, gaps := map[string]string{}, map[string]facts.Gap{}
		for _, r := range s.Kubelets {
			sources[r.Instance] = string(r.Source)
		}
		for _, g := range s.Gaps {
			if g.Kind == facts.Kubelets {
				gaps[g.Instance.Name] = g
			}
		}
		return sources, gaps, ledger
	}
	for name, o := range map[string]collect.Options{
		"direct": {Config: limited, Kubelets: collect.KubeletsDirect},
		"auto":   {Config: limited, Kubelets: collect.KubeletsAuto},
	} {
		t.Run(name, func(t *testing.T) {
			sources, gaps, ledger := read(o)
			if sources["plain"] != "metrics" || sources["silent"] != "configz" || sources["verified"] != "metrics" || len(sources) != 3 {
				t.Errorf("readings %v, gaps %v", sources, gaps)
			}
			if len(gaps) != 1 || !strings.Contains(gaps["stranger"].Reason, "was not given your credentials") || !strings.Contains(gaps["stranger"].Remedy, "--kubelet-ca FILE") {
				t.Errorf("gaps %v", gaps)
			}
			if len(stranger.tokens) > 0 {
				t.Errorf("the stranger got %q", stranger.tokens)
			}
			if want := "GET /metrics Bearer " + o.Config.BearerToken + " kubectl-sidecar/test"; len(verified.tokens) != 1 || !strings.HasPrefix(verified.tokens[0], want) {
				t.Errorf("the kubelet got %q", verified.tokens)
			}
			listed := 0
			for _, r := range ledger.Requests() {
				if strings.Contains(r.URL, "/proxy/") {
					t.Errorf("through the API server: %s", r.URL)
				}
				if r.Server != "" {
					listed++
					if r.URL != "/metrics" && r.URL != "/configz" || r.Method != http.MethodGet || !strings.HasPrefix(r.Server, "https://"+c.Host()+":") {
						t.Errorf("asked of a kubelet: %+v", r)
					}
				}
			}
			if listed != 5 { // one page each, and the configuration of the silent one
				t.Errorf("%d requests to kubelets in the ledger", listed)
			}
		})
	}
	t.Run("a CA of its own", func(t *testing.T) {
		sources, gaps, _ := read(collect.Options{Config: limited, Kubelets: collect.KubeletsDirect, KubeletCA: ownCA})
		if sources["stranger"] != "metrics" || len(sources) != 1 || len(verified.tokens) > 0 || len(gaps) != 3 {
			t.Errorf("readings %v, gaps %v, another got %q", sources, gaps, verified.tokens)
		}
	})
	t.Run("insecure", func(t *testing.T) {
		sources, gaps, _ := read(collect.Options{Config: limited, Kubelets: collect.KubeletsDirect, InsecureKubelets: true})
		if len(sources) != 4 || len(gaps) != 0 || len(stranger.tokens) != 1 {
			t.Errorf("readings %v, gaps %v, the stranger got %q", sources, gaps, stranger.tokens)
		}
	})
	t.Run("the API server is not verified either", func(t *testing.T) {
		config := rest.CopyConfig(limited)
		config.TLSClientConfig = rest.TLSClientConfig{Insecure: true}
		sources, gaps, _ := read(collect.Options{Config: config, Kubelets: collect.KubeletsDirect})
		if len(sources) > 0 || len(gaps) != 4 || len(stranger.tokens)+len(verified.tokens) > 0 || !strings.Contains(gaps["plain"].Remedy, "--kubelet-ca") {
			t.Errorf("readings %v, gaps %v", sources, gaps)
		}
	})
	t.Run("as somebody else", func(t *testing.T) {
		config := rest.CopyConfig(c.Config())
		config.Impersonate.UserName = "system:serviceaccount:default:limited"
		sources, gaps, _ := read(collect.Options{Config: config, Kubelets: collect.KubeletsDirect})
		if len(sources) > 0 || len(verified.tokens) > 0 || !strings.Contains(gaps["plain"].Reason, "--as") {
			t.Errorf("readings %v, gaps %v", sources, gaps)
		}
	})
	t.Run("without the right", func(t *testing.T) {
		_, gaps, ledger := read(collect.Options{Config: reader("without"), Kubelets: collect.KubeletsDirect})
		if len(gaps) != 1 || !strings.Contains(gaps[""].Remedy, "allow get on nodes/metrics (the whole role: kubectl sidecar rbac --kubelets direct)") {
			t.Errorf("gaps %v", gaps)
		}
		for _, r := range ledger.Requests() {
			if r.Server != "" {
				t.Errorf("asked all the same: %+v", r)
			}
		}
	})
	t.Run("by the proxy, without the right", func(t *testing.T) {
		_, gaps, _ := read(collect.Options{Config: limited})
		if len(gaps) != 1 || !strings.Contains(gaps[""].Remedy, "--kubelets direct") || !strings.Contains(gaps[""].Remedy, "allow get on nodes/proxy") {
			t.Errorf("gaps %v", gaps)
		}
	})
}
