package collect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

type rules = []admissionregistrationv1.RuleWithOperations

var templateUpdates = []templateScene{
	{
		name: "left alone", rules: rules{updates("apps", "deployments")}, path: "/annotate", change: only,
		want: []string{"pass"},
	},
	{
		name: "stripped", rules: rules{updates("apps", "deployments")}, path: "/strip", change: only,
		want: []string{"fail", "MutatingWebhook touch/touch.example.com: on every update, templates of Deployments like that of Deployment shop/web lose restartPolicy: Always"},
	},
	{
		name: "removed", rules: rules{updates("batch", "cronjobs")}, path: "/remove", change: only,
		want: []string{"fail", "on every update, templates of CronJobs like that of CronJob shop/nightly lose their native sidecars"},
	},
	{
		name: "by its labels", rules: rules{updates("apps", "deployments")}, path: "/strip", change: selecting(map[string]string{"tier": "front"}),
		want: []string{"fail", "on every update, templates of Deployments like that of Deployment shop/web lose"},
	},
	{
		name: "by a condition", rules: rules{creates("apps", "deployments"), updates("apps", "deployments")}, path: "/strip", change: func(w *cluster.Webhook) {
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "update", Expression: `request.operation == "UPDATE" && object.metadata.?labels["tier"].orValue("") == "front"`}}
		},
		want: []string{"fail", "on every update, templates of Deployments like that of Deployment shop/web lose"},
	},
	{
		name: "by its code", rules: rules{creates("apps", "*"), updates("apps", "*")}, path: "/strip/when/operation/UPDATE", change: only,
		want: []string{"fail", "on every update, templates of Deployments and ReplicaSets like that of Deployment shop/web, ReplicaSet shop/web-1 lose"},
	},
	{
		name: "both", rules: rules{creates("apps", "deployments"), updates("apps", "deployments")}, path: "/strip", change: only,
		want: []string{"fail", "MutatingWebhook touch/touch.example.com: templates of Deployments in namespace shop lose"},
	},
	{
		name: "replica sets that belong to a deployment", rules: rules{updates("apps", "replicasets")}, path: "/strip", change: only,
		want: []string{"fail", "on every update, templates of ReplicaSets like that of ReplicaSet shop/web-1 lose"},
	},
	{
		name: "immutable", rules: rules{updates("batch", "jobs")}, path: "/strip", change: only,
		want: []string{"fail", "MutatingWebhook touch/touch.example.com: templates of Jobs like that of Job shop/import lose restartPolicy: Always of their native sidecars on every update, which the API server therefore rejects"},
	},
	{
		name: "immutable, left alone", rules: rules{updates("batch", "jobs")}, path: "/annotate", change: only,
		want: []string{"unknown", "a label of Job shop/import, set with dryRun=All, was refused"}, // it annotates the template
	},
	{
		name: "denied", rules: rules{updates("apps", "deployments")}, path: "/deny", change: only,
		want: []string{"unknown", "a label of Deployment shop/web, set with dryRun=All, was refused: admission webhook"},
	},
	{
		name: "nothing to lose, stripped", rules: rules{updates("apps", "daemonsets")}, path: "/strip", change: only,
		want: []string{"fail", "MutatingWebhook touch/touch.example.com: on every update, templates of DaemonSets in namespace shop lose restartPolicy: Always"},
	},
	{
		name: "nothing to lose, left alone", rules: rules{updates("apps", "daemonsets")}, path: "/annotate", change: only,
		want: []string{"pass"},
	},
	{
		name: "nothing to lose, no answer", rules: rules{updates("apps", "daemonsets")}, path: "/garbage", change: only,
		want: []string{"unknown", "touch/touch.example.com sees updates of DaemonSets; none there has a native sidecar to try one on, and it could not be called directly", "none there has a native sidecar"},
	},
	{
		name: "fails open, does not answer", rules: rules{updates("apps", "deployments")}, path: "/error", change: func(w *cluster.Webhook) {
			only(w)
			w.FailurePolicy = admissionregistrationv1.Ignore
		},
		want: []string{"unknown", "its failurePolicy is Ignore, and when it was called directly it gave no answer"},
	},
	{
		name: "nothing in a dry run", rules: rules{updates("apps", "deployments")}, path: "/allow", change: func(w *cluster.Webhook) {
			only(w)
			w.SideEffects = admissionregistrationv1.SideEffectClassNoneOnDryRun
		},
		want: []string{"unknown", "its sideEffects are NoneOnDryRun"},
	},
	{
		name: "newer fields", rules: rules{updates("", "replicationcontrollers")}, path: "/app-armor", change: only,
		want: []string{"pass"}, fields: []string{"fail", "MutatingWebhook touch/touch.example.com: on every update, templates of ReplicationControllers like that of ReplicationController shop/armored lose 1 newer field"},
	},
	{
		name: "other places", rules: rules{updates("apps", "statefulsets")}, path: "/strip", change: selecting(map[string]string{"tier": "back"}),
		want: []string{"pass"},
	},
}

