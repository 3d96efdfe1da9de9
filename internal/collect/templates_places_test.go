package collect_test

import (
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// Namespaces that only an annotation tells apart are two classes for templates, too: for that of ours, for those of the
// cluster's own workloads, and for updates of pods.
func TestTemplatesByAnnotationsOfNamespaces(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	server, err := c.ServeWebhooks()
	check(t, err)
	for name, annotations := range map[string]map[string]string{
		"a-plain": {"mesh.example.com/inject": "disabled", "argocd.argoproj.io/tracking-id": "1"},
		"b-other": {"mesh.example.com/inject": "disabled", "argocd.argoproj.io/tracking-id": "2"},
		"meshed":  {"mesh.example.com/inject": "enabled"},
	} {
		_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: annotations, Labels: map[string]string{"team": "shop"},
		}}, metav1.CreateOptions{})
		check(t, err)
		_, err = c.Client().AppsV1().Deployments(name).Create(t.Context(), webDeployment(), metav1.CreateOptions{})
		check(t, err)
	}
	for _, s := range []templateScene{
		{
			name: "of ours", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}, path: "/strip/when/namespace/meshed", change: only,
			want: []string{"fail", "templates of Deployments in namespace meshed lose restartPolicy: Always"},
		},
		{
			name: "the cluster's own", rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}, path: "/strip/when/namespace/meshed", change: selecting(map[string]string{"tier": "front"}),
			want: []string{"fail", "templates of Deployments like that of Deployment meshed/web lose"},
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			snapshot, _ := s.play(t, c, server)
			expect(t, s.want, told(t, snapshot, templateCheck))
			for class, namespaces := range workloadNamespaces(snapshot) {
				if got := strings.Join(namespaces, " "); got != "a-plain b-other" && got != "meshed" {
					t.Errorf("%s speaks for %s", class, got)
				}
			}
		})
	}
	t.Run("updates", func(t *testing.T) {
		scene := templateScene{rules: []admissionregistrationv1.RuleWithOperations{updates("", "pods")}, path: "/strip/when/namespace/meshed", change: only}
		want := []string{"fail", "no pod with a native sidecar can be updated in namespace meshed"}
		t.Run("no pod", func(t *testing.T) {
			snapshot, _ := scene.play(t, c, server)
			expect(t, want, told(t, snapshot, updateCheck))
		})
		for _, ns := range []string{"a-plain", "meshed"} {
			_, err = c.Client().CoreV1().Pods(ns).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "proxy", Image: "proxy:1", RestartPolicy: always()}}, Containers: []corev1.Container{{Name: "web", Image: "web:1"}},
			}}, metav1.CreateOptions{})
			check(t, err)
			t.Run(ns, func(t *testing.T) {
				snapshot, _ := scene.play(t, c, server)
				expect(t, want, told(t, snapshot, updateCheck))
			})
		}
	})
}

func workloadNamespaces(s *facts.Snapshot) map[string][]string {
	out := map[string][]string{}
	for _, w := range s.Workloads {
		out[w.Class.ID] = w.Class.Namespaces
	}
	return out
}

func webDeployment() *appsv1.Deployment {
	labels := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"tier": "front"}},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}},
		}},
	}
}
