package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

var examples = flag.Bool("examples", false, "write what each caller of TestDoctorRights saw to docs/examples")

// keep writes the caller's snapshot for docs/transcripts.md, when that is asked for.
func keep(t *testing.T, kubeconfig, name string) {
	t.Helper()
	if !*examples {
		return
	}
	if r := plugin.Run(t, kubeconfig, "snapshot", "-o", "../../docs/examples/"+name+".yaml"); r.Exit != 0 {
		t.Fatalf("snapshot: exit %d\n%s", r.Exit, r.Stderr)
	}
}

// TestDoctorRights is about who may see what, and about a webhook that strips the field in one
// namespace of fifty: one cluster, four callers.
func TestDoctorRights(t *testing.T) {
	needsKubelets(t) // the fake kubelets need an address that the node proxy accepts
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}},
		// It fills the roles view and edit, which are made of others.
		ControllerManager: &cluster.Component{Version: "1.36"},
		FakeNodes:         []cluster.FakeNode{{Name: "worker-1", Version: "1.32"}},
		Audit:             auditv1.LevelMetadata,
	})
	fiftyNamespaces(t, c)
	server, err := c.StripWebhook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration: "labeler", Client: server.Client("/mutate"),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"inject": "yes"}},
	}); err != nil {
		t.Fatal(err)
	}

	t.Run("administrator", func(t *testing.T) { stripped(t, c) })
	t.Run("view", func(t *testing.T) {
		bind(t, c, "viewer", "view")
		await(t, c, "viewer", &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"})
		keep(t, as(t, c, "viewer"), "view")
		r := plugin.Run(t, as(t, c, "viewer"), "doctor", "-o", "json")
		if rep := r.Report(t); rep.Verdict != report.Unknown || r.Exit != report.ExitUnknown {
			t.Errorf("verdict %s exit %d, want unknown exit 4\n%s", rep.Verdict, r.Exit, r.Stdout)
		}
	})
	t.Run("printed rights", func(t *testing.T) {
		grant(t, c, "auditor")
		keep(t, as(t, c, "auditor"), "printed-rights")
		r := plugin.Run(t, as(t, c, "auditor"), "doctor", "-o", "json")
		for _, e := range r.Report(t).Checks {
			if len(e.Missing) > 0 || e.Status == checks.Unknown {
				t.Errorf("%s: %s, missing %+v", e.ID, e.Status, e.Missing)
			}
		}
		if r.Exit != report.ExitFindings {
			t.Errorf("exit %d, want 3", r.Exit)
		}
	})
	t.Run("not in every namespace", func(t *testing.T) { notEverywhere(t, c) })
	t.Run("read-only", func(t *testing.T) { readOnly(t, c) })
}

func fiftyNamespaces(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	for i := range 50 {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("team-%02d", i)}}
		if i == 7 {
			ns.Labels = map[string]string{"inject": "yes"}
		}
		if err := c.CreateNamespace(t.Context(), ns); err != nil {
			t.Fatal(err)
		}
	}
}

// stripped wants the one finding of the one class, naming the namespace and the webhook.
func stripped(t *testing.T, c *cluster.Cluster) {
	keep(t, c.Kubeconfig, "one-of-fifty")
	r := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json")
	rep := r.Report(t)
	if rep.Verdict != report.NotReady || r.Exit != report.ExitFindings {
		t.Errorf("verdict %s exit %d, want not-ready exit 3\n%s", rep.Verdict, r.Exit, r.Stdout)
	}
	found := find(rep, "webhook-strips-restart-policy")
	if len(found.Findings) != 1 {
		t.Fatalf("findings: %+v", found.Findings)
	}
	text := fmt.Sprintf("%+v", found.Findings[0])
	for _, want := range []string{"team-07", "labeler", "inject"} {
		if !strings.Contains(text, want) {
			t.Errorf("the finding does not name %q: %s", want, text)
		}
	}
	if strings.Contains(text, "team-08") {
		t.Errorf("the finding names a namespace that the webhook does not see: %s", text)
	}
}

