package collect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// sidecarPod is a ready pod whose sidecar has a port, with a name or without.
func sidecarPod(port string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"p","labels":{"app":"web"}},
		"spec":{"containers":[{"name":"web"}],"initContainers":[{"name":"proxy","restartPolicy":"Always","ports":[` + port + `]}]},
		"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
}

const (
	namedPort  = `{"name":"proxy","containerPort":15001}`
	shopPath   = "/api/v1/namespaces/shop/"
	slicesPath = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
)

// askSidecarPod reads the pod from a server that has three Services, of which one means the sidecar's
// port, and returns what was asked for. The path refused is.
func askSidecarPod(t *testing.T, port, refused string) (*facts.Snapshot, []string) {
	t.Helper()
	service := func(name, app, port string) string {
		return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop"},"spec":{"clusterIP":"10.0.0.1","selector":{"app":%q},"ports":[{"port":80,"targetPort":%s}]}}`, name, app, port)
	}
	bodies := map[string]string{
		shopPath + "pods/web": sidecarPod(port),
		shopPath + "events":   `{"apiVersion":"v1","kind":"EventList","items":[]}`,
		shopPath + "services": `{"apiVersion":"v1","kind":"ServiceList","items":[` +
			service("numbered", "web", "15001") + "," + service("other", "other", `"proxy"`) + "," + service("web", "web", `"proxy"`) + `]}`,
		slicesPath: `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSliceList","items":[{"metadata":{"name":"web-1","namespace":"shop",
			"labels":{"kubernetes.io/service-name":"web"}},"endpoints":[{"addresses":["10.0.0.7"],"targetRef":{"kind":"Pod","name":"web","uid":"p"}}]}]}`,
	}
	var asked []string
	requests := make(chan string, 20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.URL.Path + "?" + r.URL.Query().Get("labelSelector")
		w.Header().Set("Content-Type", "application/json")
		switch body, ok := bodies[r.URL.Path]; {
		case r.URL.Path == refused:
			refusing(403, "Forbidden", "no")(w, r)
		case ok:
			fmt.Fprint(w, body)
		default:
			status(w, 404, "NotFound", "no")
		}
	}))
	defer server.Close()
	names, err := ParseNames([]string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewPodReader(Options{Config: &rest.Config{Host: server.URL}}, PodQuery{Namespace: "shop", Names: names})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	close(requests)
	for request := range requests {
		asked = append(asked, request)
	}
	return s, asked
}

// TestPodReaderServices: Services cost a request only where a pod may need it, and their slices only
// where one means the sidecar's port.
func TestPodReaderServices(t *testing.T) {
	s, asked := askSidecarPod(t, namedPort, "")
	if len(s.Services) != 1 || s.Services[0].Name != "web" || len(s.EndpointSlices) != 1 || len(s.Gaps) != 0 || len(asked) != 4 {
		t.Errorf("%+v\n%+v\n%+v\n%q", s.Services, s.EndpointSlices, s.Gaps, asked)
	}
	if text := fmt.Sprint(s.Services, s.EndpointSlices); strings.Contains(text, "10.0.0.") {
		t.Errorf("an address was kept: %s", text)
	}
	s, asked = askSidecarPod(t, `{"containerPort":15001}`, "")
	if s.Has(facts.Services) || s.Has(facts.EndpointSlices) || len(asked) != 2 {
		t.Errorf("without a name: seen %v, asked %q", s.Seen, asked)
	}
}

// TestPodReaderServicesRefused: what may not be listed is a gap of its namespace or its Service.
func TestPodReaderServicesRefused(t *testing.T) {
	for path, want := range map[string]struct {
		kind  facts.Kind
		scope string
	}{
		shopPath + "services": {facts.Services, "namespace/shop"},
		slicesPath:            {facts.EndpointSlices, "service/shop/web"},
	} {
		s, _ := askSidecarPod(t, namedPort, path)
		if len(s.Gaps) != 1 || s.Gaps[0].Kind != want.kind || s.Gaps[0].Scope != want.scope || !strings.Contains(s.Gaps[0].Remedy, "rbac --for why") {
			t.Errorf("%s: %+v, want a gap of %s with the role", path, s.Gaps, want.scope)
		}
	}
	if s, _ := askSidecarPod(t, `{"containerPort":15001}`, shopPath+"services"); len(s.Gaps) != 0 {
		t.Errorf("no Service was needed, and yet: %+v", s.Gaps)
	}
}
