package sweep

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// threeNodes have kubelets whose version leaves the gate open, so that each is asked.
var threeNodes = []cluster.FakeNode{
	{Name: "node-a", Version: "1.32"}, {Name: "node-b", Version: "1.32"}, {Name: "node-c", Version: "1.32"},
}

// installWebhook has the API server call one webhook for the pods of namespace shop.
func installWebhook(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer, name, path string) {
	t.Helper()
	if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration: name, Client: server.Client(path),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "shop"}},
	}); err != nil {
		t.Fatal(err)
	}
}

func serveWebhooks(t *testing.T, c *cluster.Cluster) *cluster.WebhookServer {
	t.Helper()
	server, err := c.ServeWebhooks()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func createNamespaces(t *testing.T, c *cluster.Cluster, names ...string) {
	t.Helper()
	for _, name := range names {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := c.Client().CoreV1().Namespaces().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// withSidecar is a pod with a native sidecar.
func withSidecar() corev1.PodTemplateSpec {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			NodeName:       "node-a",
			InitContainers: []corev1.Container{{Name: "proxy", Image: "example.com/proxy:1", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "app", Image: "example.com/app:1"}},
		},
	}
}

// createStuckWorkload makes what controllers and a kubelet would have made of a Deployment whose
// pods are stuck: the webhook took the restartPolicy, so that the proxy is an ordinary init
// container, which never ends.
func createStuckWorkload(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, apps, template := t.Context(), c.Client().AppsV1(), withSidecar()
	selector := &metav1.LabelSelector{MatchLabels: template.Labels}
	deployment, err := apps.Deployments("shop").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := apps.ReplicaSets("shop").Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", OwnerReferences: ownedBy("Deployment", deployment)},
		Spec:       appsv1.ReplicaSetSpec{Selector: selector, Template: template},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Client().CoreV1().Services("shop").Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Selector: template.Labels, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web-1-a", "web-1-b", "web-1-c"} {
		createStuckPod(t, c, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: template.Labels, OwnerReferences: ownedBy("ReplicaSet", set)},
			Spec:       template.Spec,
		})
	}
}

func ownedBy(kind string, o metav1.Object) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: o.GetName(), UID: o.GetUID(), Controller: &yes}}
}

func createStuckPod(t *testing.T, c *cluster.Cluster, pod *corev1.Pod) {
	t.Helper()
	ctx, pods := t.Context(), c.Client().CoreV1().Pods("shop")
	made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	long := metav1.NewTime(time.Now().Add(-time.Hour))
	made.Status = corev1.PodStatus{
		Phase: corev1.PodPending, StartTime: &long,
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: long},
			{Type: corev1.PodInitialized, Status: corev1.ConditionFalse, Reason: "ContainersNotInitialized", LastTransitionTime: long},
		},
		InitContainerStatuses: []corev1.ContainerStatus{{
			Name: "proxy", Image: "example.com/proxy:1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: long}},
		}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Image: "example.com/app:1",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
		}},
	}
	if made, err = pods.UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	createEvents(ctx, t, c, made)
}

// createEvents makes warnings enough for two pages.
func createEvents(ctx context.Context, t *testing.T, c *cluster.Cluster, pod *corev1.Pod) {
	t.Helper()
	if _, err := c.Client().CoreV1().Events("shop").Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: pod.Name + "."},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: pod.Name, UID: pod.UID,
		},
		Type: corev1.EventTypeWarning, Reason: "Unhealthy", Message: "something is not well",
		FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now(), Count: 1,
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// createMovable makes a Deployment and a Job with a regular sidecar, and an autoscaler that names it.
func createMovable(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "front"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "app", Image: "example.com/app:1", Env: []corev1.EnvVar{{Name: "DB", Value: "127.0.0.1:5432"}}},
			{Name: "cloud-sql-proxy", Image: "example.com/cloud-sql-proxy:2.14.1", Args: []string{"--port=5432", "p:r:i"}},
		}},
	}
	none := metav1.CreateOptions{}
	_, err := c.Client().AppsV1().Deployments("batch").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "front"},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
	}, none)
	if err != nil {
		t.Fatal(err)
	}
	half := int32(50)
	_, err = c.Client().AutoscalingV2().HorizontalPodAutoscalers("batch").Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "front"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "front"},
			MaxReplicas:    3,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ContainerResourceMetricSourceType,
				ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
					Name: corev1.ResourceCPU, Container: "cloud-sql-proxy",
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &half},
				},
			}},
		},
	}, none)
	if err != nil {
		t.Fatal(err)
	}
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	if _, err := c.Client().BatchV1().Jobs("batch").Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "report"}, Spec: batchv1.JobSpec{Template: template},
	}, none); err != nil {
		t.Fatal(err)
	}
}
