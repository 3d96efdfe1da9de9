package collect_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

const (
	templateCheck = "template-strips-restart-policy"
	fieldsCheck   = "webhook-strips-newer-fields"
	updateCheck   = "webhook-breaks-pod-updates"
)

// creates is a rule for the creation of resources, updates one for their update.
func creates(group string, resources ...string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: resources},
	}
}

func updates(group string, resources ...string) admissionregistrationv1.RuleWithOperations {
	r := creates(group, resources...)
	r.Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Update}
	return r
}

// told is what one check says, and what it misses.
func told(t *testing.T, snapshot *facts.Snapshot, id string) []string {
	t.Helper()
	for _, r := range clusterchecks.Judge(snapshot, nil).Results {
		if r.Check.ID != id {
			continue
		}
		out := []string{string(r.Status())}
		for _, f := range r.Outcome.Findings {
			out = append(out, fmt.Sprintf("%s %s: %s", f.Object.Kind, f.Object.Name, f.Message))
		}
		for _, g := range r.Outcome.Missing {
			out = append(out, "missing "+g.Scope+": "+g.Reason)
		}
		return out
	}
	t.Fatalf("no check %s", id)
	return nil
}

// onAPIServers runs a test on real API servers of several versions.
func onAPIServers(t *testing.T, test func(t *testing.T, version string, c *cluster.Cluster)) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	for _, version := range []string{"1.32", "1.36", "1.37"} {
		t.Run(version, func(t *testing.T) {
			test(t, version, cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}}))
		})
	}
}

// openShop makes a namespace with workloads of its own; none of them runs.
func openShop(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, labels := t.Context(), map[string]string{"app": "web"}
	_, err := c.Client().CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}}, metav1.CreateOptions{})
	check(t, err)
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "proxy", Image: "proxy:1", RestartPolicy: always()}},
			Containers:     []corev1.Container{{Name: "web", Image: "web:1", Env: []corev1.EnvVar{{Name: "TOKEN", Value: "secret"}}}},
		},
	}
	_, err = c.Client().AppsV1().Deployments("shop").Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"tier": "front"}},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}, metav1.CreateOptions{})
	check(t, err)
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	_, err = c.Client().BatchV1().CronJobs("shop").Create(ctx, &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Name: "nightly"},
		Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", JobTemplate: batchv1.JobTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"run": "nightly"}}, Spec: batchv1.JobSpec{Template: template},
		}},
	}, metav1.CreateOptions{})
	check(t, err)
}

func always() *corev1.ContainerRestartPolicy {
	p := corev1.ContainerRestartPolicyAlways
	return &p
}

// A templateScene is what a webhook does to what it sees, and what is told of it.
type templateScene struct {
	name   string
	rules  []admissionregistrationv1.RuleWithOperations
	path   string
	change func(*cluster.Webhook)
	want   []string // of each line, a part
	fields []string // the same of webhook-strips-newer-fields, where it is looked at
}

// only keeps a webhook to the namespace shop.
func only(w *cluster.Webhook) {
	w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop"}}
}

func selecting(labels map[string]string) func(*cluster.Webhook) {
	return func(w *cluster.Webhook) { w.ObjectSelector = &metav1.LabelSelector{MatchLabels: labels} }
}

