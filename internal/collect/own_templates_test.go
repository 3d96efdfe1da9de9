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
	{name: "if-one", path: "/strip", condition: "object.spec.?initContainers.orValue([]).size() == 1", result: "strips", where: "pods like those of CronJob if-one/nightly"},
	{name: "if-one-not", path: "/annotate", condition: "object.spec.?initContainers.orValue([]).size() == 1", result: "preserves"},
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
	onAPIServers(t, func(t *testing.T, _ string, c *cluster.Cluster) {
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

// whereLost is the message of the finding about a shop's webhook, or about a policy.
func whereLost(s *facts.Snapshot, shop string) string {
	for _, r := range clusterchecks.Judge(s, nil).Results {
		if r.Check.ID != "webhook-strips-restart-policy" {
			continue
		}
		for _, f := range r.Outcome.Findings {
			if strings.HasPrefix(f.Object.Name+"/", shop+"/") {
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
	for _, want := range []string{"if-stranger/if-stranger.example.com: matchConditions: they ask who creates the pod (system:serviceaccount:gone:)", "if-secret/"} {
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

// Two namespaces that only an annotation tells apart are two classes: what is lost in one is claimed for that one.
// What only bookkeeping tells apart is one.
func TestNamespaceAnnotations(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	for name, annotations := range map[string]map[string]string{
		"meshed": {"mesh.example.com/inject": "enabled"}, "unmeshed": {"mesh.example.com/inject": "disabled"},
		"noted-1": {"argocd.argoproj.io/tracking-id": "1"}, "noted-2": {"argocd.argoproj.io/tracking-id": "2"},
	} {
		_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: annotations, Labels: map[string]string{"mesh": "yes"},
		}}, metav1.CreateOptions{})
		mustBe(t, err)
	}
	server, err := c.ServeWebhooks()
	mustBe(t, err)
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{ // it looks at the namespace
		Configuration: "mesh", Client: server.Client("/strip/when/namespace/meshed"),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"mesh": "yes"}},
	})
	mustBe(t, err)
	snapshot, _ := run(t, options(c.Config()))
	if got, want := whereLost(snapshot, "mesh"), "in namespace meshed and"; !strings.Contains(got, want) || strings.Contains(got, "unmeshed") {
		t.Errorf("%q, want %q", got, want)
	}
	var classes []string
	for _, class := range snapshot.Classes {
		if len(class.Webhooks) > 0 {
			classes = append(classes, strings.Join(class.Namespaces, " ")+": "+strings.Join(class.Annotations, " "))
		}
	}
	if diff := cmp.Diff([]string{"noted-1 noted-2: ", "meshed: mesh.example.com/inject", "unmeshed: mesh.example.com/inject"}, classes); diff != "" {
		t.Errorf("classes: (-want +got)\n%s", diff)
	}
}

// A policy that acts on the pods of ReplicaSets; who is not allowed to act as a controller; and more shapes than
// canaries.
func TestOwnTemplatesOfPolicies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, metav1.CreateOptions{})
	mustBe(t, err)
	stock(t, c, "shop")
	stripsOwned(t, c, "tidy-replicasets", "ReplicaSet", "shop")
	stripsOwned(t, c, "tidy-sparks", "Spark", "shop")
	server, err := c.ServeWebhooks()
	mustBe(t, err)
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{Configuration: "labeler", Client: server.Client("/annotate")})
	mustBe(t, err)

	t.Run("administrator", func(t *testing.T) {
		snapshot := eventually(t, c.Config(), func(s *facts.Snapshot) bool { return strings.Contains(whereLost(s, "tidy-replicasets"), "Deployment") })
		if got := whereLost(snapshot, "tidy-replicasets"); !strings.Contains(got, "pods like those of Deployment shop/admin") || strings.Contains(got, "CronJob") {
			t.Errorf("%q", got)
		}
		if got := whereLost(snapshot, "tidy-sparks"); got != "" {
			t.Errorf("the control: %q", got)
		}
	})
	t.Run("nobody's stand-in", func(t *testing.T) {
		_, err := c.Client().RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "ordinary"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "create"}},
		}}, metav1.CreateOptions{})
		mustBe(t, err)
		_, err = c.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "ordinary"}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "ordinary"}},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "ordinary"},
		}, metav1.CreateOptions{})
		mustBe(t, err)
		config, err := c.UserConfig("ordinary")
		mustBe(t, err)
		s := eventually(t, config, func(s *facts.Snapshot) bool { return len(s.Canaries) > 0 })
		if gaps := gapsAbout(s, facts.Instance{Part: facts.PartCreators}); len(gaps) != 1 || !strings.Contains(gaps[0].Remedy, "impersonate") {
			t.Errorf("gaps: %+v", s.GapsOf(facts.Canaries, "*"))
		}
		for _, class := range s.Classes {
			if class.User != "" {
				t.Errorf("%s was tried as %s", class.ID, class.User)
			}
		}
	})
	t.Run("by the caller's own choice", func(t *testing.T) {
		o := options(c.Config())
		o.NoImpersonation = true
		s, _ := run(t, o)
		if len(gapsAbout(s, facts.Instance{Part: facts.PartCreators})) > 0 || !slices.ContainsFunc(s.Limits, func(l string) bool { return strings.Contains(l, "not as the controllers") }) {
			t.Errorf("limits %q, gaps %+v", s.Limits, s.GapsOf(facts.Canaries, "*"))
		}
	})
	t.Run("too many", func(t *testing.T) {
		o := options(c.Config())
		o.MaxCanaries = 3
		s, ledger := run(t, o)
		sent := 0
		for _, r := range ledger.Requests() {
			if strings.Contains(r.URL, "/pods?dryRun=All") {
				sent++
			}
		}
		var untried []string
		for _, g := range s.GapsOf(facts.Canaries, "*") {
			if strings.Contains(g.Reason, "it was not tried: 3 of ") && strings.Contains(g.Remedy, "--max-canaries ") {
				untried = append(untried, g.Instance.Name)
			}
		}
		if sent < 3 || len(untried) < 2 || !slices.ContainsFunc(untried, func(n string) bool { return strings.Contains(n, " shop/") }) {
			t.Errorf("%d sent, not tried: %q", sent, untried)
		}
	})
}

func gapsAbout(s *facts.Snapshot, about facts.Instance) []facts.Gap {
	return slices.DeleteFunc(s.GapsOf(facts.Canaries, "*"), func(g facts.Gap) bool { return g.Instance != about })
}

// stripsOwned is a policy that strips the field from pods that something of a kind owns.
func stripsOwned(t *testing.T, c *cluster.Cluster, name, kind, namespace string) {
	t.Helper()
	fail := admissionregistrationv1.Fail
	_, err := c.Client().AdmissionregistrationV1().MutatingAdmissionPolicies().Create(t.Context(), &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			FailurePolicy: &fail, ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			MatchConditions: []admissionregistrationv1.MatchCondition{{
				Name: "owned", Expression: fmt.Sprintf("object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == %q)", kind),
			}},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: `[0, 1, 2, 3].filter(i, i < size(object.spec.?initContainers.orValue([])) &&
					has(object.spec.initContainers[i].restartPolicy)).map(i, JSONPatch{op: "remove", path: "/spec/initContainers/" + string(i) + "/restartPolicy"})`},
			}},
		},
	}, metav1.CreateOptions{})
	mustBe(t, err)
	_, err = c.Client().AdmissionregistrationV1().MutatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
	}, metav1.CreateOptions{})
	mustBe(t, err)
}