// Webhooks and policies on updates of what pods are made of, on real API servers.
func TestTemplateUpdatesOnRealAPIServers(t *testing.T) {
	onAPIServers(t, func(t *testing.T, version string, c *cluster.Cluster) {
		server, err := c.ServeWebhooks()
		check(t, err)
		openShop(t, c)
		stockUpdates(t, c)
		before := objects(t, c)
		for _, s := range templateUpdates {
			t.Run(s.name, func(t *testing.T) {
				snapshot, ledger := s.play(t, c, server)
				expect(t, s.want, told(t, snapshot, templateCheck))
				onlyDryRuns(t, ledger)
				if s.fields == nil {
					s.fields = []string{"pass"}
				}
				expect(t, s.fields, told(t, snapshot, fieldsCheck))
			})
		}
		after := objects(t, c)
		for _, key := range []string{"deployments shop/web", "jobs shop/import", "replicasets shop/web-1", "cronjobs shop/nightly"} {
			if diff := cmp.Diff(before[key], after[key]); diff != "" || before[key] == "" {
				t.Errorf("%s changed: %s", key, diff)
			}
		}
		if version == "1.36" {
			// It acts on updates of StatefulSets, of which there are none.
			tidyPolicy(t, c, updates("apps", "statefulsets"), `[JSONPatch{op: "remove", path: "/spec/template/spec/initContainers"}]`)
			snapshot, _ := run(t, options(c.Config()))
			expect(t, []string{
				"unknown", "missing statefulset/workload: tidy sees only updates of statefulsets; none of them has a native sidecar to try one on, and policies cannot be called directly",
			}, told(t, snapshot, templateCheck))
		}
	})
}

// stockUpdates adds what belongs to others, what is immutable, and what has no native sidecar.
func stockUpdates(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, none := t.Context(), metav1.CreateOptions{}
	web, err := c.Client().AppsV1().Deployments("shop").Get(ctx, "web", metav1.GetOptions{})
	check(t, err)
	yes := true
	_, err = c.Client().AppsV1().ReplicaSets("shop").Create(ctx, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", Labels: map[string]string{"app": "web"}, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: web.UID, Controller: &yes,
		}}},
		Spec: appsv1.ReplicaSetSpec{Selector: web.Spec.Selector, Template: web.Spec.Template},
	}, none)
	check(t, err)
	job := web.Spec.Template
	job.Spec.RestartPolicy = corev1.RestartPolicyNever
	_, err = c.Client().BatchV1().Jobs("shop").Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "import"}, Spec: batchv1.JobSpec{Template: job}}, none)
	check(t, err)
	armored := *web.Spec.Template.DeepCopy()
	armored.Spec.SecurityContext = &corev1.PodSecurityContext{AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}}
	_, err = c.Client().CoreV1().ReplicationControllers("shop").Create(ctx, &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: "armored"}, Spec: corev1.ReplicationControllerSpec{Selector: armored.Labels, Template: &armored},
	}, none)
	check(t, err)
	plain := web.Spec.Template
	plain.Spec.InitContainers = nil
	_, err = c.Client().AppsV1().DaemonSets("shop").Create(ctx, &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"}, Spec: appsv1.DaemonSetSpec{Selector: web.Spec.Selector, Template: plain},
	}, none)
	check(t, err)
}
