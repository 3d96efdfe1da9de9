package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Podless is an object that was asked about, but of which no pod was read: nothing is known to be well.
type Podless struct {
	Asked
	Gap facts.Gap
}

// Podless is what was asked about without a pod being read.
func (r *PodReader) Podless() []Podless { return slices.Clone(r.podless) }

// without notes that an object has no pods, as far as was seen. why is half a sentence.
func (r *PodReader) without(a Asked, why string) {
	see := "kubectl get " + strings.ToLower(a.Kind) + " " + a.Name
	if a.Namespace != "" {
		see += " -n " + a.Namespace
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.podless = append(r.podless, Podless{a, facts.NoPodsOf(facts.Instance{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}, why,
		facts.Do("look at it, or ask about a pod:", see))})
}

// usersOf is how the pods are found that use an object, or that it chooses; nil for what makes pods.
func (r *PodReader) usersOf(n Name) func(context.Context, Name) error {
	switch n.Kind() {
	case "Node":
		return r.readOnNode
	case "ServiceAccount":
		return r.readAs
	case "PersistentVolumeClaim", "ConfigMap", "Secret":
		return r.readUsing
	case "Service", "Endpoints":
		return r.readService
	case "EndpointSlice":
		return r.readSlice
	}
	return nil
}

// readNamespace does what is done without names when a namespace is the name.
func (r *PodReader) readNamespace(ctx context.Context) (done bool, err error) {
	i := slices.IndexFunc(r.query.Names, func(n Name) bool { return n.Kind() == "Namespace" })
	switch {
	case i < 0:
		return false, nil
	case len(r.query.Names) > 1:
		return true, fmt.Errorf("a namespace is asked about alone: kubectl sidecar why -n %s", r.query.Names[i].Name)
	}
	r.query.Namespace = r.query.Names[i].Name
	r.asked = append(r.asked, Asked{Kind: "Namespace", Name: r.query.Namespace})
	return true, r.scan(ctx)
}

// namespaceExists is an error for a namespace that does not exist: nothing is wrong with none of its pods.
func (r *PodReader) namespaceExists(ctx context.Context, name string) error {
	reading, cancel := r.c.reading(ctx)
	defer cancel()
	_, err := r.c.client.CoreV1().Namespaces().Get(reading, name, metav1.GetOptions{})
	switch {
	case absent(err):
		return fmt.Errorf("namespace %s does not exist", name)
	case err != nil:
		r.c.failed(ctx, getNamespace, whole, err)
	}
	return nil
}

// choose puts the pods that a list and keep choose into the snapshot, as those of a; none is said as why.
func (r *PodReader) choose(ctx context.Context, a Asked, opts metav1.ListOptions, keep func(*corev1.Pod) bool, why string) error {
	r.mu.Lock()
	r.asked = append(r.asked, a)
	r.mu.Unlock()
	pods, err := r.listPods(ctx, a.Namespace, opts, keep)
	if err != nil {
		r.c.failed(ctx, listPods.In(a.Namespace), whole, err)
		return nil
	}
	for i := range pods {
		r.addPod(&pods[i])
	}
	if len(pods) == 0 {
		r.without(a, why)
	}
	return nil
}

// askedAs is a name as an object that was asked about.
func (r *PodReader) askedAs(n Name) Asked { return Asked{n.Kind(), r.query.Namespace, n.Name} }

// readOnNode reads the pods on a node.
func (r *PodReader) readOnNode(ctx context.Context, n Name) error {
	r.everywhere = true
	a := Asked{Kind: "Node", Name: n.Name}
	selector := fields.Set{"spec.nodeName": n.Name}
	if err := r.choose(ctx, a, metav1.ListOptions{FieldSelector: selector.String()}, nil, fmt.Sprintf("no pods are on node %s", n.Name)); err != nil {
		return err
	}
	if !slices.ContainsFunc(r.podless, func(p Podless) bool { return p.Asked == a }) {
		return nil // its pods name it, so it is read with them
	}
	reading, cancel := r.c.reading(ctx)
	defer cancel()
	node, err := r.c.client.CoreV1().Nodes().Get(reading, n.Name, metav1.GetOptions{})
	switch {
	case absent(err):
		return fmt.Errorf("node %s does not exist", n.Name)
	case err != nil:
		r.c.failed(ctx, getNode, facts.NodeInstance(n.Name), err)
	default:
		r.addNode(node)
	}
	return nil
}

// readAs reads the pods that run as a ServiceAccount.
func (r *PodReader) readAs(ctx context.Context, n Name) error {
	selector := fields.Set{"spec.serviceAccountName": n.Name}
	return r.choose(ctx, r.askedAs(n), metav1.ListOptions{FieldSelector: selector.String()}, nil,
		fmt.Sprintf("no pods of namespace %s run as ServiceAccount %s", r.query.Namespace, n.Name))
}

// readUsing reads the pods that use a claim, a ConfigMap or a Secret. That itself is not read: what is in it is
// nobody's business here.
func (r *PodReader) readUsing(ctx context.Context, n Name) error {
	kind := n.Kind()
	return r.choose(ctx, r.askedAs(n), metav1.ListOptions{}, func(p *corev1.Pod) bool { return facts.Uses(p, kind, n.Name) },
		fmt.Sprintf("no pods of namespace %s use %s %s", r.query.Namespace, kind, n.Name))
}

// readService reads the pods that a Service chooses. Endpoints are named as their Service.
func (r *PodReader) readService(ctx context.Context, n Name) error {
	return r.readBehind(ctx, n.Name, r.askedAs(n))
}

func (r *PodReader) readBehind(ctx context.Context, service string, a Asked) error {
	var found *corev1.Service
	selector := fields.Set{"metadata.name": service}
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		page.FieldSelector = selector.String()
		list, err := r.c.client.CoreV1().Services(a.Namespace).List(ctx, page)
		if err == nil && len(list.Items) > 0 {
			found = &list.Items[0]
		}
		return list, err
	}, func() { found = nil })
	switch {
	case err != nil:
		r.asked = append(r.asked, a)
		r.c.failedFor(ctx, facts.Pods, listServices.In(a.Namespace), whole, err)
		return nil
	case found == nil && a.Kind == "Service":
		return fmt.Errorf("namespace %s has no service %s", a.Namespace, service)
	case found == nil || len(found.Spec.Selector) == 0:
		why := fmt.Sprintf("Service %s/%s has no selector, and its endpoints are no pods", a.Namespace, service)
		return r.readTargets(ctx, a, fields.Everything(), labels.Set{discoveryv1.LabelServiceName: service}.AsSelector(), why)
	}
	return r.choose(ctx, a, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(found.Spec.Selector).String()}, nil,
		fmt.Sprintf("no pods of namespace %s have the labels that Service %s selects", a.Namespace, service))
}

