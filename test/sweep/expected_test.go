package sweep

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The kinds of facts that a request is about, by a part of its class; the first that fits. A gap of
// one of them has to say that it went wrong.
var about = []struct {
	part  string
	kinds []facts.Kind
}{
	{"/proxy/", []facts.Kind{facts.Kubelets}},
	{"/api/v1/nodes", []facts.Kind{facts.Nodes}},
	{"mutatingwebhookconfigurations", []facts.Kind{facts.MutatingWebhooks}},
	{"/apis/admissionregistration.k8s.io/", []facts.Kind{facts.MutatingPolicies}},
	{"customresourcedefinitions", []facts.Kind{facts.CRDs}},
	{"GET /metrics", []facts.Kind{facts.APIServers}},
	{"/leases", []facts.Kind{facts.APIServers}},
	{"/podtemplates", []facts.Kind{facts.APIServers}},
	{"/namespaces/default/endpointslices", []facts.Kind{facts.APIServers}},
	{"/endpointslices", []facts.Kind{facts.WebhookBackends}},
	{"GET /api/v1/namespaces/kube-system/pods", []facts.Kind{facts.ControlPlane}},
	{"POST ", []facts.Kind{facts.Canaries}},
	{"/services", []facts.Kind{facts.WebhookBackends}},
	{"/log", []facts.Kind{facts.Logs}},
	{"/events", []facts.Kind{facts.Events}},
	{"/pods", []facts.Kind{facts.Pods}},
	{"/replicasets", []facts.Kind{facts.ReplicaSets}},
	{"/deployments", []facts.Kind{facts.Deployments}},
	{"GET /api/v1/namespaces", []facts.Kind{facts.Namespaces}},
	{"GET /version", []facts.Kind{facts.APIServers}},
}

func kindsOf(class string) []facts.Kind {
	for _, row := range about {
		if strings.Contains(class, row.part) {
			return row.kinds
		}
	}
	return nil
}

// others are the facts that are had in another way when a request goes wrong, with the reason. A
// run is then to say what it says undisturbed.
var others = []struct{ part, fault, why string }{
	{"selfsubjectaccessreviews", "", "a right that cannot be asked about is tried; the request itself tells"},
	{"", "wrong content type", "the answer itself is the right one, and is read as what was asked for"},
}

func anotherWay(x trial) bool {
	for _, o := range others {
		if strings.Contains(x.class, o.part) && (o.fault == "" || o.fault == x.fault.name) {
			return true
		}
	}
	return false
}
