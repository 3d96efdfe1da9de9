package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A MissingError is about names that do not exist.
type MissingError struct {
	Err error
	// Names are those that were asked for.
	Names []Name
	// Namespace is where they were looked for, and Others what is there instead, as far as it could be listed.
	Namespace string
	Others    []Name
}

func (e *MissingError) Error() string { return e.Err.Error() }
func (e *MissingError) Unwrap() error { return e.Err }

// missing adds to an error what may have been meant by the names that do not exist.
func (r *PodReader) missing(ctx context.Context, err error) error {
	if ctx.Err() != nil || !notFound(err) {
		return err
	}
	kinds := []string{pods, "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"}
	found := make([][]Name, len(kinds))
	each(len(kinds), len(kinds), func(i int) {
		names, err := r.c.completeNames(ctx, r.query.Namespace, kinds[i])
		if err != nil {
			return // it is a help, no more
		}
		b := builtinNamed(kinds[i])
		for _, name := range names {
			resource := b.short
			if resource == "" {
				resource = b.singular
			}
			found[i] = append(found[i], Name{resource, name})
		}
	})
	return &MissingError{Err: err, Names: r.query.Names, Namespace: r.query.Namespace, Others: slices.Concat(found...)}
}

// notFound reports whether an error, or one of those that it joins, is that something does not exist.
func notFound(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(joined.Unwrap(), notFound)
	}
	return apierrors.IsNotFound(err)
}

// readUnlisted is for a name of a type that the API server does not list. Where that is because an aggregated API is
// down, its pods are found all the same: those whose owners are of that kind and name.
func (r *PodReader) readUnlisted(ctx context.Context, n Name, unlisted error) error {
	failed := r.failedGroups(ctx)
	if failed == "" {
		return unlisted
	}
	unlisted = fmt.Errorf("%w; not all APIs could be listed: %s", unlisted, failed)
	all, err := r.listPods(ctx, r.query.Namespace, metav1.ListOptions{}, func(p *corev1.Pod) bool { return len(p.OwnerReferences) > 0 })
	if err != nil {
		return unlisted
	}
	kind, _, _ := strings.Cut(strings.ToLower(n.Resource), ".")
	family := r.lineageOf(func(ref *metav1.OwnerReference) bool {
		plural := pluralOf(ref).Resource
		return ref.Name == n.Name && (kind == strings.ToLower(ref.Kind) || kind == plural)
	})
	family.climb(ctx, all)
	read := 0
	for i := range all {
		if owned, _ := family.owned(all[i].OwnerReferences, 0); owned {
			r.addPod(&all[i])
			read++
		}
	}
	if read == 0 {
		return unlisted
	}
	r.askByName(n)
	r.c.gap(facts.Pods, whole, "only the pods that name it as their owner were read: "+oneLine(unlisted.Error()),
		facts.Do("see which API is down:", "kubectl get apiservices"))
	return nil
}

// failedGroups is which API groups could not be listed, and why; "" if all could.
func (r *PodReader) failedGroups(ctx context.Context) string {
	client, err := (&getter{r.c, ctx}).ToDiscoveryClient()
	if err != nil {
		return ""
	}
	_, err = UntilDone(ctx, func() (any, error) {
		_, _, err := client.ServerGroupsAndResources()
		return nil, err
	}, func(any) {})
	failed, ok := discovery.GroupDiscoveryFailedErrorGroups(err)
	if !ok {
		return ""
	}
	var out []string
	for gv, why := range failed {
		out = append(out, fmt.Sprintf("%s: %s", gv, oneLine(why.Error())))
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
