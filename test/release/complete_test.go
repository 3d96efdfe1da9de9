package release

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// newCompleter is a user who has installed the plugin with krew, and then its completion.
func newCompleter(t *testing.T, kubeconfig string) user {
	t.Helper()
	u := newUser(t, kubeconfig)
	u.run(t, "kubectl", "krew", "install", "--manifest="+filepath.Join(dist(t), "sidecar.yaml"), "--archive="+archive(t))
	script := filepath.Join(u.home, ".krew", "bin", "kubectl_complete-sidecar")
	said, notes := u.run(t, "kubectl", "sidecar", "completion", "install")
	want := "wrote " + script + "\nkubectl sidecar is completed wherever kubectl is: see kubectl completion --help\n"
	if said != want || notes != "" {
		t.Errorf("completion install says %q and %q, want %q", said, notes, want)
	}
	return u
}

// completes asks kubectl itself for what it would offer, as its scripts for shells do.
func (u user) completes(t *testing.T, want string, args ...string) {
	t.Helper()
	got, said := u.run(t, "kubectl", append([]string{"__complete", "sidecar"}, args...)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kubectl __complete sidecar %q (-want +got):\n%s", args, diff)
	}
	// What kubectl itself says; its scripts for shells drop it.
	said = regexp.MustCompile(`(?m)^\[Debug\] (Cleared|About to) .*\n`).ReplaceAllString(said, "")
	if want := "Completion ended with directive: ShellCompDirectiveNoFileComp\n"; said != want {
		t.Errorf("kubectl __complete sidecar %q says %q, want %q", args, said, want)
	}
}

// TestCompletion: kubectl offers what a real cluster has.
func TestCompletion(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{})
	fill(t, c)
	u := newCompleter(t, c.Kubeconfig)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"expl"}, "explain\tPrint what a check means, how it is found and how to fix it\n:4\n"},
		{[]string{"why", ""}, "web-1\nweb-2\n:4\n"},
		{[]string{"why", "w"}, "web-1\nweb-2\n:4\n"},
		{[]string{"why", "-n", "shop", ""}, "cart-1\n:4\n"},
		{[]string{"why", "deployments/"}, "deployments/web\n:4\n"},
		{[]string{"why", "-n", ""}, "default\nkube-node-lease\nkube-public\nkube-system\nshop\n:4\n"},
		{[]string{"doctor", "--namespace", "s"}, "shop\n:4\n"},
		{[]string{"doctor", "--context", ""}, contexts(t, c.Kubeconfig) + ":4\n"},
		{[]string{"doctor", "--checks", "kubelet-gate-off,kubelet-t"}, "kubelet-gate-off,kubelet-too-old\n:4\n"},
		{[]string{"doctor", "-o", "wid"}, "wide\n:4\n"},
		{[]string{"explain", "kubelet-g"}, "kubelet-gate-off\n:4\n"},
		{[]string{"webhook", "test", "--in-cluster", ""}, "injector\nlabeler\n:4\n"},
	} {
		u.completes(t, test.want, test.args...)
	}
}

// fill makes what is to be offered.
func fill(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx := t.Context()
	_, err := c.Client().CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example/main"}}}
	for _, name := range []struct{ namespace, pod string }{{"default", "web-2"}, {"default", "web-1"}, {"shop", "cart-1"}} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name.pod}, Spec: spec}
		if _, err := c.Client().CoreV1().Pods(name.namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	labels := map[string]string{"app": "web"}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}}
	if _, err := c.Client().AppsV1().Deployments("default").Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"labeler", "injector"} {
		webhook := &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := c.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, webhook, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func contexts(t *testing.T, kubeconfig string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Contexts) != 1 {
		t.Fatalf("%d contexts, want 1", len(config.Contexts))
	}
	for name := range config.Contexts {
		return name + "\n"
	}
	return ""
}

// TestCompletionWithoutAnswer: where a cluster refuses, hangs or is not there, or where the login does
// not end, nothing is offered and nothing said, and that soon: a shell waits for it.
func TestCompletionWithoutAnswer(t *testing.T) {
	silent := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	refusing := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }))
	defer refusing.Close()
	garbled := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "\x1b[31m{") }))
	defer garbled.Close()
	login := &api.ExecConfig{Command: "sh", Args: []string{"-c", "echo password? >&2; read password; exec sleep 30"}, APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: api.IfAvailableExecInteractiveMode}
	for name, kubeconfig := range map[string]string{
		"silent":        kubeconfig(t, silent.URL, silent.TLS, nil),
		"refusing":      kubeconfig(t, refusing.URL, refusing.TLS, nil),
		"garbled":       kubeconfig(t, garbled.URL, garbled.TLS, nil),
		"not there":     kubeconfig(t, "https://127.0.0.1:1", silent.TLS, nil),
		"login hangs":   kubeconfig(t, silent.URL, silent.TLS, login),
		"no kubeconfig": "missing",
		"no YAML":       "/etc/passwd",
	} {
		t.Run(name, func(t *testing.T) {
			u := newCompleter(t, kubeconfig)
			u.completes(t, ":4\n", "why", "")
			u.completes(t, ":4\n", "doctor", "-n", "")
		})
	}
}

func kubeconfig(t *testing.T, server string, served *tls.Config, login *api.ExecConfig) string {
	t.Helper()
	config := api.NewConfig()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served.Certificates[0].Certificate[0]})
	config.Clusters["c"] = &api.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos["u"] = &api.AuthInfo{Token: "none"}
	if login != nil {
		config.AuthInfos["u"] = &api.AuthInfo{Exec: login}
	}
	config.Contexts["x"] = &api.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	name := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, name); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
