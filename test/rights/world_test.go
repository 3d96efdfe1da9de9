// Package rights proves on a real API server what the plugin may do and what it does: that the RBAC
// it prints is minimal, and that it changes nothing and talks to nobody else.
package rights

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

func TestMain(m *testing.M) { os.Exit(plugin.Main(m)) }

// manyNodes is more than `why` reads one by one.
const manyNodes = 21

// A world is a cluster in which every right is needed: the version of the API server and of the
// kubelets leaves the gate open, webhooks strip the field behind a Service and at a URL, and every
// kind of workload has a pod in trouble.
type world struct {
	*cluster.Cluster
	service, url *cluster.WebhookServer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if err := cluster.CanRunNodes(); err != nil { // the fake kubelets need an address that the node proxy accepts
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var nodes []cluster.FakeNode
	for i := range manyNodes {
		nodes = append(nodes, cluster.FakeNode{Name: nodeName(i), Version: "1.32"})
	}
	nodes[1].Version = "1.28"
	nodes[2].Version, nodes[2].Metrics = "1.28", cluster.NotFound // its configuration is read
	apiServer := cluster.Component{
		Version: "1.32", FeatureGates: map[string]bool{"MutatingAdmissionPolicy": true},
		Flags: []string{"--runtime-config=admissionregistration.k8s.io/v1alpha1=true"},
	}
	// They start within the same hundredth of a second, and are told apart by another gate.
	other := apiServer
	other.FeatureGates = map[string]bool{"MutatingAdmissionPolicy": true, "ContextualLogging": false}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{apiServer, other}, Balancer: cluster.RoundRobin,
		FakeNodes: nodes,
		Audit:     auditv1.LevelRequestResponse,
	})
	w := &world{Cluster: c}
	for _, name := range []string{"hooks", "linkerd", "mesh", "shop", "moved", "removed", "outside-shop", "outside-moved", "outside-removed"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if strings.HasPrefix(name, "outside-") {
			ns.Labels = map[string]string{"outside": "yes"}
		}
		_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{})
		check(t, err)
	}
	w.controlPlane(t)
	w.workloads(t)
	w.webhooks(t)
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func nodeName(i int) string { return fmt.Sprintf("node-%02d", i) }

// controlPlane makes the objects by which kubeadm shows scheduler and controller manager.
func (w *world) controlPlane(t *testing.T) {
	t.Helper()
	for _, name := range []string{"kube-scheduler", "kube-controller-manager"} {
		w.pod(t, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name + "-cp", Namespace: metav1.NamespaceSystem,
				Labels:      map[string]string{"component": name, "tier": "control-plane"},
				Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "0"},
			},
			Spec: corev1.PodSpec{NodeName: "cp", Containers: []corev1.Container{{
				Name: name, Image: name + ":" + w.APIServers[0].GitVersion, Command: []string{name},
			}}},
		}, corev1.PodStatus{Phase: corev1.PodRunning, Conditions: ready})
	}
}

var ready = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}

// pod creates a pod with its status, as a controller and a kubelet would have made it.
func (w *world) pod(t *testing.T, pod *corev1.Pod, status corev1.PodStatus) {
	t.Helper()
	pods := w.Client().CoreV1().Pods(pod.Namespace)
	made, err := pods.Create(t.Context(), pod, metav1.CreateOptions{})
	check(t, err)
	made.Status = status
	_, err = pods.UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
	check(t, err)
}

