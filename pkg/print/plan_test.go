package print

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// TestPlanInjected: whose an injected sidecar is, and what switches it, is in every format for people.
func TestPlanInjected(t *testing.T) {
	mesh := plan.Injected{Name: "proxy", Software: "Mesh", Webhooks: []string{"mesh/inject"}, Canary: "shop", How: "set NATIVE=true"}
	other := plan.Injected{Name: "shipper", Asked: "ship: yes"}
	p := &plan.Plan{Looked: 2, Limits: []string{plan.PodsUnread}, Rows: []plan.Row{{
		Object: checks.Object{Kind: "Deployment", Namespace: "shop", Name: "web"}, Wave: plan.Last, Status: plan.Blocked, Injected: []plan.Injected{mesh, other},
		Blocks: []plan.Block{{Kind: plan.InjectorSetting, Names: []string{"proxy"}, How: mesh.How}, {Kind: plan.InjectorUnread, Names: []string{"shipper"}, Open: true}},
	}}}
	for _, test := range []struct {
		format string
		story  bool
		want   []string
	}{
		{"text", false, []string{"proxy (injected by Mesh), shipper (injected by a webhook)", "by its injector: proxy", "no canary tells how shipper is injected", "Not in the plan:\n- bare pods"}},
		{"html", false, []string{"set NATIVE=true", "Ask who runs the webhook that adds shipper", "bare pods"}},
		{"text", true, []string{"a canary in namespace shop got it as a regular container; called were mesh/inject", "-> set NATIVE=true", "its template asks for it: ship: yes", "set the injector, not this workload"}},
	} {
		var out bytes.Buffer
		if err := Plan(&out, p, test.format, test.story); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", test.format, want, out.String())
			}
		}
	}
}

// TestPlanReferences: who else means a sidecar is in the wide table and in the story.
func TestPlanReferences(t *testing.T) {
	p := &plan.Plan{Rows: []plan.Row{{Object: checks.Object{Kind: "Deployment", Namespace: "shop", Name: "web"}, Wave: plan.Deployments, Status: plan.Ready, References: []plan.Reference{
		{Kind: plan.ScalesBy, Container: "db", Object: "HorizontalPodAutoscaler web"}, {Kind: plan.NamesPort, Container: "db", Object: "Service web", Port: "metrics"},
		{Kind: plan.ScrapesPort, Container: "db", Object: "PodMonitor web", Port: "metrics"}, {Kind: plan.DefaultContainer, Container: "db"},
	}}}}
	for _, story := range []bool{false, true} {
		var out bytes.Buffer
		if err := Plan(&out, p, "wide", story); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"HorizontalPodAutoscaler web names db", "Service web names port metrics of db, which is found from 1.33 on", "PodMonitor web names port metrics of db", "db is the default container"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out.String())
			}
		}
	}
}

// TestPlanEscaped: a row that is not copied has nothing to escape, and one that has is escaped.
func TestPlanEscaped(t *testing.T) {
	for _, name := range []string{"web", `we"b\n`, "wéb", "a\x1b[31m", "a\nb", "\n", "\t", "::error::no", "##[group]", "<a & b>", "\u202e"} {
		row := plan.Row{Object: checks.Object{Kind: "Deployment", Namespace: "shop", Name: name}, Sidecars: []plan.Sidecar{{Name: "x", Signals: []roles.Signal{}, Probe: map[string]any{"port": 1}}}}
		var want plan.Row
		if err := cleanCopy(&row, &want); err != nil {
			t.Fatal(err)
		}
		if harmless := harmlessRow(&row); harmless && want.Name != name || !harmless && slices.Contains([]string{"web", "<a & b>", `we"b\n`}, name) {
			t.Errorf("%q: harmless is %v, and it becomes %q", name, harmless, want.Name)
		}
		got, err := cleanPlan(&plan.Plan{Rows: []plan.Row{row}})
		if err != nil || got.Rows[0].Name != want.Name {
			t.Errorf("%q: %v, want %q", name, err, want.Name)
		}
	}
}

// TestPlanApplies: a command that changes the cluster is there only where nobody has the manifest, and fits the kind.
func TestPlanApplies(t *testing.T) {
	for _, test := range []struct {
		delivery plan.Delivery
		owner    *plan.Owner
		want     string
	}{
		{plan.Rollout, nil, `  kubectl patch deployment/web -n shop --type=json -p "$(kubectl sidecar convert deployment/web -n shop -c db)"   # applies it`},
		{plan.Replace, nil, "  kubectl sidecar convert deployment/web -n shop -c db -o yaml | kubectl replace --force -f -   # deletes it, and creates it again"},
		{plan.Rollout, &plan.Owner{Tool: "Helm", Name: "shop"}, ""},
		{plan.Replace, &plan.Owner{Tool: "Helm", Name: "shop"}, ""},
	} {
		p := &plan.Plan{Rows: []plan.Row{{
			Object: checks.Object{Kind: "Deployment", Namespace: "shop", Name: "web"}, Status: plan.Ready, Delivery: test.delivery, Owner: test.owner,
			Sidecars: []plan.Sidecar{{Name: "db"}},
		}}}
		var out bytes.Buffer
		if err := Plan(&out, p, "text", true); err != nil {
			t.Fatal(err)
		}
		changes := strings.Contains(out.String(), "kubectl patch") || strings.Contains(out.String(), "kubectl replace")
		if changes != (test.want != "") || test.want != "" && !strings.Contains(out.String(), test.want+"\n") {
			t.Errorf("%s, %v: no %q in\n%s", test.delivery, test.owner, test.want, &out)
		}
	}
}
