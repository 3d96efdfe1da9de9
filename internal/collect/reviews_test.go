package collect_test

import (
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/webhook"
)

// serveBehindService serves webhooks on this machine, behind a Service whose endpoint looks like a
// pod: the API server dials nothing else, and the service proxy neither.
func serveBehindService(t *testing.T, c *cluster.Cluster, namespace, name, image string) func(path string) admissionregistrationv1.WebhookClientConfig {
	t.Helper()
	ctx, core := t.Context(), c.Client().CoreV1()
	cert, key, err := c.ServingCertificate(name+"."+namespace+".svc", c.Host())
	check(t, err)
	pair, err := tls.X509KeyPair(cert, key)
	check(t, err)
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host(), "0"))
	check(t, err)
	server := webhook.Server(&webhook.Handler{})
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { server.Close() })
	_, portText, _ := net.SplitHostPort(listener.Addr().String())
	port, _ := strconv.Atoi(portText)

	labels := map[string]string{"app": name}
	_, err = core.Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 443}}},
	}, metav1.CreateOptions{})
	check(t, err)
	pod, err := core.Pods(namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "webhook", Image: image}}},
	}, metav1.CreateOptions{})
	check(t, err)
	pod.Status.PodIP, pod.Status.PodIPs = c.Host(), []corev1.PodIP{{IP: c.Host()}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	_, err = core.Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	check(t, err)
	//lint:ignore SA1019 the service proxy reads Endpoints, and nothing else
	_, err = core.Endpoints(namespace).Create(ctx, &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		//lint:ignore SA1019 as above
		Subsets: []corev1.EndpointSubset{{
			Addresses: []corev1.EndpointAddress{{IP: c.Host(), TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: name, UID: pod.UID}}},
			Ports:     []corev1.EndpointPort{{Port: int32(port)}},
		}},
	}, metav1.CreateOptions{})
	check(t, err)
	// The API server's own calls look at EndpointSlices, which nobody makes here.
	ready, number := true, int32(port)
	_, err = c.Client().DiscoveryV1().EndpointSlices(namespace).Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{c.Host()}, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: name, UID: pod.UID},
		}},
		Ports: []discoveryv1.EndpointPort{{Port: &number}},
	}, metav1.CreateOptions{})
	check(t, err)
	return func(path string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{
			Service:  &admissionregistrationv1.ServiceReference{Namespace: namespace, Name: name, Path: &path},
			CABundle: c.CA(),
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func makeNamespace(t *testing.T, c *cluster.Cluster, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		check(t, err)
	}
}

// user is a client configuration for somebody with these rules in the whole cluster.
func user(t *testing.T, c *cluster.Cluster, name string, rules ...rbacv1.PolicyRule) *rest.Config {
	t.Helper()
	rbac := c.Client().RbacV1()
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	check(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	}, metav1.CreateOptions{})
	check(t, err)
	config := rest.CopyConfig(c.Config())
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:authenticated"}}
	return config
}

// rulesOf are the rights that Run asks for, as a role, without those that are named.
func rulesOf(without ...string) []rbacv1.PolicyRule { return rulesFor(admissionKinds, without...) }

func rulesFor(kinds []facts.Kind, without ...string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, r := range collect.Rules(kinds) {
		if !strings.Contains(" "+strings.Join(without, " ")+" ", " "+strings.Join(r.Resources, "")+" ") {
			out = append(out, r.PolicyRule)
		}
	}
	return out
}

var admissionKinds = []facts.Kind{facts.Canaries, facts.WebhookBackends, facts.CRDs}

