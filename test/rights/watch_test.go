package rights

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestWatchRights: with the role that `rbac --for why --watch` prints nothing of a watch is refused; each of the two
// rights to watch is needed, and what is missing without it is named.
func TestWatchRights(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, Audit: auditv1.LevelMetadata})
	w := &world{Cluster: c}
	check(t, c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}))
	_, err := c.Client().CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "waits"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "registry.example/app:1"}}},
	}, metav1.CreateOptions{})
	check(t, err)
	role, _ := printed(t, "why", "", "--watch")
	ask := func(name string, rules []rbacv1.PolicyRule) plugin.Ran {
		return plugin.Run(t, w.user(t, name, rules), "why", "waits", "-n", "shop", "--watch", "--timeout", "5s", "--show-requests")
	}
	r := ask("watcher", role)
	if refused := w.refusals(t, "watcher"); r.Exit != report.ExitUnknown || len(refused) > 0 || strings.Count(r.Stderr, "watch=true") != 2 ||
		!strings.Contains(r.Stdout, "stopped watching after 5s") {
		t.Errorf("exit %d, refused %q\n%s%s", r.Exit, refused, r.Stdout, r.Stderr)
	}
	for _, resource := range []string{"pods", "events"} {
		rest := slices.DeleteFunc(slices.Clone(role), right{Verb: "watch", Resource: resource}.fits)
		if len(rest) != len(role)-1 {
			t.Fatalf("%d rules to watch %s", len(role)-len(rest), resource)
		}
		r := ask("watcher-without-"+resource, rest)
		if told := strings.Join(strings.Fields(r.Stdout), " "); r.Exit != report.ExitUnknown || !strings.Contains(told, resource+" were not watched:") ||
			!strings.Contains(told, "allow watch on "+resource+": kubectl sidecar rbac --for why --watch") {
			t.Errorf("without watch on %s: exit %d\n%s%s", resource, r.Exit, r.Stdout, r.Stderr)
		}
	}
}
