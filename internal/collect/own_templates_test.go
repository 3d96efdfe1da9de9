package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// A shop is a namespace with workloads of its own, and a webhook that looks at what they are. Most are here twice:
// with a webhook that acts on one of them, and with one that acts on none.
type shop struct {
	name string
	path string // of package webhook
	// condition is a matchCondition.
	condition string
	// result and proof are what the webhook does, and how that is known.
	result string
	// where is in the message of the finding; empty for none.
	where string
}

var shops = []shop{
	{name: "annotation", path: "/strip/when/annotation/mesh.example.com~inject=true", result: "strips", where: "pods like those of Deployment annotation/web"},
	{name: "annotation-not", path: "/strip/when/annotation/mesh.example.com~inject=maybe", result: "preserves"},
	{name: "owner", path: "/strip/when/owner/ReplicaSet", result: "strips", where: "pods like those of Deployment owner/admin"},
	{name: "owner-not", path: "/strip/when/owner/Spark", result: "preserves"},
	{name: "loose", path: "/strip/when/owner/loose", result: "strips", where: "pods that something owns which is not their controller in namespace loose"},
	{name: "env", path: "/strip/when/env/vault:", result: "strips", where: "pods like those of Deployment env/web"},
	{name: "env-not", path: "/strip/when/env/aws:", result: "preserves"},
	{name: "image", path: "/strip/when/image/registry.internal", result: "strips", where: "pods like those of Deployment image/web"},
	{name: "image-not", path: "/strip/when/image/mirror.internal", result: "preserves"},
	{name: "volume", path: "/strip/when/volume/tokens", result: "strips", where: "pods like those of Deployment volume/web"},
	{name: "volume-not", path: "/strip/when/volume/secrets", result: "preserves"},
	{name: "generate", path: "/strip/when/generate/nightly-", result: "strips", where: "pods like those of CronJob generate/nightly"},
	{name: "generate-not", path: "/strip/when/generate/weekly-", result: "preserves"},
	{name: "user", path: "/strip/when/user/job-controller", result: "strips", where: "pods like those of CronJob user/nightly"},
	{name: "user-not", path: "/strip/when/user/cron-controller", result: "preserves"},
	{name: "if-label", path: "/strip", condition: "'app' in object.metadata.labels && object.metadata.labels['app'] == 'web'", result: "strips", where: "pods like those of Deployment if-label/web"},
	{name: "if-label-not", path: "/annotate", condition: "'app' in object.metadata.labels && object.metadata.labels['app'] == 'web'", result: "preserves"},
	{name: "if-image", path: "/strip", condition: "object.spec.containers.exists(c, c.image.startsWith('registry.internal/'))", result: "strips", where: "pods like those of Deployment if-image/web"},
	{name: "if-image-not", path: "/annotate", condition: "object.spec.containers.exists(c, c.image.startsWith('registry.internal/'))", result: "preserves"},
	{name: "if-owner", path: "/strip", condition: "object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'ReplicaSet')", result: "strips", where: "pods that a ReplicaSet owns in namespace if-owner"},
	{name: "if-owner-not", path: "/annotate", condition: "object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'ReplicaSet')", result: "preserves"},
	{name: "if-user", path: "/strip", condition: "request.userInfo.username == 'system:serviceaccount:kube-system:job-controller'", result: "strips", where: "pods that system:serviceaccount:kube-system:job-controller creates"},
	{name: "if-user-not", path: "/annotate", condition: "request.userInfo.username == 'system:serviceaccount:kube-system:job-controller'", result: "preserves"},
	{name: "if-operator", path: "/strip", condition: "request.userInfo.username.startsWith('system:serviceaccount:spark:')", result: "strips", where: "pods that system:serviceaccount:spark:operator creates"},
	{name: "if-operator-not", path: "/annotate", condition: "request.userInfo.username.startsWith('system:serviceaccount:spark:')", result: "preserves"},
	{name: "if-stranger", path: "/strip", condition: "request.userInfo.username.startsWith('system:serviceaccount:gone:')", result: "unknown"},
	{name: "if-nobody", path: "/strip", condition: "object.metadata.?labels['spark-role'].orValue('') == 'driver'", result: "strips", where: "pods with the label spark-role=driver in namespace if-nobody"},
	{name: "if-nobody-not", path: "/annotate", condition: "object.metadata.?labels['spark-role'].orValue('') == 'driver'", result: "preserves"},
	{name: "if-secret", path: "/strip", condition: "object.metadata.?labels['spark-role'].orValue('').size() == 77", result: "unknown"},
	{name: "running", path: "/strip/when/env/spark:", result: "strips", where: "pods like those of Pod running/spark-1"},
	{name: "running-not", path: "/strip/when/env/flink:", result: "preserves"},
}

// template is a pod with a native sidecar.
func template(app string, annotations map[string]string, image string) corev1.PodTemplateSpec {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}, Annotations: annotations},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "proxy", Image: "example.com/proxy:1", RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: app, Image: image}},
		},
	}
}

