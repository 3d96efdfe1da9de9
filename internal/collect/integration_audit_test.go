package collect_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// auditLog holds every request of the runs before, as the API servers saw them.
func auditLog(t *testing.T, c *cluster.Cluster) {
	events, err := c.AuditEvents()
	if err != nil {
		t.Fatal(err)
	}
	seen, created := 0, map[string]int{}
	for _, e := range events {
		if !strings.HasPrefix(e.UserAgent, "kubectl-sidecar/integration-test ") {
			continue
		}
		seen++
		switch {
		case e.Verb == "get" || e.Verb == "list":
		case e.Verb == "create" && e.ObjectRef != nil && e.ObjectRef.APIGroup == "authorization.k8s.io" && e.ObjectRef.Resource == "selfsubjectaccessreviews":
		case e.Verb == "create" && e.ObjectRef != nil && strings.Contains(e.RequestURI, "?dryRun=All"):
			created[e.ObjectRef.Resource]++
		default:
			t.Errorf("%s %s", e.Verb, e.RequestURI)
		}
	}
	if seen < 500 || created["pods"] == 0 {
		t.Errorf("%d requests, created with dryRun=All: %v", seen, created)
	}
}

// objects is the resourceVersion of every object that a mistake could make or change.
func objects(t *testing.T, c *cluster.Cluster) map[string]string {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "nodes"}, {Version: "v1", Resource: "pods"}, {Version: "v1", Resource: "podtemplates"},
		{Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "apps", Version: "v1", Resource: "replicasets"}, {Group: "apps", Version: "v1", Resource: "daemonsets"},
		{Group: "batch", Version: "v1", Resource: "jobs"}, {Group: "batch", Version: "v1", Resource: "cronjobs"},
		{Version: "v1", Resource: "namespaces"}, {Version: "v1", Resource: "serviceaccounts"}, {Version: "v1", Resource: "secrets"},
		{Version: "v1", Resource: "events"}, {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"},
	} {
		list, err := client.Resource(r).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := meta.EachListItem(list, func(o runtime.Object) error {
			m, err := meta.Accessor(o)
			if err == nil {
				out[r.Resource+" "+m.GetNamespace()+"/"+m.GetName()] = m.GetResourceVersion()
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
