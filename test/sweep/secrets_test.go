package sweep

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// planted are secrets, one for each place: hunter2-PLACE.
var planted = regexp.MustCompile(`hunter2-[a-z0-9-]+`)

func secret(place string) string { return "hunter2-" + place }

// TestSecrets plants secrets wherever people put them; neither the file that snapshot writes nor any
// report has one of them.
func TestSecrets(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	createNamespaces(t, c, "shop")
	plantWebhook(t, c)
	plantPods(t, c)
	if _, err := c.Client().CoreV1().Secrets("shop").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"password": secret("secret")},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"snapshot"}, {"doctor", "-o", "json"}, {"doctor", "-o", "wide"}, {"webhooks", "-o", "json"}, {"webhooks"},
		{"why", "-A", "-o", "json"}, {"why", "-A"}, {"why", "web", "-n", "shop", "-o", "svg"},
	} {
		r := launch(t, c.Kubeconfig, nil, append(args, "--show-requests")...).wait(t)
		if args[0] == "snapshot" {
			r = launch(t, c.Kubeconfig, nil, args...).wait(t)
		}
		if r.exit == 1 || r.stdout == "" {
			t.Errorf("%v: exit %d\n%s", args, r.exit, r.stderr)
		}
		if found := planted.FindAllString(r.stdout+r.stderr, -1); len(found) > 0 {
			t.Errorf("%v prints %v", args, found)
		}
	}
}

// plantWebhook has a key in the URL's path: the API server allows neither user nor query there.
func plantWebhook(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	url := fmt.Sprintf("https://%s:1/hook/%s", c.Host(), secret("b6589fc6ab0dc82c"))
	if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration: "outside", Client: admissionregistrationv1.WebhookClientConfig{URL: &url},
		FailurePolicy: admissionregistrationv1.Ignore,
		Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: secret("webhook-last-applied"), "x": secret("webhook-annotation")},
	}); err != nil {
		t.Fatal(err)
	}
}

// plantPods makes a stuck pod in shop, and a static one of the control plane.
func plantPods(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	command := []string{"app", "--password", secret("args-next"), "--token=" + secret("args-token"), "postgres://user:" + secret("args-url") + "@db/x"}
	spec := withSidecar().Spec
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		list[0].Command = command
		list[0].Env = []corev1.EnvVar{{Name: "PASSWORD", Value: secret("env")}, {Name: "INNOCENT", Value: secret("env-innocent")}}
	}
	annotations := map[string]string{
		corev1.LastAppliedConfigAnnotation: `{"spec":{"containers":[{"env":[{"name":"X","value":"` + secret("last-applied") + `"}]}]}}`,
		"example.com/token":                secret("annotation"),
	}
	createStuckPod(t, c, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: annotations}, Spec: spec})
	if _, err := c.Client().CoreV1().Events("shop").Create(t.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "leak"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web"},
		Type:           corev1.EventTypeWarning, Reason: "Unhealthy",
		Message: "probe failed: https://user:" + secret("event-url") + "@host/ token=" + secret("event-token"),
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	static := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "kube-apiserver-x", Namespace: metav1.NamespaceSystem,
			Labels:      map[string]string{"component": "kube-apiserver", "tier": "control-plane"},
			Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "0", "x": secret("static-annotation")},
		},
		Spec: corev1.PodSpec{NodeName: "node-a", Containers: []corev1.Container{{
			Name: "kube-apiserver", Image: "x", Command: append([]string{"kube-apiserver", "--etcd-password=" + secret("static-flag")}, command...),
			Env: []corev1.EnvVar{{Name: "X", Value: secret("static-env")}},
		}}},
	}
	if _, err := c.Client().CoreV1().Pods(metav1.NamespaceSystem).Create(t.Context(), static, metav1.CreateOptions{}); err != nil && !strings.Contains(err.Error(), "node") {
		t.Fatal(err)
	}
}
