package collect

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// explainKubelet says why a kubelet could not be read through the node proxy, and what would help.
func explainKubelet(node string, err error) (reason string, remedy facts.Remedy) {
	metrics := "kubectl get --raw /api/v1/nodes/" + node + "/proxy/metrics"
	const again = "run again once this succeeds:"
	words := oneLine(err.Error())
	a, ok := answered(err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the kubelet did not answer in time", facts.Do("give each request more time: --request-timeout 30s")
	case errors.Is(err, errGarbage):
		return words, facts.Do("see what the kubelet answers:", metrics)
	case !ok:
		return words, facts.Do(again, metrics)
	}
	switch a.Code {
	case http.StatusUnauthorized:
		if a.Status {
			return "the API server no longer accepts your credentials: " + words, facts.Do("log in again, then run again")
		}
		return "the kubelet does not accept the API server's client certificate; this is not about your login: " + words,
			facts.Do("give the kubelet the CA of the API server's kubelet client certificate (authentication.x509.clientCAFile)")
	case http.StatusForbidden:
		return "the kubelet forbids it to the API server; this is not about your rights: " + words,
			facts.Do("bind the user of the API server's kubelet client certificate to the ClusterRole system:kubelet-api-admin")
	case http.StatusNotFound:
		if a.Status {
			return words, facts.Do("the node may be gone; run again")
		}
		return "the kubelet serves neither metrics nor its configuration: " + words,
			facts.Do("set enableDebuggingHandlers: true in the KubeletConfiguration, which configz needs")
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return "the API server cannot reach the kubelet: " + words,
			facts.Do("open the way from the control plane to the kubelet's port (10250): firewall, security group, konnectivity; "+again, metrics)
	case http.StatusTooManyRequests:
		return "the API server is too busy: " + words, facts.Do("run again with less at once: --concurrency 4")
	}
	if strings.Contains(words, "no preferred addresses") || strings.Contains(words, "address not allowed") {
		return "the API server has no address for the kubelet: " + words, facts.Do("see status.addresses:", "kubectl get node "+node+" -o yaml")
	}
	return words, facts.Do(again, metrics)
}
