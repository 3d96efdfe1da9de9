package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// soundMinor is the first minor version of API servers beside which every kube-controller-manager finds the named ports
// of native sidecars: it does from 1.33 on, and may be one minor older than the API server.
const soundMinor = 34

// unreadPods is how many pods stand for all of which it is not known whether their Services reach them.
const unreadPods = 20

// receivers are the pods that look well to a scan, but of which only Services tell whether anything arrives: one for
// each owner, whose pods are alike.
type receivers map[string]corev1.Pod

func (r receivers) note(p *corev1.Pod) {
	if !facts.NeedsServices(p) {
		return
	}
	key := p.Namespace + "/" + p.Name
	if owner := metav1.GetControllerOf(p); owner != nil {
		key = string(owner.UID)
	}
	if _, known := r[key]; !known {
		r[key] = facts.TrimPod(p)
	}
}

func (r receivers) sorted() []corev1.Pod {
	out := make([]corev1.Pod, 0, len(r))
	for _, p := range r {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// readReceivers adds to the snapshot those of the pods that a Service means to reach by the name of a sidecar's port.
// Where no pod has such a port that costs nothing; where all control planes that may be there find it, one request; else
// one more for the Services of all namespaces, in pages, and one for each such Service.
func (r *PodReader) readReceivers(ctx context.Context, all []corev1.Pod) {
	if len(all) == 0 || r.soundControlPlane(ctx) {
		return
	}
	namespace := r.namespace()
	services, err := r.listServicesFor(ctx, namespace, all)
	about := whole
	if namespace != "" {
		about = facts.NamespaceInstance(namespace)
	}
	if err != nil {
		r.c.failed(ctx, listServices.In(namespace), about, err)
	}
	r.c.mu.Lock()
	r.c.snapshot.Seen = append(r.c.snapshot.Seen, facts.Services, facts.EndpointSlices)
	r.c.snapshot.Services = append(r.c.snapshot.Services, services...)
	r.c.mu.Unlock()
	for i := range all {
		p := &all[i]
		meant := slices.ContainsFunc(services, func(s corev1.Service) bool { return len(facts.SidecarPorts(&s, p)) > 0 })
		if meant || err != nil && i < unreadPods {
			r.addPod(p)
			r.ask("Pod", p)
		}
	}
	each(namespacesAtOnce, len(services), func(i int) { r.readSlices(ctx, &services[i]) })
}

// listServicesFor are the Services that mean a sidecar's port of one of the pods by its name.
func (r *PodReader) listServicesFor(ctx context.Context, namespace string, pods []corev1.Pod) ([]corev1.Service, error) {
	byNamespace := map[string][]corev1.Pod{}
	for _, p := range pods {
		byNamespace[p.Namespace] = append(byNamespace[p.Namespace], p)
	}
	var out []corev1.Service
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := r.c.client.CoreV1().Services(namespace).List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			s := &list.Items[i]
			if slices.ContainsFunc(byNamespace[s.Namespace], func(p corev1.Pod) bool { return len(facts.SidecarPorts(s, &p)) > 0 }) {
				out = append(out, facts.TrimService(s))
			}
		}
		return list, nil
	}, func() { out = nil })
	return out, err
}

// soundControlPlane reports whether the API server is so new that no kube-controller-manager beside it is too old; false
// when its version cannot be read.
func (r *PodReader) soundControlPlane(ctx context.Context) bool {
	ctx, cancel := r.c.reading(ctx)
	defer cancel()
	raw, err := r.c.client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return false
	}
	var v version.Info
	if json.Unmarshal(raw, &v) != nil {
		return false
	}
	minor, ok := gate.MinorOf(v.GitVersion)
	return ok && minor >= soundMinor
}
