package collect

import (
	"errors"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func kubeletNode(name string, port int32, addresses ...corev1.NodeAddress) *corev1.Node {
	n := readyNode(name, "v1.32.1")
	n.Status.Addresses, n.Status.DaemonEndpoints.KubeletEndpoint.Port = addresses, port
	return &n
}

// Of a kubelet two pages are read, at the address that its node has, and nothing else is sent.
func TestKubeletGuard(t *testing.T) {
	known := &nodeAddresses{}
	known.note(kubeletNode("n", 0, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "10.0.0.7"}))
	for name, c := range map[string]struct {
		method, url, upgrade string
		refused              bool
	}{
		"metrics":                {"GET", "https://10.0.0.7:10250/metrics", "", false},
		"configz":                {"GET", "https://10.0.0.7:10250/configz", "", false},
		"pods":                   {"GET", "https://10.0.0.7:10250/pods", "", true},
		"exec":                   {"GET", "https://10.0.0.7:10250/exec/ns/pod/c?command=id", "", true},
		"run":                    {"POST", "https://10.0.0.7:10250/run/ns/pod/c?cmd=id", "", true},
		"a query":                {"GET", "https://10.0.0.7:10250/metrics?x=y", "", true},
		"an empty query":         {"GET", "https://10.0.0.7:10250/metrics?", "", true},
		"below metrics":          {"GET", "https://10.0.0.7:10250/metrics/cadvisor", "", true},
		"a dot segment":          {"GET", "https://10.0.0.7:10250/metrics/../pods", "", true},
		"an escaped dot segment": {"GET", "https://10.0.0.7:10250/metrics/%2e%2e/pods", "", true},
		"an escaped slash":       {"GET", "https://10.0.0.7:10250/%2fmetrics", "", true},
		"an upgrade":             {"GET", "https://10.0.0.7:10250/metrics", "websocket", true},
		"a POST":                 {"POST", "https://10.0.0.7:10250/metrics", "", true},
		"another port":           {"GET", "https://10.0.0.7:443/metrics", "", true},
		"another host":           {"GET", "https://10.0.0.8:10250/metrics", "", true},
		"without TLS":            {"GET", "http://10.0.0.7:10250/metrics", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			ledger, broken, sent := &Ledger{}, &breach{}, 0
			g := &kubeletGuard{addresses: known, ledger: ledger, broken: broken, next: roundTripFunc(func(*http.Request) (*http.Response, error) {
				sent++
				return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
			})}
			req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.upgrade != "" {
				req.Header.Set("Upgrade", c.upgrade)
			}
			resp, err := g.RoundTrip(req)
			if err == nil {
				resp.Body.Close()
			}
			if errors.Is(err, errRefused) != c.refused || errors.Is(broken.get(), errRefused) != c.refused || (sent == 0) != c.refused {
				t.Errorf("%v, kept %v, %d sent", err, broken.get(), sent)
			}
			list := ledger.Requests()
			if len(list) != 1 || list[0].Server != serverOf(req) || list[0].URL != req.URL.RequestURI() {
				t.Errorf("in the ledger: %+v", list)
			}
		})
	}
}

func TestKubeletAddress(t *testing.T) {
	at := func(kind corev1.NodeAddressType, address string) corev1.NodeAddress {
		return corev1.NodeAddress{Type: kind, Address: address}
	}
	for want, n := range map[string]*corev1.Node{
		"10.0.0.7:10250":    kubeletNode("n", 0, at(corev1.NodeHostName, "n"), at(corev1.NodeExternalIP, "8.8.8.8"), at(corev1.NodeInternalIP, "10.0.0.7")),
		"8.8.8.8:443":       kubeletNode("n", 443, at(corev1.NodeExternalDNS, "n.example.com"), at(corev1.NodeExternalIP, "8.8.8.8")),
		"[fd00::1]:10250":   kubeletNode("n", 0, at(corev1.NodeInternalIP, "fd00::1"), at(corev1.NodeInternalIP, "10.0.0.7")),
		"":                  kubeletNode("n", 0, at(corev1.NodeInternalDNS, "n.internal"), at(corev1.NodeInternalIP, "evil.example.com/x")),
		"192.168.1.1:10250": kubeletNode("n", 0, at(corev1.NodeInternalIP, "not an address"), at(corev1.NodeInternalIP, "192.168.1.1")),
	} {
		if got := kubeletAddress(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
