package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// The oldest API server that has the policy's API as v1 and is among ours, and everything in a namespace
// of another name.
func TestPolicyOnOldAPIServer(t *testing.T) {
	needsKubelets(t) // the node proxy refuses the loopback addresses of fake kubelets elsewhere
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.32"}},
		FakeNodes:  []cluster.FakeNode{{Name: "worker-1", Version: "1.32"}},
	})
	kubectl(t, c, "apply", "--kustomize", overlay(t, "kubelets-direct", map[string]any{"namespace": "observability"}))
	doctorWorks(t, c, "observability")
	mayAtAll(t, c, "observability")
	onlyReads(t, c, "observability", "worker-1")
}

// account is a client with a token of the service account, as the pod has one.
func account(t *testing.T, c *cluster.Cluster, namespace, name string) *rest.Config {
	t.Helper()
	var config *rest.Config
	await(t, "token", func() error {
		token, err := c.Client().CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err == nil {
			config = rest.AnonymousClientConfig(c.Config())
			config.BearerToken = token.Status.Token
		}
		return err
	})
	return config
}

func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData, CertificateAuthority: config.CAFile}
	file.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	file.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	file.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// doctorWorks: with the rights of deploy/ and under its policy, the doctor sees what an administrator sees, but for what
// only who acts as the controllers sees.
func doctorWorks(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	awaitPolicy(t, c, namespace)
	seen := func(kubeconfig, kubelets string) map[string]string {
		r := launch(t, kubeconfig, "doctor", "-o", "json", "--kubelets", kubelets)
		rep := new(report.Report)
		decode(t, []byte(r.Stdout), rep)
		out := map[string]string{}
		for _, e := range rep.Checks {
			out[e.ID] = fmt.Sprintf("%s %+v", e.Status, e.Missing)
		}
		if len(out) == 0 {
			t.Fatalf("exit %d: no checks in the report\n%s", r.Exit, r.Stderr)
		}
		return out
	}
	creators := string(facts.PartCreators)
	own := seen(kubeconfig(t, account(t, c, namespace, "kubectl-sidecar")), "direct")
	all := seen(c.Kubeconfig, "proxy")
	for id, what := range own {
		if strings.Contains(what, "Part:"+creators) && strings.Contains(what, "impersonate") {
			delete(own, id)
			delete(all, id)
		}
	}
	if len(own) < 15 {
		t.Errorf("only %d checks are left to compare", len(own))
	}
	if diff := cmp.Diff(all, own); diff != "" {
		t.Errorf("the service account does not see what the administrator sees (-administrator +service account):\n%s", diff)
	}
}

// awaitPolicy returns when the API server, which compiles policies in the background, enforces this one.
func awaitPolicy(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	client := kubernetes.NewForConfigOrDie(account(t, c, namespace, "kubectl-sidecar"))
	await(t, "the policy", func() error {
		_, err := client.CoreV1().PodTemplates("default").Create(t.Context(), &corev1.PodTemplate{
			ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Template: corev1.PodTemplateSpec{Spec: pod().Spec},
		}, metav1.CreateOptions{})
		if err == nil {
			err = c.Client().CoreV1().PodTemplates("default").Delete(t.Context(), "probe", metav1.DeleteOptions{})
			return errors.Join(errors.New("created"), err)
		}
		return refused(err, writes)
	})
}

const (
	writes   = "the only writes allowed are dry-run creates of pods and pod templates"
	connects = "of a kubelet only /metrics and /configz are allowed"
)

// refused is nil when err is the policy's own no.
func refused(err error, message string) error {
	if err == nil {
		return errors.New("it was allowed")
	}
	if !strings.Contains(err.Error(), "ValidatingAdmissionPolicy 'kubectl-sidecar-read-only'") || !strings.Contains(err.Error(), message) {
		return fmt.Errorf("not refused by the policy: %w", err)
	}
	return nil
}

