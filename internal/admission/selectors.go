package admission

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// selectors are the two selectors of a webhook or policy, parsed once; it is what the API
// server's matchers ask for.
type selectors struct {
	namespace, object       labels.Selector
	namespaceErr, objectErr error
	// asks are the namespace label keys that the namespace selector looks at, each with the
	// values that it compares with.
	asks []metav1.LabelSelectorRequirement
}

func newSelectors(ns, obj *metav1.LabelSelector) selectors {
	var s selectors
	s.namespace, s.namespaceErr = parse(ns)
	s.object, s.objectErr = parse(obj)
	if ns == nil {
		return s
	}
	for k, v := range ns.MatchLabels {
		s.asks = append(s.asks, metav1.LabelSelectorRequirement{Key: k, Values: []string{v}})
	}
	s.asks = append(s.asks, ns.MatchExpressions...)
	return s
}

// parse reads an absent selector as the empty one, as the API server's defaults do.
func parse(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

func (s selectors) GetParsedNamespaceSelector() (labels.Selector, error) {
	return s.namespace, s.namespaceErr
}

func (s selectors) GetParsedObjectSelector() (labels.Selector, error) { return s.object, s.objectErr }

// oneNamespace is a lister that knows one namespace: the API server's matcher wants a lister.
type oneNamespace struct{ ns *corev1.Namespace }

var _ corelisters.NamespaceLister = oneNamespace{}

func (l oneNamespace) List(labels.Selector) ([]*corev1.Namespace, error) {
	return []*corev1.Namespace{l.ns}, nil
}

func (l oneNamespace) Get(name string) (*corev1.Namespace, error) {
	if name != l.ns.Name {
		return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
	}
	return l.ns, nil
}
