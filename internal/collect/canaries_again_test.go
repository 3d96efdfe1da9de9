package collect

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A webhook that could not be called once is called once more. Only that which fails twice counts; a
// second try without an answer does not undo the first.
func TestCanaryAgain(t *testing.T) {
	const failed = `Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post "https://x": EOF`
	denied := refusing(403, metav1.StatusReasonForbidden, `admission webhook "a.example.com" denied the request: no`)
	fails := refusing(500, metav1.StatusReasonInternalError, failed)
	breaks := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	accepts := func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 201, corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "canary"}})
	}
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		want    string // the refusal
	}{
		"accepted":           {[]http.HandlerFunc{accepts}, ""},
		"failed once":        {[]http.HandlerFunc{fails, accepts}, ""},
		"failed twice":       {[]http.HandlerFunc{fails, fails}, failed},
		"then denied":        {[]http.HandlerFunc{fails, denied}, `admission webhook "a.example.com" denied the request: no`},
		"then no answer":     {[]http.HandlerFunc{fails, breaks}, failed},
		"denied, asked once": {[]http.HandlerFunc{denied}, `admission webhook "a.example.com" denied the request: no`},
	} {
		t.Run(name, func(t *testing.T) {
			f, asked := newFakeAPI(t), 0
			f.handlers["POST /api/v1/namespaces/shop/pods"] = func(w http.ResponseWriter, r *http.Request) {
				asked++
				c.answers[min(asked, len(c.answers))-1](w, r)
			}
			run, err := newCollector(f.options(facts.Canaries))
			if err != nil {
				t.Fatal(err)
			}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "canary", Namespace: "shop"}}
			canary, got := run.send(t.Context(), &class{}, pod), ""
			if canary.Refusal != nil {
				got = canary.Refusal.Message
			}
			if got != c.want || asked != len(c.answers) {
				t.Errorf("refusal %q after %d requests, want %q after %d", got, asked, c.want, len(c.answers))
			}
		})
	}
}