// onlyReads makes the account an administrator, so that nothing but the policy stands in its way, and
// tries what somebody with its token would.
func onlyReads(t *testing.T, c *cluster.Cluster, namespace, node string) {
	t.Helper()
	admin := c.Client()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "too-much"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{Kind: "ServiceAccount", Name: "kubectl-sidecar", Namespace: namespace},
			{Kind: "ServiceAccount", Name: "another", Namespace: namespace},
		},
	}
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	create := func(objects ...string) {
		for _, o := range objects {
			kubectl(t, c, append([]string{"create"}, strings.Fields(o)...)...)
		}
	}
	create("serviceaccount another -n "+namespace, "serviceaccount any -n default", "configmap here -n default",
		"configmap there -n default", "namespace victim")
	own := kubernetes.NewForConfigOrDie(account(t, c, namespace, "kubectl-sidecar"))
	await(t, "rights", func() error {
		_, err := own.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
		return err
	})
	for what, do := range mayNot(t.Context()) {
		if err := refused(do(own), writes); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, do := range may(t.Context()) {
		if err := do(own); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	proxies(t, account(t, c, namespace, "kubectl-sidecar"), node)
	holdsNot(t, c, namespace)
	// The policy is about this account alone.
	other := kubernetes.NewForConfigOrDie(account(t, c, namespace, "another"))
	for _, what := range []string{"create a pod", "delete a config map"} {
		if err := mayNot(t.Context())[what](other); err != nil {
			t.Errorf("another account: %s: %v", what, err)
		}
	}
	left, err := admin.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 {
		t.Errorf("pods: %d, %v; want the other account's", len(left.Items), err)
	}
}

type attempt func(*kubernetes.Clientset) error

var (
	dryRun = []string{metav1.DryRunAll}
	pod    = func() *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "registry.example/c"}}},
		}
	}
)

