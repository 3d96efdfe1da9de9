package collect

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Administrators are asked about everything once, and by itself only about what other authorizers may keep from them.
func TestAdministrators(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["GET /api/v1/nodes"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"kind": "NodeList", "apiVersion": "v1", "items": []any{readyNode("a", "v1.29.0")}})
	}
	const words = `namespaces is forbidden: User "admin" cannot list resource "namespaces": not on this platform`
	f.handlers["GET /api/v1/namespaces"] = refusing(403, "Forbidden", words)
	s := collectFrom(t, f.options(doctorKinds...))
	slices.Sort(f.asks)
	want := []string{anything.String(), readKubelets.String(), readMetrics.String()}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(f.asks)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	// What is refused all the same is no less a gap.
	gap := facts.Gap{Kind: facts.Namespaces, Reason: words, Remedy: listNamespaces.remedy().Text}
	if diff := cmp.Diff([]facts.Gap{gap}, s.GapsOf(facts.Namespaces, "")); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}