// stock puts workloads into a namespace: two Deployments that differ in values and contents only, a CronJob, a
// Job, and a pod that an operator has made.
func stock(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	ctx, apps, batch, create := t.Context(), c.Client().AppsV1(), c.Client().BatchV1(), metav1.CreateOptions{}
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name, Namespace: namespace} }
	web := template("web", map[string]string{"mesh.example.com/inject": "true"}, "registry.internal/web:1")
	web.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DB_PASSWORD", Value: "vault:secret/db#password"}}
	web.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tokens", MountPath: "/tokens"}}
	web.Spec.Volumes = []corev1.Volume{{Name: "tokens", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	for _, pod := range []corev1.PodTemplateSpec{web, template("admin", map[string]string{"mesh.example.com/inject": "false"}, "example.com/admin:1")} {
		_, err := apps.Deployments(namespace).Create(ctx, &appsv1.Deployment{
			ObjectMeta: meta(pod.Labels["app"]),
			Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: pod.Labels}, Template: pod},
		}, create)
		mustBe(t, err)
	}
	job := batchv1.JobSpec{Template: template("nightly", nil, "example.com/nightly:1")}
	job.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	_, err := batch.CronJobs(namespace).Create(ctx, &batchv1.CronJob{
		ObjectMeta: meta("nightly"), Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}},
	}, create)
	mustBe(t, err)
	spark := template("spark", nil, "example.com/spark:1")
	spark.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MASTER", Value: "spark://driver"}}
	for i := range 2 {
		pod := &corev1.Pod{ObjectMeta: meta(fmt.Sprintf("spark-%d", i+1)), Spec: spark.Spec}
		pod.Labels = map[string]string{"run": pod.Name}
		_, err = c.Client().CoreV1().Pods(namespace).Create(ctx, pod, create)
		mustBe(t, err)
	}
}

func mustBe(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openShops makes all of them, and what their webhooks look at elsewhere.
func openShops(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, core, create := t.Context(), c.Client().CoreV1(), metav1.CreateOptions{}
	for _, s := range shops {
		_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.name}}, create)
		mustBe(t, err)
		_, err = core.ServiceAccounts(s.name).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, create)
		if err != nil && !strings.Contains(err.Error(), "already exists") {
			t.Fatal(err)
		}
		stock(t, c, s.name)
	}
	_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "spark"}}, create)
	mustBe(t, err)
	_, err = core.ServiceAccounts("spark").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "operator"}}, create)
	mustBe(t, err)
	_, err = c.Client().RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "spark"}, Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "spark", Name: "operator"}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
	}, create)
	mustBe(t, err)
	_, err = c.Client().RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "makes-pods"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"create"}}},
	}, create)
	mustBe(t, err)
	_, err = c.Client().RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "spark-makes-pods"}, Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "spark", Name: "operator"}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "makes-pods"},
	}, create)
	mustBe(t, err)
	server, err := c.ServeWebhooks()
	mustBe(t, err)
	for _, s := range shops {
		w := cluster.Webhook{
			Configuration: s.name, Client: server.Client(s.path), Timeout: 30 * time.Second,
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: s.name}},
		}
		if s.condition != "" {
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "if", Expression: s.condition}}
		}
		_, err := c.InstallWebhook(ctx, w)
		mustBe(t, err)
	}
}

// What webhooks may look at in a pod: the canary is the pod that a controller would make, as its controller.
func TestOwnTemplates(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	for _, version := range []string{"1.32", "1.36"} {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			openShops(t, c)
			o := collect.Options{Config: c.Config(), Timeout: 5 * time.Minute, RequestTimeout: time.Minute, MaxCanaries: 1000}
			snapshot, _ := run(t, o)
			rows := clusterchecks.ViewOf(snapshot).Webhooks()
			for _, s := range shops {
				i := slices.IndexFunc(rows, func(r clusterchecks.WebhookRow) bool { return strings.HasPrefix(r.Name, s.name+"/") })
				if i < 0 || rows[i].Result != s.result {
					t.Errorf("%s: %+v, want %s", s.name, rows[max(i, 0)], s.result)
				}
				if diff := cmp.Diff(s.where, whereLost(snapshot, s.name)); diff != "" && !strings.Contains(whereLost(snapshot, s.name), s.where) {
					t.Errorf("%s: %s", s.name, diff)
				}
			}
			verdicts(t, snapshot)
		})
	}
}

// whereLost is the message of the finding about a shop's webhook.
func whereLost(s *facts.Snapshot, shop string) string {
	for _, r := range clusterchecks.Judge(s, nil).Results {
		if r.Check.ID != "webhook-strips-restart-policy" {
			continue
		}
		for _, f := range r.Outcome.Findings {
			if strings.HasPrefix(f.Object.Name, shop+"/") {
				return f.Message
			}
		}
	}
	return ""
}

// verdicts wants a gap for what was not tried, and none for what was.
func verdicts(t *testing.T, s *facts.Snapshot) {
	t.Helper()
	var missing []string
	for _, r := range clusterchecks.Judge(s, nil).Results {
		if r.Check.ID == "webhook-strips-restart-policy" {
			if r.Status() != checks.Fail {
				t.Errorf("status %s", r.Status())
			}
			for _, g := range r.Outcome.Missing {
				missing = append(missing, g.Scope+": "+g.Reason)
			}
		}
	}
	for _, want := range []string{"if-stranger/", "if-secret/"} {
		if !slices.ContainsFunc(missing, func(m string) bool { return strings.Contains(m, want) }) {
			t.Errorf("nothing is missing about %s", want)
		}
	}
	for _, m := range missing {
		if !strings.Contains(m, "if-stranger") && !strings.Contains(m, "if-secret") {
			t.Errorf("missing: %s", m)
		}
	}
}
