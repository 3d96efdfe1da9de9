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
	{"validatingwebhookconfigurations", []facts.Kind{facts.ValidatingWebhooks}},
	{"validatingadmissionpolic", []facts.Kind{facts.ValidatingPolicies}},
	{"/apis/admissionregistration.k8s.io/", []facts.Kind{facts.MutatingPolicies, facts.ValidatingPolicies}},
	{"customresourcedefinitions", []facts.Kind{facts.CRDs}},
	{"/horizontalpodautoscalers", []facts.Kind{facts.Referrers}},
	{"/autoscaling.k8s.io/", []facts.Kind{facts.Referrers}},
	{"GET /metrics", []facts.Kind{facts.APIServers}},
	{"/leases", []facts.Kind{facts.APIServers}},
	{"/podtemplates", []facts.Kind{facts.APIServers}},
	{"/namespaces/default/endpointslices", []facts.Kind{facts.APIServers}},
	{"/endpointslices", []facts.Kind{facts.WebhookBackends}},
	{"GET /api/v1/namespaces/kube-system/pods", []facts.Kind{facts.ControlPlane}},
	{"POST ", []facts.Kind{facts.Canaries}},
	{"/services", []facts.Kind{facts.WebhookBackends, facts.Pods}},
	{"/log", []facts.Kind{facts.Logs}},
	{"/events", []facts.Kind{facts.Events}},
	{"/pods", []facts.Kind{facts.Pods, facts.Canaries}},
	// The shapes of pods that workloads make are those of canaries.
	{"/replicasets", []facts.Kind{facts.ReplicaSets, facts.Workloads}},
	{"/deployments", []facts.Kind{facts.Deployments, facts.Canaries, facts.Workloads}},
	{"/statefulsets", []facts.Kind{facts.Canaries, facts.Workloads}},
	{"/daemonsets", []facts.Kind{facts.Canaries, facts.Workloads}},
	{"/jobs", []facts.Kind{facts.Canaries, facts.Workloads}},
	{"/cronjobs", []facts.Kind{facts.Canaries, facts.Workloads}},
	{"/replicationcontrollers", []facts.Kind{facts.Workloads}},
	{"/serviceaccounts", []facts.Kind{facts.Canaries}},
	{"GET /api/v1/namespaces", []facts.Kind{facts.Namespaces, facts.Canaries, facts.Pods}},
	// The metrics page has the version too; what remains is which fields canaries may have.
	{"GET /version", []facts.Kind{facts.APIServers, facts.Canaries}},
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
// run is then to say what it says undisturbed. An empty command, part or fault is any.
var others = []struct{ command, part, fault, why string }{
	{"", "selfsubjectaccessreviews", "", "a right that cannot be asked about is tried; the request itself tells"},
	{"", "", "wrong content type", "the answer itself is the right one, and is read as what was asked for"},
	{"", "GET /metrics", "", "since 1.33 the gate is locked on, which the version tells"},
	{"", "/proxy/metrics", "", "the kubelet's configuration tells as well"},
	{"", "/leases", "", "the endpoints of the API servers count them as well"},
	{"", "/namespaces/default/endpointslices", "", "the leases of the API servers count them as well"},
	{"", "GET /apis/admissionregistration.k8s.io/v1", "404", "what is not served does not exist; older versions of it are asked for next"},
	{"plan", "/horizontalpodautoscalers", "404", "what is not served does not exist"},
	{"", "/podtemplates", "", "defaults of the API server, without which a webhook is asked just as well; the gate is told by the version"},
	{"", "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/", "", "who took the field shows by leaving webhooks out, one by one"},
	{"webhooks", "POST /api/v1/namespaces/default/pods", "", "no webhook is called for this class, so that no line of the table is about it"},
	{"webhooks", "POST /api/v1/namespaces/NS/pods", "", "a webhook whose canary is refused is asked by itself"},
	{"why", "/log", "", "the last words of a container are one more proof of a cause that its state tells"},
	{"why", "GET /api/v1/nodes/NODE", "", "a node tells of its kubelet, and who took the field is told by admission"},
}

func anotherWay(x trial) bool {
	for _, o := range others {
		if strings.HasPrefix(x.command.name, o.command) && strings.Contains(x.class, o.part) && (o.fault == "" || o.fault == x.fault.name) {
			return true
		}
	}
	return false
}
