package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A shell that completes must not wait, nor read a whole cluster: it offers what fits a screen or two.
const (
	completeTime = 3 * time.Second
	completeMost = 500
)

// onlyMetadata asks for names without what they belong to.
const onlyMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// CompleteNames lists the names of a built-in type of pods, workloads and the like, for a shell to
// offer; "mutatingwebhookconfigurations" are offered, too.
func CompleteNames(ctx context.Context, o Options, namespace, resource string) ([]string, error) {
	c, err := newCollector(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.request(ctx, completeTime)
	defer cancel()
	path, err := listPath(namespace, resource)
	if err != nil {
		return nil, err
	}
	raw, err := c.rest.Get().AbsPath(path...).Param("limit", fmt.Sprint(completeMost)).SetHeader("Accept", onlyMetadata).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("list %s: %w", resource, err)
	}
	names := make([]string, 0, len(list.Items))
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, nil
}

// clusterLists is where types are listed that are in no namespace.
var clusterLists = map[string]string{
	"mutatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
}

// listPath is where a built-in type is listed.
func listPath(namespace, resource string) ([]string, error) {
	if path, ok := clusterLists[resource]; ok {
		return []string{path}, nil
	}
	b := builtinNamed(resource)
	if b == nil {
		return nil, fmt.Errorf("%q is not a built-in type", resource)
	}
	root := []string{"/api", b.version}
	if b.group != "" {
		root = []string{"/apis", b.group, b.version}
	}
	if b.role != outside {
		root = append(root, "namespaces", namespace)
	}
	return append(root, b.plural), nil
}