// webhooks has a webhook take a newer field from all pods, so that a second one that is called for a
// namespace is not alone. Those for the namespaces with the label outside are at a URL, the others behind
// a Service.
func (w *world) webhooks(t *testing.T) {
	t.Helper()
	var err error
	w.service, err = w.ServeWebhooksBehind(t.Context(), "hooks", "labeler", "registry.example/labeler:1")
	check(t, err)
	istio, err := w.ServeWebhooksBehind(t.Context(), "hooks", "istiod", "registry.example/istio/pilot:1.29.0")
	check(t, err)
	linkerd, err := w.ServeWebhooksBehind(t.Context(), "linkerd", "linkerd-proxy-injector", "registry.example/linkerd/controller:edge-26.5.2")
	check(t, err)
	_, err = w.Client().CoreV1().ConfigMaps("linkerd").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "linkerd-config"}, Data: map[string]string{"values": "proxy: {nativeSidecar: true}\n"},
	}, metav1.CreateOptions{})
	check(t, err)
	w.url, err = w.ServeWebhooks()
	check(t, err)
	in := func(namespace string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	}
	where := func(has metav1.LabelSelectorOperator) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "outside", Operator: has}}}
	}
	for _, hook := range []cluster.Webhook{
		{Configuration: "rebuilt", Client: w.service.Client("/app-armor"), NamespaceSelector: where(metav1.LabelSelectorOpDoesNotExist)},
		{Configuration: "strips", Client: w.service.Client("/strip"), NamespaceSelector: in("shop")},
		{Configuration: "moves", Client: w.service.Client("/move"), NamespaceSelector: in("moved")},
		{Configuration: "removes", Client: w.service.Client("/remove"), NamespaceSelector: in("removed")},
		{Configuration: "rebuilt-at-url", Client: w.url.Client("/app-armor"), NamespaceSelector: where(metav1.LabelSelectorOpExists)},
		{Configuration: "strips-at-url", Client: w.url.Client("/strip"), NamespaceSelector: in("outside-shop")},
		{Configuration: "moves-at-url", Client: w.url.Client("/move"), NamespaceSelector: in("outside-moved")},
		{Configuration: "removes-at-url", Client: w.url.Client("/remove"), NamespaceSelector: in("outside-removed")},
		{Configuration: "templates", Client: w.url.Client("/allow"), NamespaceSelector: in("shop"), Rules: templates},
		{Configuration: "updates", Client: w.url.Client("/annotate"), NamespaceSelector: in("shop"), Rules: podUpdates},
		// The API server goes on without it if it cannot call it.
		{Configuration: "fails-open", Client: w.service.Client("/annotate"), FailurePolicy: admissionregistrationv1.Ignore, NamespaceSelector: in("mesh")},
		// It looks at the versions of the nodes.
		{Configuration: "istio-sidecar-injector", Name: "namespace.sidecar-injector.istio.io", Client: istio.Client("/allow"), NamespaceSelector: in("mesh")},
		// A ConfigMap of its own tells it what to do.
		{Configuration: "linkerd-proxy-injector-webhook-config", Name: "linkerd-proxy-injector.linkerd.io", Client: linkerd.Client("/allow"), NamespaceSelector: in("mesh")},
	} {
		_, err := w.InstallWebhook(t.Context(), hook)
		check(t, err)
	}
}

// templates are the creation and the update of all kinds that have a pod template, podUpdates the updates of pods.
var (
	templates = slices.Concat(templateRules(admissionregistrationv1.Create), templateRules(admissionregistrationv1.Update))

	podUpdates = []admissionregistrationv1.RuleWithOperations{rule(admissionregistrationv1.Update, "", "pods")}
)

func templateRules(operation admissionregistrationv1.OperationType) []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{
		rule(operation, "apps", "deployments", "replicasets", "statefulsets", "daemonsets"),
		rule(operation, "batch", "jobs", "cronjobs"),
		rule(operation, "", "replicationcontrollers", "podtemplates"),
	}
}

func rule(operation admissionregistrationv1.OperationType, group string, resources ...string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{operation},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: resources},
	}
}

// template is a pod with a native sidecar whose port has a name.
func template(app string) corev1.PodTemplateSpec {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{
				Name: "proxy", Image: "example.com/proxy:1", RestartPolicy: &always,
				Ports: []corev1.ContainerPort{{Name: "mesh", ContainerPort: 15001}},
			}},
			Containers: []corev1.Container{{Name: "app", Image: "example.com/app:1"}},
		},
	}
}

