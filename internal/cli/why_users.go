package cli

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// joinUsers adds those of the names that are nodes and Services, with the pods on or behind them.
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
		}
	}
}

func (f *family) joinNode(s *facts.Snapshot, name string) {
	on := func(p *pod) bool { return p.Spec.NodeName == name }
	known := slices.ContainsFunc(s.Nodes, func(n corev1.Node) bool { return n.Name == name })
	if known || slices.ContainsFunc(s.Pods, func(p pod) bool { return on(&p) }) {
		f.join(s, checks.Object{Kind: "Node", Name: name}, on)
	}
}

func (f *family) joinService(s *facts.Snapshot, service *corev1.Service) {
	selector := labels.SelectorFromSet(service.Spec.Selector)
	f.join(s, objectOf("Service", service), func(p *pod) bool {
		return len(service.Spec.Selector) > 0 && p.Namespace == service.Namespace && selector.Matches(labels.Set(p.Labels))
	})
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
