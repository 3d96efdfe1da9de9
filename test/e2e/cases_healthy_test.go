package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// A kubelet on two cores starts some fifty pods in half a minute. The other pods of the healthy
// cluster are copies of those, with their status, on nodes that have no kubelet.
const (
	healthySets = 3
	healthyPods = 200
)

// TestHealthy asks about a whole cluster of pods of many shapes, of which none is in trouble.
func TestHealthy(t *testing.T) {
	needsKubelets(t)
	st := newStage(t, "healthy", caseClusters()["healthy"])
	var all, last []*situation
	for set := range healthySets {
		for _, s := range readSituations(t, "^silent-") {
			s.name = fmt.Sprintf("%s-%d", s.name, set)
			s.replace = strings.NewReplacer("node-132", "node-136", "node-128-on", "node-136")
			if s.Progress != "" {
				last = append(last, s) // would be gone, or called slow, before the others are there
			} else {
				all = append(all, s)
			}
		}
	}
	st.reachAll(t, all)
	st.reachAll(t, last)
	real, copies := st.copyPods(t)
	t.Logf("%d pods of kubelets and %d copies after %v", real, copies, time.Since(st.started).Round(time.Second))
	needsWhy(t)
	asked := time.Now()
	a := st.ask("-A")
	t.Logf("why -A took %v", time.Since(asked).Round(time.Millisecond))
	a.judge(t, &situation{}, "", nil)
}

func (st *stage) reachAll(t *testing.T, all []*situation) {
	t.Helper()
	errs := make(chan error)
	for _, s := range all {
		go func() { errs <- st.reach(s) }()
	}
	for range all {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// copyPods fills the cluster up with copies of its pods.
func (st *stage) copyPods(t *testing.T) (real, copies int) {
	t.Helper()
	config := rest.CopyConfig(st.cluster.Config())
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
	real, copies = len(list.Items), max(healthyPods-len(list.Items), 0)
	work, errs := make(chan int), make(chan error, copies)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range work {
				errs <- copyPod(t.Context(), client, &pods[i%len(pods)], i)
			}
		})
	}
	for i := range copies {
		work <- i
	}
	close(work)
	wait.Wait()
	for range copies {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	return real, copies
}

// copyPod makes a copy that nobody owns and no kubelet knows.
func copyPod(ctx context.Context, client kubernetes.Interface, p *corev1.Pod, i int) error {
	c := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("copy-%d", i), Namespace: p.Namespace},
		Spec:       *p.Spec.DeepCopy(),
	}
	c.Spec.NodeName, c.Spec.NodeSelector, c.Spec.Affinity = fmt.Sprintf("fake-%d", i%3), nil, nil
	made, err := client.CoreV1().Pods(p.Namespace).Create(ctx, c, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("copy pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	made.Status = *p.Status.DeepCopy()
	if _, err := client.CoreV1().Pods(p.Namespace).UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("copy pod %s/%s: %w", p.Namespace, p.Name, err)
	}
	return nil
}
