package collect_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// Updates of pods: with a pod that has a native sidecar, and without one.
func TestUpdatesOnRealAPIServers(t *testing.T) {
	onAPIServers(t, func(t *testing.T, _ string, c *cluster.Cluster) {
		server, err := c.ServeWebhooks()
		check(t, err)
		openShop(t, c)
		rules := []admissionregistrationv1.RuleWithOperations{updates("", "pods")}
		scenes := []templateScene{
			{name: "no pod", rules: rules, path: "/strip", change: only, want: []string{"fail", "MutatingWebhook touch/touch.example.com: no pod with a native sidecar can be updated in namespace shop"}},
			{name: "no pod, left alone", rules: rules, path: "/annotate", change: only, want: []string{"pass"}},
			{name: "no pod, no answer", rules: rules, path: "/garbage", change: only, want: []string{"unknown", "there is no pod with a native sidecar to try one on, and it could not be called directly"}},
		}
		for _, s := range scenes {
			t.Run(s.name, func(t *testing.T) {
				snapshot, ledger := s.play(t, c, server)
				expect(t, s.want, told(t, snapshot, updateCheck))
				onlyDryRuns(t, ledger)
			})
		}
		_, err = c.Client().CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1"}, Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "proxy", Image: "proxy:1", RestartPolicy: always()}}, Containers: []corev1.Container{{Name: "web", Image: "web:1"}},
		}}, metav1.CreateOptions{})
		check(t, err)
		before := objects(t, c)
		for _, s := range []templateScene{
			{name: "a pod", rules: rules, path: "/strip", change: only, want: []string{"fail", "MutatingWebhook touch/touch.example.com: no pod with a native sidecar can be updated in namespace shop"}},
			{name: "a pod, left alone", rules: rules, path: "/annotate", change: only, want: []string{"pass"}},
			{name: "a pod, denied", rules: rules, path: "/deny", change: only, want: []string{"unknown", "a label of pod shop/web-1, set with dryRun=All, was refused"}},
			{name: "creates only", rules: []admissionregistrationv1.RuleWithOperations{creates("", "pods")}, path: "/strip", change: only, want: []string{"pass"}},
		} {
			t.Run(s.name, func(t *testing.T) {
				snapshot, ledger := s.play(t, c, server)
				expect(t, s.want, told(t, snapshot, updateCheck))
				onlyDryRuns(t, ledger)
				patched := slices.ContainsFunc(ledger.Requests(), func(r collect.Request) bool { return r.Method == "PATCH" })
				if patched == (s.name == "creates only") {
					t.Errorf("patched: %t", patched)
				}
			})
		}
		if diff := cmp.Diff(before["pods shop/web-1"], objects(t, c)["pods shop/web-1"]); diff != "" {
			t.Errorf("the pod changed: %s", diff)
		}
		// Another pod, of which only the value of an annotation is different.
		_, err = c.Client().CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-2", Annotations: map[string]string{"mode": "dry"}}, Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "proxy", Image: "proxy:1", RestartPolicy: always()}}, Containers: []corev1.Container{{Name: "web", Image: "web:1"}},
		}}, metav1.CreateOptions{})
		check(t, err)
		_, err = c.Client().CoreV1().Pods("shop").Patch(t.Context(), "web-1", types.MergePatchType, []byte(`{"metadata":{"annotations":{"mode":"wet"}}}`), metav1.PatchOptions{})
		check(t, err)
		t.Run("by the value of an annotation", func(t *testing.T) {
			s := templateScene{rules: rules, path: "/strip/when/annotation/mode=dry", change: only}
			snapshot, _ := s.play(t, c, server)
			expect(t, []string{"fail", "no pod with a native sidecar can be updated in namespace shop"}, told(t, snapshot, updateCheck))
		})
	})
}
