package collect

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Rule is one right that collecting a kind of fact needs.
type Rule struct {
	rbacv1.PolicyRule
	// Namespace is where the right is needed; "" is the whole cluster.
	Namespace string
	// Kind is the fact that it is for.
	Kind facts.Kind
	// Why is what it is used for, as half a sentence.
	Why string
	// Optional rights are powerful, or replaceable by another source.
	Optional bool
	// Unless is the right that makes this one unnecessary; nil when none does.
	Unless *Rule
	// NoGap is set where the facts are whole without it, and only say less: checks see to that themselves.
	NoGap bool
}

// without is which facts cannot be had without others.
var without = map[facts.Kind][]facts.Kind{
	facts.Nodes:            {facts.Kubelets},
	facts.Namespaces:       {facts.Canaries},
	facts.MutatingWebhooks: {facts.Canaries, facts.WebhookBackends},
}

// Gaps are the kinds of facts in which a missing right leaves a gap, its own first.
func (r Rule) Gaps() []facts.Kind {
	return append([]facts.Kind{r.Kind}, without[r.Kind]...)
}

const (
	systemNamespace  = "kube-system"
	defaultNamespace = "default"
	apiserverLabel   = "apiserver.kubernetes.io/identity=kube-apiserver"
	staticPodLabel   = "tier=control-plane"
	kubernetesSlices = "kubernetes.io/service-name=kubernetes"
	admissionGroup   = "admissionregistration.k8s.io"
)

// rule is a right on a resource.
func rule(verb, group, resource string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{verb}}
}

// named limits a right to objects of these names.
func named(r rbacv1.PolicyRule, names []string) rbacv1.PolicyRule {
	r.ResourceNames = names
	return r
}

// The rights, one by one. Each is asked for before it is used; see access.go.
var (
	readMetrics = Rule{
		PolicyRule: rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
		Kind:       facts.APIServers, Why: "read the SidecarContainers gate of the API servers",
	}
	listLeases = Rule{
		PolicyRule: rule("list", "coordination.k8s.io", "leases"), Namespace: systemNamespace,
		Kind: facts.APIServers, Why: "count the API servers",
	}
	listEndpointSlices = Rule{
		PolicyRule: rule("list", "discovery.k8s.io", "endpointslices"), Namespace: defaultNamespace,
		Kind: facts.APIServers, Why: "count the API servers and learn their addresses",
	}
	probePodTemplates = Rule{
		PolicyRule: rule("create", "", "podtemplates"), Namespace: defaultNamespace, Optional: true, Unless: &readMetrics,
		Kind: facts.APIServers, Why: "where /metrics is closed: see by a dry run whether the API server keeps the field",
	}
	listStaticPods = Rule{
		PolicyRule: rule("list", "", "pods"), Namespace: systemNamespace,
		Kind: facts.ControlPlane, Why: "read the flags of control plane static pods",
	}
	listNodes = Rule{
		PolicyRule: rule("list", "", "nodes"),
		Kind:       facts.Nodes, Why: "read the kubelet versions",
	}
	readKubelets = Rule{
		PolicyRule: rule("get", "", "nodes/proxy"), Optional: true,
		Kind: facts.Kubelets, Why: "read the SidecarContainers gate of kubelets 1.28 to 1.32; a powerful right, not needed when all nodes are older or newer",
	}
	listNamespaces = Rule{
		PolicyRule: rule("list", "", "namespaces"),
		Kind:       facts.Namespaces, Why: "know which webhooks see the pods of which namespace",
	}
	listWebhooks = Rule{
		PolicyRule: rule("list", admissionGroup, "mutatingwebhookconfigurations"),
		Kind:       facts.MutatingWebhooks, Why: "know which webhooks see pods",
	}
	// readDiscovery is everybody's who is logged in (system:discovery), and not worth a line in a role.
	readDiscovery = Rule{
		PolicyRule: rbacv1.PolicyRule{NonResourceURLs: []string{"/apis/*"}, Verbs: []string{"get"}},
		Kind:       facts.MutatingPolicies, Why: "know whether the cluster has mutating policies",
	}
	listPolicies = Rule{
		PolicyRule: rule("list", admissionGroup, "mutatingadmissionpolicies"),
		Kind:       facts.MutatingPolicies, Why: "know which policies change pods",
	}
	listBindings = Rule{
		PolicyRule: rule("list", admissionGroup, "mutatingadmissionpolicybindings"),
		Kind:       facts.MutatingPolicies, Why: "know which policies are active",
	}
)

