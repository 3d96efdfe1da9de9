package collect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// scanShop scans a namespace with ready pods of one owner, at an API server of a version; a path may be refused.
func scanShop(t *testing.T, version, port, refused string, all bool) (*facts.Snapshot, []string) {
	t.Helper()
	pods := make([]string, 3)
	for i := range pods {
		pods[i] = fmt.Sprintf(`{"metadata":{"name":"web-%d","namespace":"shop","uid":"p%d","labels":{"app":"web"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web","uid":"o","controller":true}]},
			"spec":{"containers":[{"name":"web"}],"initContainers":[{"name":"proxy","restartPolicy":"Always","ports":[%s]}]},
			"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`, i, i, port)
	}
	list := func(kind string, items ...string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":%q,"metadata":{},"items":[%s]}`, kind, strings.Join(items, ","))
	}
	bodies := map[string]string{
		"/version":       fmt.Sprintf(`{"gitVersion":%q}`, version),
		"services":       list("ServiceList", `{"metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":"proxy"}]}}`, `{"metadata":{"name":"web","namespace":"other"},"spec":{"selector":{"app":"web"},"ports":[{"port":80,"targetPort":"proxy"}]}}`),
		"pods":           list("PodList", pods...),
		"events":         list("EventList"),
		"deployments":    `{"apiVersion":"apps/v1","kind":"DeploymentList","metadata":{},"items":[]}`,
		"statefulsets":   `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"web","namespace":"shop","uid":"o"}}`,
		"endpointslices": `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSliceList","items":[{"metadata":{"name":"web-1","namespace":"shop","labels":{"kubernetes.io/service-name":"web"}},"endpoints":[{"addresses":["10.0.0.7"],"targetRef":{"kind":"Pod","name":"web-0","uid":"p0"}}]}]}`,
	}
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path)
		mu.Unlock()
		if strings.HasSuffix(r.URL.Path, refused) && refused != "" {
			refusing(403, "Forbidden", "no")(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		for word, body := range bodies {
			if strings.Contains(r.URL.Path, word) {
				fmt.Fprint(w, body)
				return
			}
		}
		status(w, 404, "NotFound", "no")
	}))
	defer server.Close()
	r, err := NewPodReader(Options{Config: &rest.Config{Host: server.URL}}, PodQuery{Namespace: "shop", AllNamespaces: all})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(asked)
	return s, asked
}

// A scan looks at ready pods whose sidecars have named ports only where a control plane may not find them, and then at
// one of each owner that a Service means.
func TestScanReceivers(t *testing.T) {
	for _, all := range []bool{false, true} {
		s, asked := scanShop(t, "v1.32.2", namedPort, "", all)
		if len(s.Pods) != 1 || len(s.Services) != 1 || len(s.EndpointSlices) != 1 || len(s.Gaps) != 0 || len(asked) != 7 {
			t.Errorf("old cluster, all %t: %d pods, %+v, %+v, %+v, asked %q", all, len(s.Pods), s.Services, s.EndpointSlices, s.Gaps, asked)
		}
	}
	if s, asked := scanShop(t, "v1.34.0", namedPort, "", true); len(s.Pods) != 0 || s.Has(facts.Services) || len(asked) != 4 {
		t.Errorf("new cluster: %d pods, seen %v, asked %q", len(s.Pods), s.Seen, asked)
	}
	if s, asked := scanShop(t, "v1.32.2", `{"containerPort":15001}`, "", true); len(s.Pods) != 0 || len(asked) != 3 {
		t.Errorf("no name: %d pods, asked %q", len(s.Pods), asked)
	}
	if s, asked := scanShop(t, "v1.33.9", namedPort, "", false); len(s.Services) != 1 || len(asked) != 7 {
		t.Errorf("a controller manager one minor older: %+v, asked %q", s.Services, asked)
	}
	if s, _ := scanShop(t, "v1.32.2", namedPort, "services", false); len(s.Pods) != 1 || len(s.Gaps) != 1 || s.Gaps[0].Kind != facts.Services {
		t.Errorf("refused: %d pods, gaps %+v", len(s.Pods), s.Gaps)
	}
	if s, _ := scanShop(t, "v1.32.2", namedPort, "/version", false); len(s.Services) != 1 {
		t.Errorf("no version: %+v", s.Services)
	}
}