// TestAttribution: who did it, with fewer and fewer rights.
func TestAttribution(t *testing.T) {
	c, err := cluster.Start(t.Context(), cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	check(t, err)
	t.Cleanup(func() { check(t, c.Stop()) })
	makeNamespace(t, c, "hooks", "shop", "closed", "policed", "uploads")
	_, err = c.Client().CoreV1().ServiceAccounts("uploads").Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "uploader", Annotations: map[string]string{"example.com/role": "arn"}},
	}, metav1.CreateOptions{})
	check(t, err)
	at := serveBehindService(t, c, "hooks", "azure-wi-webhook-webhook-service", "registry.example/azure/workload-identity/webhook:v1.2.2")
	in := func(namespace string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	}
	skip := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "skip-strip", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	for _, w := range []cluster.Webhook{
		{Configuration: "a-annotate", Client: at("/annotate"), NamespaceSelector: in("shop")},
		{Configuration: "b-strip", Client: at("/strip"), NamespaceSelector: in("shop"), ObjectSelector: skip},
		{Configuration: "c-annotate", Client: at("/annotate"), NamespaceSelector: in("shop")},
		{Configuration: "f-annotate", Client: at("/annotate"), NamespaceSelector: in("uploads")},
		{Configuration: "g-strip", Client: at("/strip/service-accounts/uploader"), NamespaceSelector: in("uploads"), ObjectSelector: skip},
		{Configuration: "d-gone", NamespaceSelector: in("closed"), FailurePolicy: admissionregistrationv1.Ignore,
			Client: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "hooks", Name: "gone"}}},
	} {
		_, err := c.InstallWebhook(t.Context(), w)
		check(t, err)
	}
	removePolicy(t, c, "policed")
	pruningCRD(t, c)
	for _, test := range []struct {
		name   string
		config *rest.Config
	}{
		{"all-rights", user(t, c, "all-rights", rulesOf()...)},
		{"no-proxy", user(t, c, "no-proxy", rulesOf("services/proxy")...)},
		{"only-view", user(t, c, "only-view", rulesOf("services/proxy", "pods", "podtemplates")...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			snapshot, _ := run(t, collect.Options{Config: test.config, Kinds: admissionKinds})
			golden(t, "attribution-"+test.name, append(digest(snapshot), gapsOf(snapshot)...))
		})
	}
	t.Run("limited", func(t *testing.T) {
		snapshot, _ := run(t, collect.Options{Config: c.Config(), Kinds: admissionKinds, Namespace: "closed"})
		golden(t, "attribution-limited", append(append(digest(snapshot), gapsOf(snapshot)...), snapshot.Limits...))
	})
}

func gapsOf(s *facts.Snapshot) []string {
	var out []string
	for _, g := range s.Gaps {
		out = append(out, string(g.Kind)+" "+g.Scope+": "+g.Reason+" -> "+g.Remedy)
	}
	return out
}

// removePolicy makes a MutatingAdmissionPolicy that takes the field from pods of a namespace, and waits
// until it does.
func removePolicy(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	ctx, client := t.Context(), c.Client().AdmissionregistrationV1()
	_, err := client.MutatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "no-sidecars"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: `
					has(object.spec.initContainers) && size(object.spec.initContainers) == 2 && has(object.spec.initContainers[1].restartPolicy)
					? [JSONPatch{op: "remove", path: "/spec/initContainers/1/restartPolicy"}] : []`},
			}},
		},
	}, metav1.CreateOptions{})
	check(t, err)
	_, err = client.MutatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "no-sidecars"},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: "no-sidecars"},
	}, metav1.CreateOptions{})
	check(t, err)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		got, err := c.Client().CoreV1().Pods(namespace).Create(ctx, admission.Canary(namespace), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && got.Spec.InitContainers[1].RestartPolicy == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the policy has no effect: %v", err)
		}
	}
}

// pruningCRD makes a CRD that embeds a pod template deeply, one version of which lacks the field.
func pruningCRD(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	container := func(fields string) string {
		return `{"type":"object","properties":{"groups":{"type":"array","items":{"type":"object","properties":{"template":{"type":"object","additionalProperties":
			{"type":"object","properties":{"initContainers":{"type":"array","items":{"type":"object","properties":{"image":{"type":"string"}` + fields + `}}}}}}}}}}}`
	}
	body := `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"gadgets.example.com"},
		"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"gadgets","kind":"Gadget"},"versions":[
		{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":` + container(``) + `}},
		{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":` + container(`,"restartPolicy":{"type":"string"}`) + `}}]}}`
	err := c.Client().Discovery().RESTClient().Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").
		SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error()
	check(t, err)
}
