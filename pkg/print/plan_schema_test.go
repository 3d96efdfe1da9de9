package print

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

const planSchema = "../../docs/schema/plan.v1.json"

// fullPlan has every field.
func fullPlan() *plan.Plan {
	evidence := []roles.Evidence{{Path: []string{"containers", "0"}, Field: `containers[name="a"]`, Quote: "q"}}
	return &plan.Plan{
		TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: plan.Kind}, Tool: "v1", Server: "https://cluster.example", TakenAt: metav1.Unix(1, 0), Looked: 1,
		Rows: []plan.Row{{
			Object: checks.Object{Kind: "Job", Namespace: "shop", Name: "x"}, APIVersion: "batch/v1", Wave: plan.Jobs, Status: plan.Ask,
			Sidecars: []plan.Sidecar{{
				Name: "a", Role: roles.Ask, Init: true, Signals: []roles.Signal{{Kind: roles.KnownSoftware, Certainty: roles.High, By: "main", Evidence: evidence}}, Trusted: 1,
				Probe: map[string]any{"httpGet": map[string]any{"port": 1}}, Basis: "port", Doubt: roles.MayBeLoopback, Flags: []string{"--x"}, Before: "i",
				Changes: []roles.Obstacle{{Kind: roles.NamedPort, Forbids: true, Evidence: evidence}},
			}},
			Injected:    []plan.Injected{{Name: "p", Software: "Mesh", Webhooks: []string{"a/b"}, Canary: "shop", Asked: "a: b", How: "set it"}},
			References:  []plan.Reference{{Kind: plan.NamesPort, Container: "a", Object: "Service x", Port: "http"}},
			Gains:       []plan.Gain{plan.JobEnds},
			Workarounds: []roles.Workaround{{Kind: roles.QuitCall, Container: "main", Sidecar: "a", Evidence: evidence, Understood: true, Faults: []roles.Fault{roles.NeverRuns}, Stale: true}},
			Nodes:       plan.Nodes{Count: 2, Oldest: "v1.28.0", Unable: []string{"n"}}, Admission: cluster.Keeps, Keeps: cluster.Untold,
			Owner: &plan.Owner{Tool: "Helm", Name: "shop"}, Delivery: plan.Replace,
			Blocks: []plan.Block{{Kind: plan.OldNodes, Names: []string{"n"}, Version: "v1.28.0", How: "set it", Open: true}},
		}},
		Gaps:     []facts.Gap{facts.NewGap(facts.Referrers, facts.Instance{Kind: "Kind", Name: "services"}, "forbidden", facts.Do("allow it"))},
		Limits:   []string{plan.PodsUnread},
		Complete: true,
	}
}

// TestPlanSchema validates plans with everything, with nothing and of hostile text, as a reader would, and with a copy of
// the schema that allows no field beyond those it describes.
func TestPlanSchema(t *testing.T) {
	schema, strict := compile(t, readJSON(t, planSchema)), compile(t, closed(readJSON(t, planSchema)))
	empty := plan.New("").Finish(&facts.Snapshot{ServerVersion: &version.Info{}}, nil)
	hostile := fullPlan()
	hostile.Rows[0].Name, hostile.Rows[0].Sidecars[0].Signals[0].Evidence[0].Quote = "\x1b[31m", "a\u202e"
	added := plan.New("v1")
	documents, err := workload.Parse("", []byte("apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: work, command: [sh, -c, 'run; curl -X POST localhost:15020/quitquitquit']}, {name: istio-proxy, image: istio/proxyv2:1}]}}}"))
	if err != nil {
		t.Fatal(err)
	}
	added.Add(documents[0].Workloads[0], &metav1.ObjectMeta{})
	for name, p := range map[string]*plan.Plan{"full": fullPlan(), "empty": empty, "hostile": hostile, "made": added.Finish(&facts.Snapshot{}, nil)} {
		document := printedPlan(t, p)
		for which, s := range map[string]*jsonschema.Schema{"published": schema, "strict": strict} {
			if err := s.Validate(document); err != nil {
				t.Errorf("%s, %s: %v", name, which, err)
			}
		}
	}
	for name, change := range map[string]func(map[string]any){
		"null workloads": func(p map[string]any) { p["workloads"] = nil },
		"no status":      func(p map[string]any) { delete(p["workloads"].([]any)[0].(map[string]any), "status") },
		"other wave":     func(p map[string]any) { p["workloads"].([]any)[0].(map[string]any)["wave"] = "later" },
		"line break":     func(p map[string]any) { p["server"] = "a\nb" },
	} {
		document := printedPlan(t, fullPlan()).(map[string]any)
		change(document)
		if schema.Validate(document) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func printedPlan(t *testing.T, p *plan.Plan) any {
	t.Helper()
	var out bytes.Buffer
	if err := Plan(&out, p, "json", false); err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/plan.json"
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return readJSON(t, file)
}
