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

// TestScanEvicted: a pod that was evicted and counts as succeeded is looked at, by its name, if it is still the one that
// the event is about; if it cannot be read, that is a gap.
func TestScanEvicted(t *testing.T) {
	const pod = `{"metadata":{"name":"web","namespace":"shop","uid":"p1"},"spec":{"restartPolicy":"Always","nodeName":"n","containers":[{"name":"web"}]},"status":{"phase":"Succeeded"}}`
	for name, test := range map[string]struct {
		event, uid string
		refused    bool
		pods, gaps int
	}{
		"evicted":               {"Evicted", "p1", false, 1, 0},
		"preempted":             {"Preempting", "p1", false, 1, 0},
		"another of that name":  {"Evicted", "p0", false, 0, 0},
		"something else":        {"BackOff", "p1", false, 0, 0},
		"not allowed to see it": {"Evicted", "p1", true, 0, 1},
	} {
		event := fmt.Sprintf(`{"metadata":{"name":"e","namespace":"shop"},"reason":%q,"type":"Warning","message":"x","involvedObject":{"kind":"Pod","namespace":"shop","name":"web","uid":%q}}`, test.event, test.uid)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			byName := strings.Contains(r.URL.Query().Get("fieldSelector"), "metadata.name=web")
			switch {
			case strings.HasSuffix(r.URL.Path, "/pods") && byName && test.refused:
				refusing(403, "Forbidden", "no")(w, r)
			case strings.HasSuffix(r.URL.Path, "/pods") && byName:
				fmt.Fprintf(w, `{"apiVersion":"v1","kind":"PodList","metadata":{},"items":[%s]}`, pod)
			case strings.HasSuffix(r.URL.Path, "/pods"):
				fmt.Fprint(w, `{"apiVersion":"v1","kind":"PodList","metadata":{},"items":[]}`)
			case strings.HasSuffix(r.URL.Path, "/events"):
				fmt.Fprintf(w, `{"apiVersion":"v1","kind":"EventList","metadata":{},"items":[%s]}`, event)
			case strings.HasSuffix(r.URL.Path, "/deployments"):
				fmt.Fprint(w, `{"apiVersion":"apps/v1","kind":"DeploymentList","metadata":{},"items":[]}`)
			case strings.HasSuffix(r.URL.Path, "/nodes/n"):
				fmt.Fprint(w, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"},"status":{"nodeInfo":{"kubeletVersion":"v1.36.3"}}}`)
			default:
				status(w, 404, "NotFound", "no")
			}
		}))
		r, err := NewPodReader(Options{Config: &rest.Config{Host: server.URL}}, PodQuery{AllNamespaces: true})
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Read(t.Context())
		server.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if gaps := s.GapsOf(facts.Pods, ""); len(s.Pods) != test.pods || len(gaps) != test.gaps {
			t.Errorf("%s: %d pods, gaps %+v", name, len(s.Pods), gaps)
		}
		if test.pods > 0 && len(s.Events) != 1 {
			t.Errorf("%s: %d events", name, len(s.Events))
		}
	}
}
