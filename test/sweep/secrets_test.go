package sweep

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/webhook"
)

// planted are secrets, one for each place: hunter2-PLACE.
var planted = regexp.MustCompile(`hunter2-[a-z0-9-]+`)

func secret(place string) string { return "hunter2-" + place }

// TestSecrets plants secrets wherever people put them; neither the file that snapshot writes nor any
// report, in any format, nor the list of requests, nor an error has one of them. pkg/facts plants them in every string
// of every kind of object.
func TestSecrets(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	createNamespaces(t, c, "shop")
	plantPods(t, c)
	server := plantWebhooks(t, c)
	if _, err := c.Client().CoreV1().Secrets("shop").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"password": secret("secret")},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	commands := [][]string{
		{"snapshot"}, {"webhooks", "-o", "json"}, {"webhooks"}, {"baseline"}, {"doctor", "--kubelets", "direct"}, {"why", "web", "-n", "shop", "-o", "svg"},
		{"why", "web", "-n", "shop", "--logs"}, {"webhook", "test", "--in-cluster", "outside"}, {"webhook", "test", "--in-cluster", "outside", "-o", "junit"},
		{"snapshot", "web", "-n", "shop"}, {"snapshot", "--pods", "-A"}, {"plan", "-A"}, {"plan", "-A", "-o", "json"}, {"lint", "-n", "shop"},
	}
	for command, formats := range map[string][]print.Format{"doctor": print.Formats, "why -A": print.WhyFormats, "why web -n shop": print.WhyFormats} {
		for _, name := range namesOf(formats) {
			commands = append(commands, append(strings.Fields(command), "-o", name))
		}
	}
	for _, args := range commands {
		r := runFor(time.Minute, 10*time.Second, c.Kubeconfig, append(args, "--show-requests")...)
		if args[0] == "webhook" && r.stderr != "" { // it may say nothing else than how it failed
			r.stdout += "-"
		}
		if r.exit == 1 && args[0] != "webhook" || r.stdout == "" {
			t.Errorf("%v: exit %d\n%s", args, r.exit, r.stderr)
		}
		if found := planted.FindAllString(r.stdout+r.stderr, -1); len(found) > 0 {
			t.Errorf("%v prints %v", args, found)
		}
	}
	if asked := server.Handler.Requests(); !slices.ContainsFunc(asked, func(r webhook.Request) bool { return planted.MatchString(r.Path) }) {
		t.Errorf("the webhook with a key in its path was never asked: %+v", asked)
	}
	for _, args := range [][]string{{"doctor"}, {"why", "-A"}} {
		r := runFor(time.Minute, 10*time.Second, c.Kubeconfig, append(args, "--server", "https://user:"+secret("server")+"@127.0.0.1:1/?token="+secret("server-token"))...)
		if found := planted.FindAllString(r.stdout+r.stderr, -1); len(found) > 0 || r.exit != 1 {
			t.Errorf("%v without a server: exit %d, prints %v", args, r.exit, found)
		}
	}
}

// plantWebhooks has a key in the URL's path: the API server allows neither user nor query there. It is asked,
// because another one strips the field.
func plantWebhooks(t *testing.T, c *cluster.Cluster) *cluster.WebhookServer {
	t.Helper()
	server := serveWebhooks(t, c)
	for name, path := range map[string]string{"outside": "/hook/" + secret("b6589fc6ab0dc82c"), "stripping": "/strip"} {
		if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{
			Configuration: name, Client: server.Client(path), FailurePolicy: admissionregistrationv1.Ignore,
			MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "if", Expression: `object.metadata.namespace != "token=` + secret("condition") + `"`}},
			Annotations:     map[string]string{corev1.LastAppliedConfigAnnotation: secret("webhook-last-applied"), "x": secret("webhook-annotation")},
		}); err != nil {
			t.Fatal(err)
		}
	}
	return server
}

// plantPods makes a stuck pod in shop, and a static one of the control plane.
func plantPods(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	command := []string{"app", "--password", secret("args-next"), "--token=" + secret("args-token"), "postgres://user:" + secret("args-url") + "@db/x"}
	spec := withSidecar().Spec
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		list[0].Command = command
		list[0].Image = "user:" + secret("image") + "@registry.invalid/app:1"
		list[0].Env = []corev1.EnvVar{{Name: "PASSWORD", Value: secret("env")}, {Name: "INNOCENT", Value: secret("env-innocent")}}
	}
	spec.InitContainers[0].Lifecycle = &corev1.Lifecycle{
		PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"curl", "-u", "admin:" + secret("post-start"), "--header", "X-Api-Key: " + secret("post-start-header"), "http://localhost"}}},
		PreStop:   &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "mysqladmin -uroot -p" + secret("pre-stop") + " shutdown; PGPASSWORD='" + secret("pre-stop-env") + "' psql"}}},
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
	pulling, err := c.Client().CoreV1().Pods("shop").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pulling.Status.InitContainerStatuses[0].Image = spec.InitContainers[0].Image
	pulling.Status.InitContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "ImagePullBackOff", Message: `Back-off pulling image "` + spec.InitContainers[0].Image + `"`,
	}}
	pulling.Status.Message = `{"password": "` + secret("status") + ` ` + secret("status-rest") + `"}`
	if _, err := c.Client().CoreV1().Pods("shop").UpdateStatus(t.Context(), pulling, metav1.UpdateOptions{}); err != nil {
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