var templateScenes = []templateScene{
	{
		name: "apps", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments", "statefulsets", "daemonsets")}, path: "/strip", change: only,
		want: []string{"fail", "MutatingWebhook touch/touch.example.com: templates of DaemonSets, Deployments and StatefulSets in namespace shop lose restartPolicy: Always"},
	},
	{
		name: "batch", rules: []admissionregistrationv1.RuleWithOperations{creates("batch", "jobs", "cronjobs")}, path: "/strip",
		want: []string{"fail", "MutatingWebhook touch/touch.example.com: templates of CronJobs and Jobs in 5 namespaces"},
	},
	{
		name: "replica sets", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "replicasets")}, path: "/strip", change: only,
		want: []string{"fail", "templates of ReplicaSets in namespace shop"},
	},
	{
		name: "everything", rules: []admissionregistrationv1.RuleWithOperations{creates("*", "deployments", "replicasets", "jobs")}, path: "/strip",
		want: []string{"fail", "templates of Deployments, Jobs and ReplicaSets in 5 namespaces"},
	},
	{
		name: "core", rules: []admissionregistrationv1.RuleWithOperations{creates("", "replicationcontrollers", "podtemplates")}, path: "/strip", change: only,
		want: []string{"fail", "templates of PodTemplates and ReplicationControllers in namespace shop"},
	},
	{
		name: "removes", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "*")}, path: "/remove", change: only,
		want: []string{"fail", "templates of DaemonSets, Deployments, ReplicaSets and StatefulSets in namespace shop lose their native sidecars"},
	},
	{
		name: "moves", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}, path: "/move", change: only,
		want: []string{"fail", "templates of Deployments in namespace shop lose restartPolicy", "templates of Deployments in namespace shop come back with restartPolicy on another"},
	},
	{
		name: "of its own labels", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}, path: "/strip", change: selecting(map[string]string{"tier": "front"}),
		want: []string{"fail", "templates of Deployments like that of Deployment shop/web lose"},
	},
	{
		name: "of other labels", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}, path: "/strip", change: selecting(map[string]string{"tier": "back"}),
		want: []string{"unknown", "touch/touch.example.com is called for Deployments with what its selectors or match conditions ask for, and no template that was tried has that"},
	},
	{
		name: "for no namespace", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}, path: "/strip", change: func(w *cluster.Webhook) {
			w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "nobody"}}
		},
		want: []string{"pass"},
	},
	{
		name: "by a condition that no template meets", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "*")}, path: "/strip", change: func(w *cluster.Webhook) {
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "many", Expression: `has(object.spec.replicas) && object.spec.replicas > 10`}}
		},
		want: []string{"unknown", "touch/touch.example.com is called for Deployments, ReplicaSets, StatefulSets, DaemonSets with what its"},
	},
	{
		name: "replica sets of a deployment", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "replicasets")}, path: "/strip", change: func(w *cluster.Webhook) {
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "owned", Expression: `has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o, o.kind == "Deployment")`}}
		},
		want: []string{"fail", "templates of ReplicaSets like that of Deployment shop/web lose"},
	},
	{
		name: "jobs of a cron job", rules: []admissionregistrationv1.RuleWithOperations{creates("batch", "jobs")}, path: "/strip", change: selecting(map[string]string{"run": "nightly"}),
		want: []string{"fail", "templates of Jobs like that of CronJob shop/nightly lose"},
	},
	{
		name: "annotates", rules: []admissionregistrationv1.RuleWithOperations{creates("*", "*")}, path: "/annotate",
		want: []string{"pass"},
	},
	{
		name: "only updates of what nobody has", rules: []admissionregistrationv1.RuleWithOperations{updates("apps", "deployments")}, path: "/strip", change: selecting(map[string]string{"tier": "back"}),
		want: []string{"pass"},
	},
	{
		name: "denies", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "daemonsets")}, path: "/deny", change: only,
		want: []string{"unknown", "missing workload/workload-1 (DaemonSet in namespace shop): a DaemonSet with a native sidecar, created with dryRun=All, was refused"},
	},
	{
		name: "nothing in a dry run", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "daemonsets")}, path: "/allow", change: func(w *cluster.Webhook) {
			only(w)
			w.SideEffects = admissionregistrationv1.SideEffectClassNoneOnDryRun
		},
		want: []string{"unknown", "its sideEffects are NoneOnDryRun"},
	},
	{
		name: "fails open, answers", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "daemonsets")}, path: "/annotate", change: func(w *cluster.Webhook) {
			only(w)
			w.FailurePolicy = admissionregistrationv1.Ignore
		},
		want: []string{"pass"},
	},
	{
		name: "fails open, does not answer", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "daemonsets")}, path: "/error", change: func(w *cluster.Webhook) {
			only(w)
			w.FailurePolicy = admissionregistrationv1.Ignore
		},
		want: []string{"unknown", "its failurePolicy is Ignore, and when it was called directly it gave no answer"},
	},
	{
		name: "all there is", rules: []admissionregistrationv1.RuleWithOperations{creates("*", "*")}, path: "/strip", change: only,
		want: []string{"fail", "templates of CronJobs, DaemonSets, Deployments, Jobs, PodTemplates, ReplicaSets, ReplicationControllers and StatefulSets in namespace shop lose"},
	},
	{
		name: "newer fields", rules: []admissionregistrationv1.RuleWithOperations{creates("*", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "replicationcontrollers", "podtemplates")}, path: "/app-armor", change: only,
		want:   []string{"pass"},
		fields: []string{"fail", "MutatingWebhook touch/touch.example.com: templates of CronJobs, DaemonSets, Deployments, Jobs, PodTemplates, ReplicaSets, ReplicationControllers and StatefulSets in namespace shop lose 1 newer field"},
	},
	{
		name: "newer fields, left alone", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "*"), creates("batch", "*")}, path: "/annotate", change: only,
		want: []string{"pass"}, fields: []string{"pass"},
	},
	{
		name: "newer fields, denied", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "daemonsets")}, path: "/deny", change: only,
		want:   []string{"unknown", "missing workload/workload-1 (DaemonSet in namespace shop): a DaemonSet with a native sidecar, created with dryRun=All, was refused"},
		fields: []string{"unknown", "missing workload/workload-1 (DaemonSet in namespace shop): a DaemonSet with a native sidecar, created with dryRun=All, was refused"},
	},
	{
		name: "pods only", rules: []admissionregistrationv1.RuleWithOperations{creates("", "pods")}, path: "/strip", change: only,
		want: []string{"pass"},
	},
}