// The rights on those who can only refuse pods. Without them it is known what becomes of a pod that is admitted, but not
// for which namespaces a canary speaks that was.
var (
	listValidatingWebhooks = Rule{
		PolicyRule: rule("list", admissionGroup, "validatingwebhookconfigurations"),
		Kind:       facts.ValidatingWebhooks, Why: "know which webhooks may refuse pods, and where",
	}
	listValidatingPolicies = Rule{
		PolicyRule: rule("list", admissionGroup, "validatingadmissionpolicies"),
		Kind:       facts.ValidatingPolicies, Why: "know which policies may refuse pods, and where",
	}
	listValidatingBindings = Rule{
		PolicyRule: rule("list", admissionGroup, "validatingadmissionpolicybindings"),
		Kind:       facts.ValidatingPolicies, Why: "know which of these policies are active, and which only warn",
	}
	validatingRules = []Rule{listValidatingWebhooks, listValidatingPolicies, listValidatingBindings}
)

// allRules is every right, in the order of clusterKinds.
func allRules(way KubeletWay) []Rule {
	return slices.Concat([]Rule{
		readMetrics, listLeases, listEndpointSlices, probePodTemplates, listStaticPods, listNodes,
	}, kubeletRules(way), []Rule{listNamespaces, listWebhooks, listPolicies, listBindings}, validatingRules, canaryRules, backendRules)
}

// buildsOn is which facts are read to obtain others.
var buildsOn = map[facts.Kind][]facts.Kind{
	facts.Kubelets: {facts.Nodes},
	facts.Canaries: {facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies},

	facts.WebhookBackends: {facts.MutatingWebhooks},
}

// clusterKinds is what Run collects; facts about pods are read by a PodReader.
var clusterKinds = []facts.Kind{
	facts.Clock, facts.APIServers, facts.ControlPlane, facts.Nodes, facts.Kubelets,
	facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.ValidatingWebhooks, facts.ValidatingPolicies, facts.Canaries,
	facts.WebhookBackends, facts.CRDs,
}

// withFoundations returns those of kinds that Run collects, and what they build on; all for nil.
func withFoundations(kinds []facts.Kind) []facts.Kind {
	if kinds == nil {
		return slices.Clone(clusterKinds)
	}
	out := []facts.Kind{} // not nil, which would be all
	for _, k := range clusterKinds {
		wanted := slices.ContainsFunc(kinds, func(asked facts.Kind) bool {
			return asked == k || slices.Contains(buildsOn[asked], k)
		})
		if wanted {
			out = append(out, k)
		}
	}
	return out
}

// Foundations are the kinds that Run collects for kinds: those among them that it does, and what they
// build on.
func Foundations(kinds []facts.Kind) []facts.Kind { return withFoundations(kinds) }

// Rules is the least privilege to collect kinds (nil is every kind) without a gap, kubelets by the proxy.
func Rules(kinds []facts.Kind) []Rule { return RulesFor(kinds, KubeletsByProxy) }

// RulesFor is Rules for another way to the kubelets; "" is not to read any.
func RulesFor(kinds []facts.Kind, way KubeletWay) []Rule {
	kinds = withFoundations(kinds)
	var out []Rule
	for _, r := range allRules(way) {
		if slices.Contains(kinds, r.Kind) {
			out = append(out, r)
		}
	}
	return out
}
