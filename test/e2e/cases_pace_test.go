package e2e

import (
	"context"
	"runtime"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// starts are the turns of situations whose pods start, on all clusters together: as many as the cores carry.
// More would only wait for each other, and the containers of one pod would start far apart.
var starts = make(chan struct{}, 3*runtime.GOMAXPROCS(0))

// turn is how long a situation may keep others from starting; of some, no container ever starts.
const turn = 20 * time.Second

// makePods does something that makes pods in the situation's namespace when it is its turn, and gives the
// turn back when the pods have started.
func (st *stage) makePods(s *situation, do func() error) error {
	select {
	case starts <- struct{}{}:
	case <-st.ctx.Done():
		return st.ctx.Err()
	}
	err := do()
	go func() {
		defer func() { <-starts }()
		if err == nil {
			ctx, cancel := context.WithTimeout(st.ctx, turn)
			defer cancel()
			st.view.settle(ctx, s.name)
		}
	}()
	return err
}

// settle returns when no pod of the namespace was about to start its first container in two looks at the
// cluster, which is time for a controller to make pods, and for the containers after the first.
func (v *view) settle(ctx context.Context, namespace string) {
	stop := context.AfterFunc(ctx, v.cond.Broadcast)
	defer stop()
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.round + 1 // the look that is under way may not have seen what was made
	for quiet := 0; quiet < 2 && ctx.Err() == nil; {
		v.cond.Wait()
		if v.round <= last {
			continue
		}
		last = v.round
		quiet++
		if pods, _ := v.namespaces[namespace]["pods"].([]any); slices.ContainsFunc(pods, aboutToStart) {
			quiet = 0
		}
	}
}

// aboutToStart reports whether a kubelet has a pod and no container of it has got anywhere.
func aboutToStart(object any) bool {
	pod := unstructured.Unstructured{Object: object.(map[string]any)}
	node, _, _ := unstructured.NestedString(pod.Object, "spec", "nodeName")
	if node == "" || pod.GetDeletionTimestamp() != nil {
		return false
	}
	return !slices.ContainsFunc(statuses(pod), func(status any) bool {
		reason, waits, _ := unstructured.NestedString(status.(map[string]any), "state", "waiting", "reason")
		return !waits || reason != "PodInitializing" && reason != "ContainerCreating"
	})
}
