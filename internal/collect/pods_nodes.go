package collect

import (
	"context"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// readNodes reads the nodes on which the pods are.
func (r *PodReader) readNodes(ctx context.Context) {
	r.mu.Lock()
	wanted := r.nodes
	r.mu.Unlock()
	if len(wanted) > fewNodes {
		r.listNodes(ctx, wanted)
		return
	}
	var wg sync.WaitGroup
	for name := range wanted {
		wg.Go(func() { r.readNode(ctx, name) })
	}
	wg.Wait()
}

// fewNodes is how many nodes are read one by one rather than with all others.
const fewNodes = 20

func (r *PodReader) readNode(ctx context.Context, name string) {
	reading, cancel := r.c.reading(ctx)
	defer cancel()
	node, err := r.c.client.CoreV1().Nodes().Get(reading, name, metav1.GetOptions{})
	if absent(err) {
		r.goneNodes(name)
		return
	}
	if err != nil {
		r.c.failed(ctx, getNode, facts.NodeInstance(name), err)
		return
	}
	r.addNode(node)
}

// goneNodes notes that nodes of pods do not exist any more.
func (r *PodReader) goneNodes(names ...string) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.GoneNodes = append(r.c.snapshot.GoneNodes, names...)
	slices.Sort(r.c.snapshot.GoneNodes)
}

func (r *PodReader) addNode(n *corev1.Node) {
	trimmed := facts.TrimNode(n)
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Nodes = append(r.c.snapshot.Nodes, trimmed)
}

func (r *PodReader) listNodes(ctx context.Context, wanted map[string]bool) {
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := r.c.client.CoreV1().Nodes().List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if wanted[list.Items[i].Name] {
				r.addNode(&list.Items[i])
			}
		}
		return list, nil
	}, func() {
		r.c.mu.Lock()
		r.c.snapshot.Nodes = nil
		r.c.mu.Unlock()
	})
	if err != nil {
		r.c.failed(ctx, listNodes, whole, err)
		return
	}
	r.c.mu.Lock()
	gone := maps.Clone(wanted)
	for i := range r.c.snapshot.Nodes {
		delete(gone, r.c.snapshot.Nodes[i].Name)
	}
	r.c.mu.Unlock()
	r.goneNodes(slices.Collect(maps.Keys(gone))...)
}