// play installs the webhook of a scene, takes a snapshot and removes it.
func (s templateScene) play(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer) (*facts.Snapshot, *collect.Ledger) {
	t.Helper()
	w := cluster.Webhook{Configuration: "touch", Client: server.Client(s.path), Rules: s.rules}
	if s.change != nil {
		s.change(&w)
	}
	if _, err := c.InstallWebhook(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.RemoveWebhook(context.WithoutCancel(t.Context()), "touch"); err != nil {
			t.Error(err)
		}
	})
	return run(t, collect.Options{Config: c.Config(), Timeout: 3 * time.Minute, RequestTimeout: time.Minute})
}

// expect compares lines by parts of them.
func expect(t *testing.T, want, got []string) {
	t.Helper()
	if len(want) != len(got) {
		t.Fatalf("want %q\ngot  %s", want, strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("want %q\ngot  %s", want[i], got[i])
		}
	}
}

// Webhooks on what pods are made of, on a real API server: what strips a template is named, what leaves it alone is not,
// and what was not tried is unknown.
func TestTemplatesOnRealAPIServers(t *testing.T) {
	onAPIServers(t, func(t *testing.T, _ string, c *cluster.Cluster) {
		server, err := c.ServeWebhooks()
		check(t, err)
		openShop(t, c)
		before := objects(t, c)
		for _, s := range templateScenes {
			t.Run(s.name, func(t *testing.T) {
				snapshot, ledger := s.play(t, c, server)
				expect(t, s.want, told(t, snapshot, templateCheck))
				if s.fields != nil {
					expect(t, s.fields, told(t, snapshot, fieldsCheck))
				}
				if s.name == "all there is" { // a PodTemplate, which loses it as well, does not make the API server the cause
					expect(t, []string{"fail", "MutatingWebhook touch/touch.example.com: native sidecars lose restartPolicy: Always in namespace shop"}, told(t, snapshot, "webhook-strips-restart-policy")[:2])
				}
				onlyDryRuns(t, ledger)
				if text := fmt.Sprintf("%+v", snapshot.Workloads); strings.Contains(text, "secret") {
					t.Error("the snapshot holds the environment of a container")
				}
			})
		}
		t.Run("without the right", func(t *testing.T) { withoutTheRight(t, c, server) })
		t.Run("custom resources", func(t *testing.T) { customTemplates(t, c, server) })
		after := objects(t, c)
		for key := range after {
			if _, ok := before[key]; !ok && strings.Contains(key, "kubectl-sidecar-canary") {
				t.Errorf("%s is left behind", key)
			}
		}
	})
}

// onlyDryRuns wants no write but access reviews, dry runs and reviews.
func onlyDryRuns(t *testing.T, ledger *collect.Ledger) {
	t.Helper()
	for _, r := range ledger.Requests() {
		if r.Method != "GET" && !strings.Contains(r.URL, "selfsubjectaccessreviews") && !strings.Contains(r.URL, "dryRun=All") && strings.HasPrefix(r.URL, "/api") {
			t.Errorf("unexpected request %s %s", r.Method, r.URL)
		}
	}
}

// withoutTheRight runs as somebody who may create pods, and no workloads.
func withoutTheRight(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer) {
	const user = "podmaker"
	ctx, client := t.Context(), c.Client().RbacV1()
	var rules []rbacv1.PolicyRule
	for _, r := range collect.Rules(nil) {
		if r.Resources == nil || r.Verbs[0] != "create" || r.Resources[0] != "daemonsets" {
			rules = append(rules, r.PolicyRule)
		}
	}
	_, err := client.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules}, metav1.CreateOptions{})
	check(t, err)
	_, err = client.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
	}, metav1.CreateOptions{})
	check(t, err)
	config, err := c.UserConfig(user)
	check(t, err)
	for path, want := range map[string]string{"/strip": "daemonsets", "/annotate": "daemonsets"} {
		t.Run(path, func(t *testing.T) {
			s := templateScene{rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "daemonsets")}, path: path, change: only}
			s.play(t, c, server)
			snapshot := eventually(t, config, func(s *facts.Snapshot) bool { return len(s.Canaries) > 0 && len(s.GapsOf(facts.Nodes, "")) == 0 })
			expect(t, []string{"unknown", "missing workload/workload-1 (DaemonSet in namespace shop): you are not allowed to create " + want + ".apps in namespace shop"}, told(t, snapshot, templateCheck))
		})
	}
}
