package collect

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// imagesOfNodes are four fifths of a node, of no use here, and most of the work of decoding:
// items, status, images (k8s.io/api core/v1/generated.proto).
var imagesOfNodes = []protowire.Number{2, 3, 8}

// nodes reads all nodes, reduced as they come, and hands each page to found, unless that is nil. A list
// that starts over hands over nodes again.
func (c *collector) nodes(ctx context.Context, found func([]corev1.Node)) {
	if c.forbidden(ctx, listNodes, whole) {
		return
	}
	var nodes []corev1.Node
	total := 0
	err := longList(ctx, c, listRequest{resource: "nodes", unwanted: imagesOfNodes}, func(page *corev1.NodeList) {
		trimmed := make([]corev1.Node, len(page.Items))
		for i := range page.Items {
			c.addresses.note(&page.Items[i])
			trimmed[i] = facts.TrimNode(&page.Items[i])
		}
		if found != nil {
			found(trimmed)
		}
		nodes = append(nodes, trimmed...)
		total = len(nodes) + remaining(page)
		c.step("nodes", len(nodes), total)
	}, func() { nodes = nil })
	c.mu.Lock()
	c.snapshot.Nodes = nodes
	c.mu.Unlock()
	if err != nil {
		c.failed(ctx, listNodes, whole, cutShort(err, len(nodes), total))
	}
}

// cutShort says how far a list was read.
func cutShort(err error, read, total int) error {
	if read == 0 {
		return err
	}
	return fmt.Errorf("only %d of %d were read: %w", read, total, err)
}

// namespaces reads all namespaces.
func (c *collector) namespaces(ctx context.Context) {
	if c.forbidden(ctx, listNamespaces, whole) {
		return
	}
	var namespaces, places []corev1.Namespace
	err := longList(ctx, c, listRequest{resource: "namespaces", limit: smallPage}, func(page *corev1.NamespaceList) {
		for i := range page.Items {
			namespaces = append(namespaces, facts.TrimNamespace(&page.Items[i]))
			places = append(places, admission.TrimNamespace(&page.Items[i]))
		}
	}, func() { namespaces, places = nil, nil })
	c.mu.Lock()
	c.snapshot.Namespaces, c.places = namespaces, places
	c.mu.Unlock()
	if err != nil {
		c.failed(ctx, listNamespaces, whole, err)
	}
}

// webhooks reads all mutating webhook configurations, in the order in which they are called.
func (c *collector) webhooks(ctx context.Context) {
	if c.forbidden(ctx, listWebhooks, whole) {
		return
	}
	var configs []admissionregistrationv1.MutatingWebhookConfiguration
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			configs = append(configs, facts.TrimWebhooks(&list.Items[i]))
		}
		return list, nil
	}, func() { configs = nil })
	c.mu.Lock()
	c.snapshot.MutatingWebhooks = configs
	c.mu.Unlock()
	if err != nil {
		// Some of the configurations are as good as none: the order and the classes need all.
		c.failed(ctx, listWebhooks, whole, err)
	}
}

// mutatingPolicies reads the policies that may change pods, and their bindings.
func (c *collector) mutatingPolicies(ctx context.Context) {
	policies, bindings, ok := readPolicies[admissionregistrationv1.MutatingAdmissionPolicy, admissionregistrationv1.MutatingAdmissionPolicyBinding](
		ctx, c, readDiscovery, listPolicies, listBindings)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policies, c.bindings = policies, bindings
	c.snapshot.MutatingPolicies = facts.MutatingPoliciesOf(policies, bindings)
}

// readPolicies reads policies and bindings of one kind in the newest version that is served, with the rights for that. A
// cluster that serves none has none. ok is false where there is nothing to keep, and a gap then says so if that is unread.
func readPolicies[P, B any](ctx context.Context, c *collector, discover, listPolicies, listBindings Rule) (policies []P, bindings []B, ok bool) {
	version, err := c.policyVersion(ctx, listPolicies.Resources[0])
	if err != nil {
		c.failed(ctx, discover, whole, err)
	}
	if err != nil || version == "" {
		return nil, nil, false
	}
	noPolicies, noBindings := c.forbidden(ctx, listPolicies, whole), c.forbidden(ctx, listBindings, whole)
	if noPolicies || noBindings {
		return nil, nil, false
	}
	if policies, err = readAll[P](ctx, c, version, listPolicies.Resources[0]); err != nil {
		c.failed(ctx, listPolicies, whole, err)
		return nil, nil, false
	}
	if bindings, err = readAll[B](ctx, c, version, listBindings.Resources[0]); err != nil {
		c.failed(ctx, listBindings, whole, err)
		return nil, nil, false
	}
	return policies, bindings, true
}

// admissionVersions are those of the admission group, the newest first.
var admissionVersions = [...]string{"v1", "v1beta1", "v1alpha1"}

// served is what an API server says that it serves of a version, read once.
type served struct {
	once  sync.Once
	names []string
	err   error
}

// policyVersion is the newest version in which a resource of the admission group is served; "" is none.
func (c *collector) policyVersion(ctx context.Context, resource string) (string, error) {
	for i, version := range admissionVersions {
		s := &c.served[i]
		s.once.Do(func() { s.names, s.err = c.admissionResources(ctx, version) })
		if s.err != nil {
			return "", s.err
		}
		if slices.Contains(s.names, resource) {
			return version, nil
		}
	}
	return "", nil
}

// admissionResources are those of the admission group in a version; none where that is not served.
func (c *collector) admissionResources(ctx context.Context, version string) ([]string, error) {
	var resources metav1.APIResourceList
	ctx, cancel := c.reading(ctx)
	defer cancel()
	err := c.readJSON(ctx, "/apis/"+admissionGroup+"/"+version, &resources)
	if a, ok := answered(err); ok && a.Code == http.StatusNotFound {
		return nil, nil
	}
	var out []string
	for _, r := range resources.APIResources {
		out = append(out, r.Name)
	}
	return out, err
}

// readAll lists a resource of the admission group in whatever version is served: what is read here
// is the same in all of them.
func readAll[T any](ctx context.Context, c *collector, version, resource string) ([]T, error) {
	var out []T
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		query := url.Values{"limit": {fmt.Sprint(opts.Limit)}}
		if opts.Continue != "" {
			query.Set("continue", opts.Continue)
		}
		var page struct {
			metav1.ListMeta `json:"metadata"`
			Items           []T `json:"items"`
		}
		if err := c.readJSON(ctx, "/apis/"+admissionGroup+"/"+version+"/"+resource+"?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		out = append(out, page.Items...)
		return &page.ListMeta, nil
	}, func() { out = nil })
	return out, err
}