// readSlice reads the pods of an EndpointSlice: those of its Service, else those that it names.
func (r *PodReader) readSlice(ctx context.Context, n Name) error {
	a := r.askedAs(n)
	name := fields.Set{"metadata.name": n.Name}.AsSelector()
	found, err := r.listSlices(ctx, a.Namespace, name, labels.Everything())
	switch {
	case err != nil:
		r.asked = append(r.asked, a)
		r.c.failedFor(ctx, facts.Pods, listSlicesOf.In(a.Namespace), whole, err)
		return nil
	case len(found) == 0:
		return fmt.Errorf("namespace %s has no endpointslice %s", a.Namespace, n.Name)
	}
	if service := found[0].Labels[discoveryv1.LabelServiceName]; service != "" {
		return r.readBehind(ctx, service, a)
	}
	return r.readTargets(ctx, a, name, labels.Everything(), fmt.Sprintf("the endpoints of EndpointSlice %s/%s are no pods", a.Namespace, n.Name))
}

// readTargets reads the pods that EndpointSlices name.
func (r *PodReader) readTargets(ctx context.Context, a Asked, field fields.Selector, label labels.Selector, why string) error {
	list, err := r.listSlices(ctx, a.Namespace, field, label)
	if err != nil {
		r.asked = append(r.asked, a)
		r.c.failedFor(ctx, facts.Pods, listSlicesOf.In(a.Namespace), whole, err)
		return nil
	}
	names := map[string]bool{}
	for _, slice := range list {
		for _, e := range slice.Endpoints {
			if t := e.TargetRef; t != nil && t.Kind == "Pod" && cmp.Or(t.Namespace, a.Namespace) == a.Namespace {
				names[t.Name] = true
			}
		}
	}
	if len(names) == 0 {
		r.asked = append(r.asked, a)
		r.without(a, why)
		return nil
	}
	return r.choose(ctx, a, metav1.ListOptions{}, func(p *corev1.Pod) bool { return names[p.Name] }, why)
}

func (r *PodReader) listSlices(ctx context.Context, namespace string, field fields.Selector, label labels.Selector) ([]discoveryv1.EndpointSlice, error) {
	var out []discoveryv1.EndpointSlice
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		page.FieldSelector, page.LabelSelector = field.String(), label.String()
		list, err := r.c.client.DiscoveryV1().EndpointSlices(namespace).List(ctx, page)
		if err == nil {
			out = append(out, list.Items...)
		}
		return list, err
	}, func() { out = nil })
	return out, err
}
