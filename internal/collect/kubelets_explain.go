package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// explainKubelet says why a kubelet could not be read through the node proxy, and what would help.
func explainKubelet(node string, err error) (reason, remedy string) {
	again := fmt.Sprintf("kubectl get --raw /api/v1/nodes/%s/proxy/metrics shows the same; run again when it does not", node)
	words := oneLine(err.Error())
	a, ok := answered(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the kubelet did not answer in time", "give each request more time: --request-timeout 30s"
	case errors.Is(err, errGarbage):
		return words, "see what the kubelet answers: kubectl get --raw /api/v1/nodes/" + node + "/proxy/metrics"
	case !ok:
		return words, again
	}
	switch a.Code {
	case http.StatusUnauthorized:
		if a.Status {
			return "the API server no longer accepts your credentials: " + words, "log in again, then run again"
		}
		return "the kubelet does not accept the API server's client certificate; this is not about your login: " + words,
			"give the kubelet the CA of the API server's kubelet client certificate (authentication.x509.clientCAFile)"
	case http.StatusForbidden:
		return "the kubelet forbids it to the API server; this is not about your rights: " + words,
			"bind the user of the API server's kubelet client certificate to the ClusterRole system:kubelet-api-admin"
	case http.StatusNotFound:
		if a.Status {
			return words, "the node may be gone; run again"
		}
		return "the kubelet serves neither metrics nor its configuration: " + words,
			"set enableDebuggingHandlers: true in the KubeletConfiguration, which configz needs"
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return "the API server cannot reach the kubelet: " + words,
			"open the way from the control plane to the kubelet's port (10250): firewall, security group, konnectivity; " + again
	case http.StatusTooManyRequests:
		return "the API server is too busy: " + words, "run again with less at once: --concurrency 4"
	}
	if strings.Contains(words, "no preferred addresses") || strings.Contains(words, "address not allowed") {
		return "the API server has no address for the kubelet: " + words, "see status.addresses: kubectl get node " + node + " -o yaml"
	}
	return words, again
}
