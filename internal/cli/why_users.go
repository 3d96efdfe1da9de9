package cli

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// joinUsers adds those of the names that make no pods, with the pods that are on them, behind them, or use them.
func (f *family) joinUsers(s *facts.Snapshot, names []collect.Name) {
	f.users = map[checks.Object]map[checks.Object]bool{}
	for _, n := range names {
		switch n.Kind() {
		case "Node":
			f.joinNode(s, n.Name)
		case "Service":
			for i := range s.Services {
				if s.Services[i].Name == n.Name {
					f.joinService(s, &s.Services[i])
				}
			}
		case "EndpointSlice":
			for i := range s.EndpointSlices {
				if s.EndpointSlices[i].Name == n.Name {
					f.joinSlice(s, &s.EndpointSlices[i])
				}
			}
		default:
			f.joinReferences(s, facts.Reference{Kind: n.Kind(), Name: n.Name})
			for i := range s.Users.Subjects {
				if u := &s.Users.Subjects[i]; u.Kind == n.Kind() && u.Name == n.Name {
					f.joinSubject(s, u)
				}
			}
		}
	}
}

// joinReferences adds a claim, a ConfigMap, a Secret or a ServiceAccount in each namespace in which a pod names it.
func (f *family) joinReferences(s *facts.Snapshot, r facts.Reference) {
	names := func(p *pod) bool {
		return slices.Contains(s.Users.Of(p), r)
	}
	for i := range s.Pods {
		o := checks.Object{Kind: r.Kind, Namespace: s.Pods[i].Namespace, Name: r.Name}
		if names(&s.Pods[i]) && f.users[o] == nil {
			f.join(s, o, func(p *pod) bool { return p.Namespace == o.Namespace && names(p) })
		}
	}
}

// joinSubject adds an object of the file that scales, selects or is used.
func (f *family) joinSubject(s *facts.Snapshot, u *facts.Subject) {
	o := checks.Object{Kind: u.Kind, Namespace: u.Namespace, Name: u.Name}
	if f.users[o] != nil {
		return // a pod names it
	}
	selector, err := metav1.LabelSelectorAsSelector(u.Selector) // of nothing, it selects nothing
	if err != nil {
		selector = labels.Nothing()
	}
	scaled := checks.Object{Kind: u.Scales.Kind, Namespace: u.Namespace, Name: u.Scales.Name}
	f.join(s, o, func(p *pod) bool {
		switch {
		case p.Namespace != u.Namespace:
			return false
		case u.Selector != nil:
			return selector.Matches(labels.Set(p.Labels))
		case u.Kind == "Endpoints":
			return slices.ContainsFunc(s.Services, func(x corev1.Service) bool {
				return x.Namespace == u.Namespace && x.Name == u.Name && chooses(&x, p)
			})
		}
		return u.Scales.Kind != "" && slices.Contains(f.line(objectOf("Pod", p)), scaled)
	})
	if u.Scales.Kind != "" {
		f.users[o][scaled] = true
	}
}

// joinSlice adds an EndpointSlice with the pods of its Service, or those that it names.
func (f *family) joinSlice(s *facts.Snapshot, slice *discoveryv1.EndpointSlice) {
	service := slice.Labels[discoveryv1.LabelServiceName]
	f.join(s, objectOf("EndpointSlice", slice), func(p *pod) bool {
		if p.Namespace != slice.Namespace {
			return false
		}
		named := slices.ContainsFunc(slice.Endpoints, func(e discoveryv1.Endpoint) bool {
			return e.TargetRef != nil && e.TargetRef.Kind == "Pod" && e.TargetRef.Name == p.Name
		})
		return named || slices.ContainsFunc(s.Services, func(x corev1.Service) bool {
			return x.Namespace == slice.Namespace && x.Name == service && chooses(&x, p)
		})
	})
}

// chooses reports whether the selector of a Service matches a pod of its namespace.
func chooses(service *corev1.Service, p *pod) bool {
	return len(service.Spec.Selector) > 0 && p.Namespace == service.Namespace &&
		labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(p.Labels))
}

func (f *family) joinNode(s *facts.Snapshot, name string) {
	on := func(p *pod) bool { return p.Spec.NodeName == name }
	known := slices.ContainsFunc(s.Nodes, func(n corev1.Node) bool { return n.Name == name })
	if known || slices.ContainsFunc(s.Pods, func(p pod) bool { return on(&p) }) {
		f.join(s, checks.Object{Kind: "Node", Name: name}, on)
	}
}

func (f *family) joinService(s *facts.Snapshot, service *corev1.Service) {
	f.join(s, objectOf("Service", service), func(p *pod) bool { return chooses(service, p) })
}

// join adds an object with its pods and those above them.
func (f *family) join(s *facts.Snapshot, o checks.Object, has func(*pod) bool) {
	f.members = append(f.members, o)
	f.users[o] = map[checks.Object]bool{}
	for i := range s.Pods {
		if has(&s.Pods[i]) {
			for _, above := range f.line(objectOf("Pod", &s.Pods[i])) {
				f.users[o][above] = true
			}
		}
	}
}
