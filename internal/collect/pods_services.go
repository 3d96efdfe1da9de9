package collect

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// namespacesAtOnce is how many namespaces have their Services read at the same time.
const namespacesAtOnce = 8

// readServices reads who sends to those pods that look well, but of which only Services tell whether
// anything arrives. Most pods have no sidecar with a named port, and most of those no Service that
// means it: the former cost nothing here, the latter one request for their namespace.
func (r *PodReader) readServices(ctx context.Context) {
	in := map[string][]corev1.Pod{}
	r.c.mu.Lock()
	for _, p := range r.c.snapshot.Pods {
		if facts.NeedsServices(&p) {
			in[p.Namespace] = append(in[p.Namespace], p)
		}
	}
	if len(in) > 0 {
		r.c.snapshot.Seen = append(r.c.snapshot.Seen, facts.Services, facts.EndpointSlices)
	}
	r.c.mu.Unlock()
	namespaces := slices.Sorted(maps.Keys(in))
	each(namespacesAtOnce, len(namespaces), func(i int) { r.readServicesOf(ctx, namespaces[i], in[namespaces[i]]) })
}

// readServicesOf keeps the Services of a namespace that mean a sidecar's port of one of its pods by
// the name, and reads their slices.
func (r *PodReader) readServicesOf(ctx context.Context, namespace string, pods []corev1.Pod) {
	services, err := r.listServicesFor(ctx, namespace, pods)
	if err != nil {
		r.c.failed(ctx, listServices.In(namespace), facts.NamespaceInstance(namespace), err)
	}
	r.c.mu.Lock()
	r.c.snapshot.Services = append(r.c.snapshot.Services, services...)
	r.c.mu.Unlock()
	for i := range services {
		r.readSlices(ctx, &services[i])
	}
}

// readSlices reads the EndpointSlices of a Service.
func (r *PodReader) readSlices(ctx context.Context, s *corev1.Service) {
	var read []discoveryv1.EndpointSlice
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		page.LabelSelector = labels.Set{discoveryv1.LabelServiceName: s.Name}.String()
		list, err := r.c.client.DiscoveryV1().EndpointSlices(s.Namespace).List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			read = append(read, facts.TrimEndpointSlice(&list.Items[i]))
		}
		return list, nil
	}, func() { read = nil })
	if err != nil {
		r.c.failed(ctx, listSlicesOf.In(s.Namespace), facts.ServiceInstance(s.Namespace, s.Name), err)
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.EndpointSlices = append(r.c.snapshot.EndpointSlices, read...)
}
