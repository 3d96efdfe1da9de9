package deploy

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// opened is what a kubelet answers, at its own port, to who has a token: the status of each request.
func opened(t *testing.T, k *cluster.Kubelet, token string) map[string]int {
	t.Helper()
	// Who stole a token does not care whom he gives it to.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}}
	defer client.CloseIdleConnections()
	status := func(path string, header map[string]string) int {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort(k.Address, "10250")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		for name, value := range header {
			req.Header.Set(name, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	websocket := map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "c2RmYXNkZmFzZGZhc2RmYQ==", "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
	}
	return map[string]int{
		"metrics": status("/metrics", nil), "configz": status("/configz", nil), "pods": status("/pods", nil),
		"logs": status("/containerLogs/default/p/c", nil), "exec": status("/exec/default/p/c?output=1&error=1&command=id", websocket),
		"attach": status("/attach/default/p/c?output=1", websocket), "node logs": status("/logs/", nil),
	}
}

// tokenOpens compares what the account's token opens at a real kubelet with what nodes/proxy would.
func tokenOpens(t *testing.T, c *cluster.Cluster, want map[string]int) {
	t.Helper()
	token := account(t, c, "kubectl-sidecar", "kubectl-sidecar").BearerToken
	await(t, "what the token opens", func() error { // the kubelet asks the API server, and remembers its answers
		got := opened(t, c.Kubelets[0], token)
		for page, status := range got {
			expected := http.StatusForbidden
			if want[page] != 0 {
				expected = want[page]
			}
			if status != expected {
				return fmt.Errorf("%s: %d, want %d (all: %v)", page, status, expected, got)
			}
		}
		return nil
	})
}

// proxyOpens: with nodes/proxy the same requests get through, so that a no to them means something.
func proxyOpens(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	for _, args := range [][]string{
		{"create", "serviceaccount", "proxy", "-n", "default"},
		{"create", "clusterrole", "proxy", "--verb=get", "--resource=nodes/proxy"},
		{"create", "clusterrolebinding", "proxy", "--clusterrole=proxy", "--serviceaccount=default:proxy"},
	} {
		kubectl(t, c, args...)
	}
	token := account(t, c, "default", "proxy").BearerToken
	await(t, "what nodes/proxy opens", func() error {
		got := opened(t, c.Kubelets[0], token)
		if got["pods"] != http.StatusOK || got["exec"] == http.StatusForbidden || got["logs"] == http.StatusForbidden {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}