// notEverywhere: a caller who may create pods everywhere but in the class that is hurt cannot know.
func notEverywhere(t *testing.T, c *cluster.Cluster) {
	grant(t, c, "restricted")
	ctx, roles := context.Background(), c.Client().RbacV1().ClusterRoles()
	role, err := roles.Get(ctx, "restricted", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Resources, "pods") && slices.Contains(r.Verbs, "create")
	})
	if _, err := roles.Update(ctx, role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	bindIn(t, c, "restricted", "edit", metav1.NamespaceDefault)
	await(t, c, "restricted", &authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Namespace: metav1.NamespaceDefault})
	keep(t, as(t, c, "restricted"), "not-everywhere")
	r := plugin.Run(t, as(t, c, "restricted"), "doctor", "-o", "json")
	rep := r.Report(t)
	entry := find(rep, "webhook-strips-restart-policy")
	if rep.Verdict == report.Ready || r.Exit == 0 || entry.Status != checks.Unknown || len(entry.Missing) == 0 {
		t.Fatalf("verdict %s exit %d, check %+v", rep.Verdict, r.Exit, entry)
	}
	gap := entry.Missing[0]
	if !strings.Contains(gap.Scope, "team-07") || !strings.Contains(gap.Remedy, "create") || !strings.Contains(gap.Remedy, "pods") {
		t.Errorf("the gap names neither the namespace nor the right: %+v", gap)
	}
}

// readOnly reads the API server's own audit log: whatever the plugin wrote was a dry run or a review.
func readOnly(t *testing.T, c *cluster.Cluster) {
	events, err := c.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, e := range events {
		if !strings.HasPrefix(e.UserAgent, "kubectl-sidecar/") {
			continue
		}
		asked++
		review := e.ObjectRef != nil && strings.HasSuffix(e.ObjectRef.Resource, "reviews") && e.ObjectRef.APIGroup == "authorization.k8s.io"
		dryRun := strings.Contains(e.RequestURI, "dryRun=All")
		proxied := e.ObjectRef != nil && e.ObjectRef.Resource == "services" && e.ObjectRef.Subresource == "proxy"
		if e.Verb != "get" && e.Verb != "list" && !review && !dryRun && !proxied {
			t.Errorf("%s %s is not read-only", e.Verb, e.RequestURI)
		}
	}
	if asked < 50 {
		t.Errorf("only %d requests of the plugin in the audit log", asked)
	}
	pods, err := c.Client().CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) > 0 {
		t.Errorf("pods left behind: %d, %v", len(pods.Items), err)
	}
}

// find returns the entry of a check.
func find(rep *report.Report, id string) report.Entry {
	i := slices.IndexFunc(rep.Checks, func(e report.Entry) bool { return e.ID == id })
	if i < 0 {
		return report.Entry{}
	}
	return rep.Checks[i]
}

// as returns a kubeconfig of the user.
func as(t *testing.T, c *cluster.Cluster, user string) string {
	t.Helper()
	path, err := c.UserKubeconfig(user)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// grant applies what `rbac` prints with kubectl, and binds it to the user of the same name.
func grant(t *testing.T, c *cluster.Cluster, name string) {
	t.Helper()
	printed := plugin.Run(t, "", "rbac", "--name", name)
	if printed.Exit != 0 {
		t.Fatalf("rbac: exit %d\n%s", printed.Exit, printed.Stderr)
	}
	file := filepath.Join(t.TempDir(), "rbac.yaml")
	if err := os.WriteFile(file, []byte(printed.Stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "-f", file)
	bind(t, c, name, name)
	await(t, c, name, &authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"})
}

func kubectl(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	path, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// await returns when the API server's authorizer knows of a right; it learns of new bindings a little later.
func await(t *testing.T, c *cluster.Cluster, user string, right *authorizationv1.ResourceAttributes) {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: right}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		answer, err := c.Client().AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status.Allowed {
			return
		}
	}
	t.Fatalf("%s may still not %s %s", user, right.Verb, right.Resource)
}

func bind(t *testing.T, c *cluster.Cluster, user, role string) {
	t.Helper()
	_, err := c.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		Subjects:   []rbacv1.Subject{{Kind: "User", Name: user}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", Name: role},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func bindIn(t *testing.T, c *cluster.Cluster, user, role, namespace string) {
	t.Helper()
	_, err := c.Client().RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		Subjects:   []rbacv1.Subject{{Kind: "User", Name: user}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", Name: role},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}