// crashing is the status of a pod whose sidecar ends again and again.
func crashing() corev1.PodStatus {
	long := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	no := false
	return corev1.PodStatus{
		Phase: corev1.PodPending, StartTime: &long,
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: long},
			{Type: corev1.PodInitialized, Status: corev1.ConditionFalse, Reason: "ContainersNotInitialized", LastTransitionTime: long},
		},
		InitContainerStatuses: []corev1.ContainerStatus{{
			Name: "proxy", Image: "example.com/proxy:1", RestartCount: 7, Started: &no,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 5m0s restarting failed container"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 1, Reason: "Error", StartedAt: long, FinishedAt: long,
			}},
		}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Image: "example.com/app:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
		}},
	}
}

func owned(by string, o metav1.Object, group string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: group + "/v1", Kind: by, Name: o.GetName(), UID: o.GetUID(), Controller: &yes}}
}

// workloads makes one of each kind, with crashing pods, and a pod that is well behind a Service that
// means its sidecar's port by the name. Nobody else acts on them: there are no controllers.
func (w *world) workloads(t *testing.T) {
	t.Helper()
	ctx, apps, batch, none := t.Context(), w.Client().AppsV1(), w.Client().BatchV1(), metav1.CreateOptions{}
	named := func(name string, owners ...metav1.OwnerReference) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, OwnerReferences: owners, Labels: map[string]string{"app": name}}
	}
	selector := func(app string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
	crash := func(app, pod string, node int, owners []metav1.OwnerReference, more map[string]string) {
		p := template(app)
		p.Spec.NodeName = nodeName(node)
		meta := metav1.ObjectMeta{Name: pod, Namespace: "shop", OwnerReferences: owners, Labels: map[string]string{"app": app}}
		for k, v := range more {
			meta.Labels[k] = v
		}
		w.pod(t, &corev1.Pod{ObjectMeta: meta, Spec: p.Spec}, crashing())
	}
	deployment, err := apps.Deployments("shop").Create(ctx, &appsv1.Deployment{ObjectMeta: named("web"), Spec: appsv1.DeploymentSpec{Selector: selector("web"), Template: template("web")}}, none)
	check(t, err)
	set, err := apps.ReplicaSets("shop").Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-5c689d88bb", Labels: map[string]string{"app": "web"}, OwnerReferences: owned("Deployment", deployment, "apps")},
		Spec:       appsv1.ReplicaSetSpec{Selector: selector("web"), Template: template("web")},
	}, none)
	check(t, err)
	for i := range manyNodes {
		crash("web", fmt.Sprintf("web-5c689d88bb-%02d", i), i, owned("ReplicaSet", set, "apps"), nil)
	}
	stateful, err := apps.StatefulSets("shop").Create(ctx, &appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{Selector: selector("db"), Template: template("db")}}, none)
	check(t, err)
	crash("db", "db-0", 0, owned("StatefulSet", stateful, "apps"), nil)
	daemon, err := apps.DaemonSets("shop").Create(ctx, &appsv1.DaemonSet{ObjectMeta: named("agent"), Spec: appsv1.DaemonSetSpec{Selector: selector("agent"), Template: template("agent")}}, none)
	check(t, err)
	crash("agent", "agent-x7k2p", 0, owned("DaemonSet", daemon, "apps"), nil)
	job := batchv1.JobSpec{Template: template("backup")}
	job.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	cron, err := batch.CronJobs("shop").Create(ctx, &batchv1.CronJob{ObjectMeta: named("backup"), Spec: batchv1.CronJobSpec{Schedule: "0 0 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}}, none)
	check(t, err)
	run, err := batch.Jobs("shop").Create(ctx, &batchv1.Job{ObjectMeta: named("backup-29000000", owned("CronJob", cron, "batch")...), Spec: job}, none)
	check(t, err)
	crash("backup", "backup-29000000-q8z4d", 0, owned("Job", run, "batch"), map[string]string{"job-name": run.Name})
	w.rare(t)
	w.wellBehindService(t)
	refused := template("refused")
	refused.Spec.NodeName = nodeName(2)
	w.pod(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "refused", Namespace: "shop", Labels: refused.Labels}, Spec: refused.Spec}, corev1.PodStatus{
		Phase: corev1.PodFailed, Reason: "InitContainerRestartPolicyForbidden", Message: `Init container "proxy" may not have a non-default restartPolicy`,
	})
}