func mayNot(ctx context.Context) map[string]attempt {
	merge := []byte(`{"metadata":{"labels":{"a":"b"}}}`)
	return map[string]attempt{
		"create a pod": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("default").Create(ctx, pod(), metav1.CreateOptions{})
			return err
		},
		"create a pod template": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().PodTemplates("default").Create(ctx, &corev1.PodTemplate{
				ObjectMeta: metav1.ObjectMeta{Name: "t"}, Template: corev1.PodTemplateSpec{Spec: pod().Spec},
			}, metav1.CreateOptions{})
			return err
		},
		"apply a pod": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("default").Patch(ctx, "p", types.ApplyPatchType,
				[]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"registry.example/c"}]}}`),
				metav1.PatchOptions{FieldManager: "test"})
			return err
		},
		"create a job": func(c *kubernetes.Clientset) error {
			spec := pod().Spec
			spec.RestartPolicy = corev1.RestartPolicyNever
			_, err := c.BatchV1().Jobs("default").Create(ctx, &batchv1.Job{
				ObjectMeta: metav1.ObjectMeta{Name: "j"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: spec}},
			}, metav1.CreateOptions{})
			return err
		},
		"change a config map, dry run": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().ConfigMaps("default").Patch(ctx, "here", types.MergePatchType, merge, metav1.PatchOptions{DryRun: dryRun})
			return err
		},
		"delete a config map": func(c *kubernetes.Clientset) error {
			return c.CoreV1().ConfigMaps("default").Delete(ctx, "there", metav1.DeleteOptions{})
		},
		"delete all config maps": func(c *kubernetes.Clientset) error {
			return c.CoreV1().ConfigMaps("default").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		},
		"a token of another account": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().ServiceAccounts("default").CreateToken(ctx, "any", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
			return err
		},
		"evict, dry run": func(c *kubernetes.Clientset) error {
			return c.CoreV1().Pods("default").EvictV1(ctx, &policyv1.Eviction{
				ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default"}, DeleteOptions: &metav1.DeleteOptions{DryRun: dryRun},
			})
		},
		"create a mutating webhook": func(c *kubernetes.Clientset) error {
			_, err := c.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
				ObjectMeta: metav1.ObjectMeta{Name: "mine"},
			}, metav1.CreateOptions{})
			return err
		},
		"create a validating webhook": func(c *kubernetes.Clientset) error {
			_, err := c.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{
				ObjectMeta: metav1.ObjectMeta{Name: "mine"},
			}, metav1.CreateOptions{})
			return err
		},
		"bind itself to another role": func(c *kubernetes.Clientset) error {
			_, err := c.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "mine"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			}, metav1.CreateOptions{})
			return err
		},
		"delete a namespace": func(c *kubernetes.Clientset) error {
			return c.CoreV1().Namespaces().Delete(ctx, "victim", metav1.DeleteOptions{})
		},
	}
}

func may(ctx context.Context) map[string]attempt {
	return map[string]attempt{
		"create a pod, dry run": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Pods("default").Create(ctx, pod(), metav1.CreateOptions{DryRun: dryRun})
			return err
		},
		"create a pod template, dry run": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().PodTemplates("default").Create(ctx, &corev1.PodTemplate{
				ObjectMeta: metav1.ObjectMeta{Name: "t"}, Template: corev1.PodTemplateSpec{Spec: pod().Spec},
			}, metav1.CreateOptions{DryRun: dryRun})
			return err
		},
		"create a job, dry run": func(c *kubernetes.Clientset) error {
			spec := pod().Spec
			spec.RestartPolicy = corev1.RestartPolicyNever
			_, err := c.BatchV1().Jobs("default").Create(ctx, &batchv1.Job{
				ObjectMeta: metav1.ObjectMeta{Name: "j"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: spec}},
			}, metav1.CreateOptions{DryRun: dryRun})
			return err
		},
		"list secrets as the administrator that it is": func(c *kubernetes.Clientset) error {
			_, err := c.CoreV1().Secrets("").List(ctx, metav1.ListOptions{})
			return err
		},
	}
}

// holdsNot is what docs/in-cluster.md says that the policy cannot hold, for an account that has the rights to it: it
// acts as somebody else, and unbinds the policy. It comes last: nothing is held after it. Should one of these fail,
// the page promises too little.
func holdsNot(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	config := account(t, c, namespace, "kubectl-sidecar")
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "somebody", Groups: []string{"system:masters"}}
	_, err := kubernetes.NewForConfigOrDie(as).CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "as-somebody"}}, metav1.CreateOptions{})
	if err != nil {
		t.Errorf("impersonation is held: %v", err)
	}
	bindings := kubernetes.NewForConfigOrDie(config).AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	if err := bindings.Delete(t.Context(), "kubectl-sidecar-read-only", metav1.DeleteOptions{DryRun: dryRun}); err != nil {
		t.Errorf("deleting the binding is held: %v", err)
	}
}

// mayAtAll: without more rights than deploy/ gives, none of what the policy cannot hold is possible.
func mayAtAll(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	client := kubernetes.NewForConfigOrDie(account(t, c, namespace, "kubectl-sidecar"))
	for _, right := range []authorizationv1.ResourceAttributes{
		{Verb: "impersonate", Resource: "users"}, {Verb: "impersonate", Resource: "groups"}, {Verb: "impersonate", Resource: "serviceaccounts"},
		{Verb: "impersonate", Resource: "serviceaccounts", Namespace: "kube-system", Name: "replicaset-controller"},
		{Verb: "delete", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicybindings"},
		{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"},
		{Verb: "patch", Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"},
		{Verb: "get", Resource: "secrets"}, {Verb: "list", Resource: "secrets"}, {Verb: "get", Resource: "nodes", Subresource: "proxy"},
		{Verb: "get", Resource: "pods", Subresource: "exec"}, {Verb: "create", Resource: "pods", Subresource: "exec"},
		{Verb: "get", Resource: "pods", Subresource: "log"}, {Verb: "get", Resource: "services", Subresource: "proxy"},
		{Verb: "create", Resource: "serviceaccounts", Subresource: "token"}, {Verb: "bind", Group: rbacv1.GroupName, Resource: "clusterroles"},
	} {
		review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &right},
		}, metav1.CreateOptions{})
		if err != nil || review.Status.Allowed {
			t.Errorf("%s %s/%s: allowed, or %v", right.Verb, right.Resource, right.Subresource, err)
		}
	}
}

// proxies: of a kubelet the account gets what the doctor reads, however the rest is spelt.
func proxies(t *testing.T, config *rest.Config, node string) {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		u, err := url.Parse(config.Host + "/api/v1/nodes/" + node + "/proxy" + path)
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	for path, want := range map[string]string{"/metrics": "kubernetes_feature_enabled", "/configz": "kubeletconfig"} {
		if status, body := get(path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.300s", path, status, body)
		}
	}
	for _, path := range []string{
		"/pods", "/", "", "/metrics/cadvisor", "/metrics/../pods", "/metrics/%2e%2e/pods", "/metrics%2f..%2fpods", "//pods",
		"/pods?path=/metrics", "?path=/pods", "/exec/default/p/c?command=id&output=1", "/run/default/p/c?cmd=id",
	} {
		status, body := get(path)
		if status != http.StatusUnprocessableEntity && status != http.StatusForbidden || !strings.Contains(body, connects) {
			t.Errorf("%s: not refused by the policy: %d %.300s", path, status, body)
		}
	}
}
