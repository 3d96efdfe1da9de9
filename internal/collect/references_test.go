package collect

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReferences: one list for each kind that is there; what is not installed is no gap, what is forbidden is one.
func TestReferences(t *testing.T) {
	f := newFakeAPI(t)
	of := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, map[string]any{"items": []any{map[string]any{"metadata": map[string]any{"name": name}}}})
		}
	}
	f.handlers["GET /apis/autoscaling/v2/horizontalpodautoscalers"] = of("hpa")
	f.handlers["GET /apis/autoscaling.k8s.io/v1"] = refusing(404, "NotFound", "not there")
	f.handlers["GET /apis/monitoring.coreos.com/v1"] = of("")
	f.handlers["GET /api/v1/services"] = of("svc")
	f.handlers["GET /apis/monitoring.coreos.com/v1/servicemonitors"] = of("monitor")
	f.denied[referrers[3].rule().String()] = "not you"
	var got []string
	take := func(object map[string]any) {
		meta, _ := object["metadata"].(map[string]any)
		got = append(got, object["kind"].(string)+" "+meta["name"].(string))
	}
	gaps, ledger, err := References(t.Context(), f.options(), true, true, take)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"HorizontalPodAutoscaler hpa", "Service svc", "ServiceMonitor monitor"}, got); diff != "" {
		t.Error(diff)
	}
	if len(gaps) != 1 || gaps[0].Instance.Name != "podmonitors" {
		t.Errorf("gaps %+v", gaps)
	}
	lists := 0
	for _, r := range ledger.Requests() {
		if r.Method == "GET" {
			lists++
		}
	}
	if lists != 5 { // two of them ask what is installed
		t.Errorf("%d requests: %+v", lists, ledger.Requests())
	}
	if _, ledger, _ := References(t.Context(), f.options(), false, false, take); len(ledger.Requests()) > 0 {
		t.Errorf("nothing is needed: %+v", ledger.Requests())
	}
}
