package cli

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

type pod = corev1.Pod

// narrow keeps of a file what was asked about. Without names, selector and namespace that is all of
// it: a file has no current namespace.
func (o *whyOptions) narrow(s *facts.Snapshot) (*facts.Snapshot, []checks.Object, []collect.Podless, error) {
	namespace := ""
	if o.namespaced {
		namespace = *o.cluster.kube.Namespace
	}
	selector, err := labels.Parse(o.selector)
	if err != nil {
		return nil, nil, nil, usage("for example -l app=web", "--selector: %w", err)
	}
	names := o.names
	if len(names) == 1 && names[0].Kind() == "Namespace" {
		namespace, names = names[0].Name, nil
	}
	family := familyOf(s)
	var asked []checks.Object
	wanted := func(o checks.Object) bool { return namespace == "" || o.Namespace == namespace }
	if len(names) > 0 {
		family.joinUsers(s, names)
		if asked, err = family.find(names, namespace, unkept(s)); err != nil {
			for _, g := range s.GapsOf(facts.Pods, "") {
				err = fmt.Errorf("%w; %s", err, g.Reason)
			}
			return nil, nil, nil, couldNotRun("see what is in it: leave the names out, or add -A", err)
		}
		wanted = func(o checks.Object) bool { return family.related(o, asked) }
	}
	s.Pods = slices.DeleteFunc(s.Pods, func(p pod) bool {
		return !wanted(objectOf("Pod", &p)) || !selector.Matches(labels.Set(p.Labels))
	})
	s.Deployments = kept(s.Deployments, "Deployment", wanted)
	s.ReplicaSets = kept(s.ReplicaSets, "ReplicaSet", wanted)
	s.StatefulSets = kept(s.StatefulSets, "StatefulSet", wanted)
	s.DaemonSets = kept(s.DaemonSets, "DaemonSet", wanted)
	s.Jobs = kept(s.Jobs, "Job", wanted)
	s.CronJobs = kept(s.CronJobs, "CronJob", wanted)
	if o.selector != "" && len(s.Pods) == 0 {
		return nil, nil, nil, couldNotRun("see what is in it: leave -l out", fmt.Errorf("no pod of the file has the labels %q", o.selector))
	}
	return s, asked, family.childless(s, asked), nil
}

func kept[T any, P interface {
	*T
	metav1.Object
}](list []T, kind string, wanted func(checks.Object) bool) []T {
	return slices.DeleteFunc(list, func(o T) bool { return !wanted(objectOf(kind, P(&o))) })
}

func objectOf(kind string, o metav1.Object) checks.Object {
	return checks.Object{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// A family is who made whom in a file.
type family struct {
	members []checks.Object
	parent  map[checks.Object]checks.Object
	// users is the pods on a node or behind a Service, and those above them.
	users map[checks.Object]map[checks.Object]bool
	// unkept are those that were asked about and that a snapshot does not keep.
	unkept []checks.Object
}

func familyOf(s *facts.Snapshot) *family {
	f := &family{parent: map[checks.Object]checks.Object{}}
	join(f, "Pod", s.Pods)
	join(f, "Deployment", s.Deployments)
	join(f, "ReplicaSet", s.ReplicaSets)
	join(f, "StatefulSet", s.StatefulSets)
	join(f, "DaemonSet", s.DaemonSets)
	join(f, "Job", s.Jobs)
	join(f, "CronJob", s.CronJobs)
	return f
}

func join[T any, P interface {
	*T
	metav1.Object
}](f *family, kind string, list []T) {
	for i := range list {
		o := P(&list[i])
		f.members = append(f.members, objectOf(kind, o))
		if ref := metav1.GetControllerOf(o); ref != nil {
			f.parent[objectOf(kind, o)] = checks.Object{Kind: ref.Kind, Namespace: o.GetNamespace(), Name: ref.Name}
		}
	}
}

// line is an object and those above it.
func (f *family) line(o checks.Object) []checks.Object {
	out := []checks.Object{o}
	for len(out) < 8 { // no chain is that long; a loop would be
		above, ok := f.parent[o]
		if !ok {
			break
		}
		out, o = append(out, above), above
	}
	return out
}

// related reports whether an object is one of those that were asked for, makes one, or was made by one.
func (f *family) related(o checks.Object, asked []checks.Object) bool {
	return slices.ContainsFunc(asked, func(a checks.Object) bool {
		return slices.Contains(f.line(o), a) || slices.Contains(f.line(a), o) || f.users[a][o]
	})
}

// find looks names up. A workload that is not in the file may still be named by its pods. Of unkept kinds the file
// does not tell what there is: those are taken at their word.
func (f *family) find(names []collect.Name, namespace string, unkept func(kind string) bool) ([]checks.Object, error) {
	all, known := slices.Clone(f.members), map[checks.Object]bool{}
	for _, o := range all {
		known[o] = true
	}
	for _, parent := range f.parent {
		if !known[parent] {
			all, known[parent] = append(all, parent), true
		}
	}
	var out []checks.Object
	var errs []error
	for _, n := range names {
		found := slices.DeleteFunc(slices.Clone(all), func(o checks.Object) bool {
			return o.Kind != n.Kind() || o.Name != n.Name || namespace != "" && o.Namespace != "" && o.Namespace != namespace
		})
		if len(found) == 0 && unkept(n.Kind()) {
			o := checks.Object{Kind: n.Kind(), Namespace: namespace, Name: n.Name}
			found, f.unkept = []checks.Object{o}, append(f.unkept, o)
		}
		if len(found) == 0 {
			errs = append(errs, fmt.Errorf("the file has no %s", n))
		}
		out = append(out, found...)
	}
	return out, errors.Join(errs...)
}
