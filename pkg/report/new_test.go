package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func node(name, kubelet string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Status.NodeInfo.KubeletVersion = kubelet
	return n
}

func reading(name string, source facts.Source, enabled *bool) facts.FeatureReading {
	return facts.FeatureReading{Component: "kubelet", Instance: name, Source: source, Enabled: enabled}
}

// TestNew asserts a whole report: sorted, counted, decided, nothing null.
func TestNew(t *testing.T) {
	taken := metav1.NewTime(time.Date(2026, 3, 2, 8, 15, 0, 0, time.UTC))
	on, off := true, false
	s := &facts.Snapshot{
		TakenAt: taken, Server: "https://10.0.0.10:6443", ServerVersion: &version.Info{GitVersion: "v1.30.14"},
		Nodes: []corev1.Node{
			node("d", "v1.30.2"), node("c", "v1.30.2"), node("b", "v1.30.2"), node("a", "v1.9.1"), node("f", "v1.33.0"),
			node("e", "v1.30.2"), node("g", "mainline"), node("h", "v1.33.0"), node("i", "v1.27.4"),
		},
		Kubelets: []facts.FeatureReading{
			reading("b", facts.SourceMetrics, &off), reading("c", facts.SourceMetrics, &on), reading("d", facts.SourceConfigz, &on),
			reading("e", facts.SourceMetrics, nil), reading("h", facts.SourceMetrics, &on), reading("i", facts.SourceMetrics, nil),
		},
		MutatingWebhooks: []admissionv1.MutatingWebhookConfiguration{
			{ObjectMeta: metav1.ObjectMeta{Name: "m"}, Webhooks: []admissionv1.MutatingWebhook{{Name: "w"}}},
		},
		APIServers:         []facts.APIServer{{Version: "v1.30.14"}},
		APIServerEndpoints: []string{"10.0.0.10:6443", "10.0.0.11:6443"},
		Classes:            []facts.Class{{ID: "class-1"}, {ID: "class-2"}, {ID: "class-3"}},
		Canaries: []facts.Canary{
			{Class: "class-1", Returned: &corev1.Pod{}},
			{Class: "class-2", Refusal: &facts.Refusal{Code: 403}},
			{Class: "class-3", Refusal: &facts.Refusal{Code: 0}},
		},
		Seen: []facts.Kind{
			facts.Clock, facts.Canaries, facts.Nodes, facts.Kubelets, facts.APIServers, facts.ControlPlane, facts.MutatingPolicies,
		},
		Gaps: []facts.Gap{
			{Kind: facts.ControlPlane, Reason: "you are not allowed to list pods"},
			{Kind: facts.MutatingPolicies, Scope: "binding/x", Reason: "gone"},
		},
		Unknown: map[string]int{"secret": 2, "configmap": 1},
		Limits:  []string{"canaries: namespace a only"},
	}
	object := func(ns, kind, name string) checks.Object {
		return checks.Object{Kind: kind, Namespace: ns, Name: name}
	}
	results := []checks.Result{
		{Check: checks.Check{ID: "z-check", Title: "z", Severity: checks.Error, Category: checks.Nodes}, Outcome: checks.Outcome{
			Tried: "all",
			Findings: []checks.Finding{
				{Object: object("n", "Pod", "a"), Message: "m", Evidence: []string{"e"}},
				{Object: object("", "Pod", "b"), Message: "m"},
				{Object: object("", "Node", "c"), Message: "n"},
				{Object: object("", "Node", "c"), Message: "m"},
			},
			Missing: []facts.Gap{
				{Kind: "nodes", Scope: "b"}, {Kind: "nodes", Scope: "a", Reason: "z"}, {Kind: "nodes", Scope: "a", Reason: "y"}, {Kind: "clock"},
			},
		}},
		{Check: checks.Check{ID: "a-check", Title: "a", Severity: checks.Info, Category: checks.Admission}},
		{Check: checks.Check{ID: "skipped", Title: "s", Severity: checks.Error, Category: checks.Admission}, Skip: true},
	}
	want := &Report{
		APIVersion: "kubectl-sidecar.dev/v1", Kind: "Report", Tool: Tool{"v1.2.3"},
		Cluster: Cluster{Server: "https://10.0.0.10:6443", Version: "v1.30.14"}, TakenAt: taken,
		Verdict: NotReady,
		Summary: "not ready: 1 of 2 checks found errors on 1 of 9 nodes and 2 pods; not all was seen (seen: 9 of 9 nodes; not looked for: clock)",
		Coverage: []Coverage{
			{facts.APIServers, 1, 2}, {facts.ControlPlane, 0, -1}, {facts.Nodes, 9, 9}, {facts.Kubelets, 7, 9},
			{facts.MutatingPolicies, 0, 1}, {facts.Canaries, 2, 3},
		},
		Nodes: []NodeGroup{
			{"mainline", "unknown", "", []string{"g"}},
			{"v1.9.1", "unsupported", "version", []string{"a"}},
			{"v1.27.4", "unsupported", "version", []string{"i"}},
			{"v1.30.2", "off", "metrics", []string{"b"}},
			{"v1.30.2", "on", "configz", []string{"d"}},
			{"v1.30.2", "on", "metrics", []string{"c"}},
			{"v1.30.2", "unknown", "", []string{"e"}},
			{"v1.33.0", "on", "metrics", []string{"h"}},
			{"v1.33.0", "on", "version", []string{"f"}},
		},
		Webhooks: []cluster.WebhookRow{{Order: 1, Name: "m/w", Classes: []string{}, Result: "not dry-runnable", Proof: "its sideEffects"}},
		Checks: []Entry{
			{ID: "z-check", Title: "z", Category: checks.Nodes, Severity: checks.Error, Status: checks.Fail, Tried: "all",
				Findings: []checks.Finding{
					{Object: object("", "Node", "c"), Message: "m", Evidence: []string{}},
					{Object: object("", "Node", "c"), Message: "n", Evidence: []string{}},
					{Object: object("", "Pod", "b"), Message: "m", Evidence: []string{}},
					{Object: object("n", "Pod", "a"), Message: "m", Evidence: []string{"e"}},
				},
				Missing: []facts.Gap{
					{Kind: "clock"}, {Kind: "nodes", Scope: "a", Reason: "y"}, {Kind: "nodes", Scope: "a", Reason: "z"}, {Kind: "nodes", Scope: "b"},
				},
				Suppressed: []Suppressed{}, Accepted: []Accepted{}},
			{ID: "a-check", Title: "a", Category: checks.Admission, Severity: checks.Info, Status: checks.Pass,
				Findings: []checks.Finding{}, Missing: []facts.Gap{}, Suppressed: []Suppressed{}, Accepted: []Accepted{}},
			{ID: "skipped", Title: "s", Category: checks.Admission, Severity: checks.Error, Status: checks.Skipped,
				Findings: []checks.Finding{}, Missing: []facts.Gap{}, Suppressed: []Suppressed{}, Accepted: []Accepted{}},
		},
		Waivers: []Waiver{},
		Limits:  []string{"canaries: namespace a only"},
		Ignored: []Ignored{{"configmap", 1}, {"secret", 2}},
	}
	judged := cluster.Judge(s, nil)
	judged.Results = results
	if diff := cmp.Diff(want, New(s, judged, "v1.2.3")); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestVerdict is the table of design: findings win over unknown, severity decides.
func TestVerdict(t *testing.T) {
	const i, w, e = checks.Info, checks.Warning, checks.Error
	for _, test := range []struct {
		entries []Entry
		verdict Verdict
		exit    [3]int // --fail-on info, warning, error
		summary string
	}{
		{nil, Unknown, [3]int{0, 0, 0}, "unknown: no check ran"},
		{[]Entry{answer(e, checks.Skipped)}, Unknown, [3]int{0, 0, 0}, "unknown: no check ran"},
		{[]Entry{answer(w, checks.Pass)}, Unknown, [3]int{0, 0, 0}, "unknown: no check of severity error ran"},
		{[]Entry{answer(w, checks.Fail), answer(e, checks.Skipped)}, Unknown, [3]int{3, 3, 0},
			"unknown: no check of severity error ran; 1 warning"},
		{[]Entry{answer(e, checks.Pass)}, Ready, [3]int{0, 0, 0}, "ready: the 1 check passed (nothing to count)"},
		{[]Entry{answer(e, checks.Pass), answer(e, checks.Pass)}, Ready, [3]int{0, 0, 0}, "ready: all 2 checks passed (nothing to count)"},
		{[]Entry{answer(e, checks.Pass), answer(e, checks.Skipped)}, Ready, [3]int{0, 0, 0},
			"ready: the 1 check passed (nothing to count)"},
		{[]Entry{answer(e, checks.Pass), answer(w, checks.Fail)}, Ready, [3]int{3, 3, 0},
			"ready: none of 2 checks found an error (nothing to count); 1 warning"},
		{[]Entry{answer(e, checks.Pass), answer(w, checks.Unknown)}, Ready, [3]int{4, 4, 0},
			"ready: none of 2 checks found an error (nothing to count); 1 check of lesser severity is unknown (not looked for: nodes)"},
		{[]Entry{answer(e, checks.Pass), answer(i, checks.Fail)}, Ready, [3]int{3, 0, 0},
			"ready: none of 2 checks found an error (nothing to count); 1 note"},
		{[]Entry{answer(e, checks.Pass), answer(i, checks.Unknown)}, Ready, [3]int{4, 0, 0},
			"ready: none of 2 checks found an error (nothing to count); 1 check of lesser severity is unknown (not looked for: nodes)"},
		{[]Entry{answer(e, checks.Unknown)}, Unknown, [3]int{4, 4, 4},
			"unknown: 1 of 1 check could not tell (not looked for: nodes), none found an error"},
		{[]Entry{answer(e, checks.Unknown), answer(w, checks.Fail)}, Unknown, [3]int{3, 3, 4},
			"unknown: 1 of 2 checks could not tell (not looked for: nodes), none found an error; 1 warning"},
		{[]Entry{answer(e, checks.Fail), answer(e, checks.Unknown)}, NotReady, [3]int{3, 3, 3},
			"not ready: 1 of 2 checks found errors on 1 node; 1 check could not tell (not looked for: nodes)"},
		{[]Entry{answer(w, checks.Unknown), answer(e, checks.Fail), answer(e, checks.Pass)}, NotReady, [3]int{3, 3, 3},
			"not ready: 1 of 3 checks found errors on 1 node; 1 check could not tell (not looked for: nodes)"},
	} {
		r := &Report{Checks: test.entries, Verdict: verdict(test.entries)}
		got := [3]int{r.ExitCode(i), r.ExitCode(w), r.ExitCode(e)}
		if r.Verdict != test.verdict || got != test.exit || Summarize(r) != test.summary {
			t.Errorf("%v\n got %s, exit %v, %q\nwant %s, exit %v, %q", test.entries,
				r.Verdict, got, Summarize(r), test.verdict, test.exit, test.summary)
		}
	}
}

func answer(severity checks.Severity, status checks.Status) Entry {
	e := Entry{ID: "x", Severity: severity, Status: status}
	switch status {
	case checks.Fail:
		e.Findings = []checks.Finding{{Object: checks.Object{Kind: "Node", Name: "a"}}}
	case checks.Unknown:
		e.Missing = []facts.Gap{{Kind: facts.Nodes}}
	}
	return e
}
