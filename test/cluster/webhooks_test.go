package cluster_test

import (
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// sidecarPod has a plain init container and a sidecar.
func sidecarPod() *corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	p := pod("canary", "", "exit", "0")
	p.Spec.InitContainers = []corev1.Container{
		{Name: "sidecar", Image: cluster.ToolImage, RestartPolicy: &always},
		{Name: "init", Image: cluster.ToolImage, Args: []string{"exit", "0"}},
	}
	return p
}

// sent sends the pod as a dry run and says what came of it: the names of its
// init containers, with + for sidecars, or the error.
func sent(t *testing.T, c *cluster.Cluster, p *corev1.Pod) string {
	t.Helper()
	returned, err := c.Client().CoreV1().Pods("default").Create(t.Context(), p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, container := range returned.Spec.InitContainers {
		if container.RestartPolicy != nil {
			container.Name += "+"
		}
		names = append(names, container.Name)
	}
	return strings.Join(names, " ")
}

// Every behavior has the effect that it is there for, on a server in this
// process.
func TestWebhookBehaviors(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{})
	here, err := c.ServeWebhooks()
	if err != nil {
		t.Fatal(err)
	}
	strip, err := c.StripWebhook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		client admissionregistrationv1.WebhookClientConfig
		want   string
	}{
		{"annotate", here.Client("/annotate"), "sidecar+ init"},
		{"remove", here.Client("/remove"), "init"},
		{"field", here.Client("/strip"), "sidecar init"},
		{"move", here.Client("/move"), "sidecar init+"},
		{"inject", here.Client("/inject"), "injected+ sidecar+ init"},
		{"deny", here.Client("/deny"), "no pods today"},
		{"error", here.Client("/error"), "boom"},
		{"hang", here.Client("/hang"), "deadline exceeded"},
		{"garbage", here.Client("/garbage"), "failed calling webhook"},
		{"html", here.Client("/html"), "failed calling webhook"},
		{"huge", here.Client("/huge"), "sidecar+ init"},         // the API server takes it,
		{"redirect", here.Client("/redirect"), "sidecar+ init"}, // and follows this,
		{"wrong-uid", here.Client("/wrong-uid"), "expected response.uid"},
		{"bad-patch", here.Client("/bad-patch"), "remove operation does not apply"},
		{"bad-ca", here.BadCA("/annotate"), "certificate signed by unknown authority"},
		{"old", strip.Client("/"), "sidecar init"},
		{"old-for-others", strip.Client("/strip/service-accounts/other"), "sidecar+ init"},
		{"old-for-this", strip.Client("/strip/service-accounts/robot/other"), "sidecar init"},
		{"remove-for-others", here.Client("/remove/service-accounts/other"), "sidecar+ init"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := cluster.Webhook{Configuration: test.name, Client: test.client, Timeout: 10 * time.Second}
			if test.name == "hang" {
				w.Timeout = time.Second
			}
			if _, err := c.InstallWebhook(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			p := sidecarPod()
			p.Spec.ServiceAccountName = "robot"
			got := sent(t, c, p)
			if got != test.want && (strings.Contains(test.want, "init") || !strings.Contains(got, test.want)) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if err := c.RemoveWebhook(t.Context(), test.name); err != nil {
				t.Fatal(err)
			}
			if got := sent(t, c, sidecarPod()); got != "sidecar+ init" {
				t.Errorf("after its removal: %q", got)
			}
		})
	}
	for _, request := range here.Handler.Requests() {
		if !request.DryRun {
			t.Errorf("%s was not told of the dry run", request.Path)
		}
	}
}

// The API server reaches a webhook in a pod behind a Service, without
// kube-proxy.
func TestWebhookPods(t *testing.T) {
	c := shared(t)
	for i, strip := range []bool{false, true} {
		name := []string{"remover", "stripper"}[i]
		server, err := c.RunWebhook(t.Context(), cluster.WebhookPod{Namespace: "webhooks", Name: name, Node: c.Kubelets[i], Strip: strip})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.InstallWebhook(t.Context(), cluster.Webhook{
			Configuration: name, Client: server.Client("/remove"),
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "canary"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := sent(t, c, sidecarPod()), []string{"init", "sidecar init"}[i]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if err := c.RemoveWebhook(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// Without a controller manager the endpoints of such a pod are made here, and programs may be those that somebody
// else has built.
func TestWebhookPodWithoutControllers(t *testing.T) {
	needNodes(t, "a webhook in a pod without a controller manager")
	component := func(name string) cluster.Component {
		version, err := binaries.Newest("kube-apiserver", "kubelet")
		if err != nil {
			t.Fatal(err)
		}
		file, err := binaries.Kubernetes(t.Context(), version, name)
		if err != nil {
			t.Fatal(err)
		}
		return cluster.Component{Version: version, Program: file}
	}
	etcd, err := binaries.Etcd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.StartFor(t, cluster.Config{
		Etcd: etcd, APIServers: []cluster.Component{component("kube-apiserver")},
		Nodes: []cluster.Node{{Component: component("kubelet")}},
	})
	server, err := c.RunWebhook(t.Context(), cluster.WebhookPod{Namespace: "webhooks", Name: "stripper", Node: c.Kubelets[0], Strip: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{Configuration: "stripper", Client: server.Client("/mutate")}); err != nil {
		t.Fatal(err)
	}
	if got := sent(t, c, sidecarPod()); got != "sidecar init" {
		t.Errorf("got %q", got)
	}
}