// rare are the kinds that are rarely used, with a native sidecar that an update could lose.
func (w *world) rare(t *testing.T) {
	t.Helper()
	core, none, nobody, p := w.Client().CoreV1(), metav1.CreateOptions{}, int32(0), template("rare")
	_, err := core.ReplicationControllers("shop").Create(t.Context(), &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: "rare"}, Spec: corev1.ReplicationControllerSpec{Replicas: &nobody, Selector: p.Labels, Template: &p},
	}, none)
	check(t, err)
	_, err = core.PodTemplates("shop").Create(t.Context(), &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Name: "rare"}, Template: p}, none)
	check(t, err)
}

func (w *world) wellBehindService(t *testing.T) {
	t.Helper()
	ctx, core, none := t.Context(), w.Client().CoreV1(), metav1.CreateOptions{}
	p := template("well")
	p.Spec.NodeName = nodeName(0)
	since := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	yes := true
	running := func(name, image string) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: name, Image: image, Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}}}}
	}
	w.pod(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "well", Namespace: "shop", Labels: p.Labels}, Spec: p.Spec}, corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &since, Conditions: ready,
		InitContainerStatuses: running("proxy", "example.com/proxy:1"), ContainerStatuses: running("app", "example.com/app:1"),
	})
	_, err := core.Services("shop").Create(ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "well"}, Spec: corev1.ServiceSpec{
		Selector: p.Labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("mesh")}},
	}}, none)
	check(t, err)
	port := int32(15001)
	_, err = w.Client().DiscoveryV1().EndpointSlices("shop").Create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "well", Labels: map[string]string{discoveryv1.LabelServiceName: "well"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"198.18.0.9"}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "well"}}},
		Ports:       []discoveryv1.EndpointPort{{Port: &port}},
	}, none)
	check(t, err)
	_, err = w.Client().AutoscalingV2().HorizontalPodAutoscalers("shop").Create(ctx, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			MaxReplicas: 2, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		},
	}, none)
	check(t, err)
	_, err = w.Client().PolicyV1().PodDisruptionBudgets("shop").Create(ctx, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, none)
	check(t, err)
}

// each is a client for each API server: what one knows the other may not know yet.
func (w *world) each(t *testing.T) []kubernetes.Interface {
	t.Helper()
	var out []kubernetes.Interface
	for _, server := range w.APIServers {
		client, err := kubernetes.NewForConfig(server.Config())
		check(t, err)
		out = append(out, client)
	}
	return out
}

// stripped makes a Deployment whose pod lost the field to a webhook: `why` then does what doctor does.
func (w *world) stripped(t *testing.T) {
	t.Helper()
	lost := template("stripped")
	lost.Spec.InitContainers[0].RestartPolicy = nil
	lost.Spec.NodeName = nodeName(3)
	set, err := w.Client().AppsV1().ReplicaSets("shop").Create(t.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "stripped-7d4b9c6f55", Labels: lost.Labels},
		Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: lost.Labels}, Template: template("stripped")},
	}, metav1.CreateOptions{})
	check(t, err)
	since := metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second))
	status := crashing()
	status.InitContainerStatuses[0].RestartCount, status.InitContainerStatuses[0].LastTerminationState = 0, corev1.ContainerState{}
	status.InitContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}}
	w.pod(t, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "stripped", Namespace: "shop", Labels: lost.Labels, OwnerReferences: owned("ReplicaSet", set, "apps")}, Spec: lost.Spec,
	}, status)
}
