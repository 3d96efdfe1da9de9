package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var today = time.Date(2026, 3, 6, 23, 59, 59, 0, time.UTC)

func found(kind, ns, name string, namespaces ...string) checks.Finding {
	return checks.Finding{Object: checks.Object{Kind: kind, Namespace: ns, Name: name}, Namespaces: namespaces, Message: "m", Evidence: []string{"e"}, Fix: "f"}
}

// gateOff is a report with one check of severity error that ran.
func gateOff(findings []checks.Finding, missing ...facts.Gap) *Report {
	e := Entry{
		ID: "kubelet-gate-off", Severity: checks.Error, Status: checks.Pass,
		Findings: findings, Missing: missing, Suppressed: []Suppressed{}, Accepted: []Accepted{},
	}
	e.Status = statusOf(e)
	return &Report{Checks: []Entry{e, {ID: "sidecars-alpha", Severity: checks.Warning, Status: checks.Skipped}}, Waivers: []Waiver{}}
}

func waiver(action WaiverAction, object, until string) Waiver {
	return Waiver{Action: action, Check: "kubelet-gate-off", Object: object, Reason: "r", Until: until, Source: "f:1"}
}

// TestWaive: what is covered, what is not, and what becomes of each waiver, the verdict and the exit code.
func TestWaive(t *testing.T) {
	const day, dayBefore = "2026-03-06", "2026-03-05"
	a, b := found("Node", "", "a"), found("Node", "", "b")
	gap := facts.Gap{Kind: facts.Kubelets, Scope: "node/a", Reason: "r"}
	whole := facts.Gap{Kind: facts.Kubelets, Reason: "r"}
	for _, test := range []struct {
		name     string
		findings []checks.Finding
		missing  []facts.Gap
		waivers  []Waiver
		// what is left, and what is not; states and counts of the waivers
		left, suppressed, gaps, accepted int
		states                           string
		verdict                          Verdict
		exit                             int
	}{
		{name: "nothing", findings: []checks.Finding{a}, left: 1, verdict: NotReady, exit: 3},
		{name: "the object", findings: []checks.Finding{a, b}, waivers: []Waiver{waiver(Suppress, "node/a", day)},
			left: 1, suppressed: 1, states: "used 1", verdict: NotReady, exit: 3},
		{name: "all objects", findings: []checks.Finding{a, b}, waivers: []Waiver{waiver(Suppress, "", day)},
			suppressed: 2, states: "used 2", verdict: Ready},
		{name: "the last day is over", findings: []checks.Finding{a}, waivers: []Waiver{waiver(Suppress, "node/a", dayBefore)},
			left: 1, states: "expired 1", verdict: NotReady, exit: 3},
		{name: "expired, but another holds", findings: []checks.Finding{a}, waivers: []Waiver{waiver(Suppress, "node/a", dayBefore), waiver(Suppress, "", day)},
			suppressed: 1, states: "expired 0, used 1", verdict: Ready},
		{name: "two that hold", findings: []checks.Finding{a}, waivers: []Waiver{waiver(Baseline, "node/a", ""), waiver(Suppress, "node/a", day)},
			suppressed: 1, states: "used 1, used 1", verdict: Ready},
		{name: "a prefix is another object", findings: []checks.Finding{found("Node", "", "ab")}, waivers: []Waiver{waiver(Suppress, "node/a", day)},
			left: 1, states: "unused 0", verdict: NotReady, exit: 3},
		{name: "an accepted gap is no suppressed finding", findings: []checks.Finding{a}, waivers: []Waiver{waiver(Accept, "", day)},
			left: 1, states: "unused 0", verdict: NotReady, exit: 3},
		{name: "a suppressed finding is no accepted gap", missing: []facts.Gap{gap}, waivers: []Waiver{waiver(Suppress, "", day)},
			gaps: 1, states: "unused 0", verdict: Unknown, exit: 4},
		{name: "a gap", missing: []facts.Gap{gap}, waivers: []Waiver{waiver(Accept, "node/a", day)},
			accepted: 1, states: "used 1", verdict: Ready},
		{name: "a gap of the whole kind is more than that of a node", missing: []facts.Gap{whole}, waivers: []Waiver{waiver(Accept, "node/a", day)},
			gaps: 1, states: "unused 0", verdict: Unknown, exit: 4},
		{name: "all gaps", missing: []facts.Gap{gap, whole}, waivers: []Waiver{waiver(Accept, "", day)},
			accepted: 2, states: "used 2", verdict: Ready},
		{name: "a finding stays under an accepted gap", findings: []checks.Finding{a}, missing: []facts.Gap{gap}, waivers: []Waiver{waiver(Accept, "", day)},
			left: 1, accepted: 1, states: "used 1", verdict: NotReady, exit: 3},
		{name: "one of the namespaces of a class", findings: []checks.Finding{found("NamespaceClass", "", "class-2", "x", "y")},
			waivers: []Waiver{waiver(Suppress, "namespace/x", day)}, left: 1, states: "unused 0", verdict: NotReady, exit: 3},
		{name: "all of its namespaces", findings: []checks.Finding{found("NamespaceClass", "", "class-2", "x", "y")},
			waivers: []Waiver{waiver(Suppress, "namespace/x", day), waiver(Baseline, "namespace/y", "")}, suppressed: 1, states: "used 1, used 1", verdict: Ready},
		{name: "one of them expired", findings: []checks.Finding{found("NamespaceClass", "", "class-2", "x", "y")},
			waivers: []Waiver{waiver(Suppress, "namespace/x", day), waiver(Suppress, "namespace/y", dayBefore)}, left: 1, states: "unused 0, expired 1", verdict: NotReady, exit: 3},
		{name: "a class by its name", findings: []checks.Finding{found("NamespaceClass", "", "class-2", "x")},
			waivers: []Waiver{waiver(Suppress, "namespaceclass/class-2", day)}, left: 1, states: "unused 0", verdict: NotReady, exit: 3},
		{name: "the configuration of a webhook", findings: []checks.Finding{found("MutatingWebhook", "", "c/w"), found("MutatingWebhook", "", "cc/w")},
			waivers: []Waiver{waiver(Suppress, "mutatingwebhookconfiguration/c", day)}, left: 1, suppressed: 1, states: "used 1", verdict: NotReady, exit: 3},
		{name: "an API server that was restarted", findings: []checks.Finding{found("APIServer", "", "kube-apiserver@17:04")},
			waivers: []Waiver{waiver(Suppress, "apiserver/kube-apiserver", day)}, suppressed: 1, states: "used 1", verdict: Ready},
		{name: "a static pod", findings: []checks.Finding{found("Pod", "kube-system", "p")},
			waivers: []Waiver{waiver(Suppress, "pod/kube-system/p", day), waiver(Suppress, "pod/p", day)}, suppressed: 1, states: "used 1, unused 0", verdict: Ready},
		{name: "what was not looked at needs no waiver", waivers: []Waiver{{Action: Suppress, Check: "sidecars-alpha", Until: day}}, verdict: Ready},
		{name: "an annotation that cannot be read", findings: []checks.Finding{a}, waivers: []Waiver{{Action: Suppress, Check: "kubelet-gate-off", Object: "node/a", State: Invalid}},
			left: 1, states: "invalid 0", verdict: NotReady, exit: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := gateOff(test.findings, test.missing...)
			text, err := json.Marshal(before)
			if err != nil {
				t.Fatal(err)
			}
			r := Waive(before, test.waivers, today)
			if after, err := json.Marshal(before); err != nil || !bytes.Equal(text, after) {
				t.Errorf("the report was changed: %v", cmp.Diff(string(text), string(after)))
			}
			e := r.Checks[0]
			var states []string
			for _, w := range r.Waivers {
				states = append(states, string(w.State)+" "+string(rune('0'+w.Count)))
			}
			got := []any{len(e.Findings), len(e.Suppressed), len(e.Missing), len(e.Accepted), strings.Join(states, ", "), r.Verdict, r.ExitCode(checks.Error)}
			want := []any{test.left, test.suppressed, test.gaps, test.accepted, test.states, test.verdict, test.exit}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("left, suppressed, gaps, accepted, states, verdict, exit (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWaiveEntry is a whole entry: what is covered says by what.
func TestWaiveEntry(t *testing.T) {
	a, gap := found("Node", "", "a"), facts.Gap{Kind: facts.Kubelets, Scope: "node/b", Reason: "r"}
	r := Waive(gateOff([]checks.Finding{a}, gap), []Waiver{
		{Action: Accept, Check: "kubelet-gate-off", Reason: "gone soon", Until: "2026-12-31", Source: "w.yaml:9"},
		{Action: Baseline, Check: "kubelet-gate-off", Object: "node/a", Source: "b.yaml:3"},
	}, today)
	want := Entry{
		ID: "kubelet-gate-off", Severity: checks.Error, Status: Waived, Findings: []checks.Finding{}, Missing: []facts.Gap{},
		Suppressed: []Suppressed{{Finding: a, Waiver: WaivedBy{Action: Baseline, Source: "b.yaml:3"}}},
		Accepted:   []Accepted{{Gap: gap, Waiver: WaivedBy{Action: Accept, Reason: "gone soon", Until: "2026-12-31", Source: "w.yaml:9"}}},
	}
	if diff := cmp.Diff(want, r.Checks[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const summary = "ready, with 1 suppressed finding and 1 accepted gap: 0 of 1 check passed (nothing to count)"
	if r.Summary != summary {
		t.Errorf("summary %q, want %q", r.Summary, summary)
	}
}

func TestParseAnnotation(t *testing.T) {
	valid := func(action WaiverAction, check, reason, until string) Waiver {
		return Waiver{Action: action, Check: check, Object: "node/a", Reason: reason, Until: until, Source: "annotation on node/a"}
	}
	invalid := func(action WaiverAction, check, why string) Waiver {
		w := valid(action, check, why, "")
		w.State = Invalid
		return w
	}
	for _, test := range []struct {
		text string
		want []Waiver
	}{
		{"kubelet-gate-off reason=being replaced until=2027-01-31", []Waiver{valid(Suppress, "kubelet-gate-off", "being replaced", "2027-01-31")}},
		{"kubelet-gate-off until=2027-01-31 reason=\"being replaced\"", []Waiver{valid(Suppress, "kubelet-gate-off", "being replaced", "2027-01-31")}},
		{"suppress: kubelet-gate-off\treason=a=b until=2027-01-31;", []Waiver{valid(Suppress, "kubelet-gate-off", "a=b", "2027-01-31")}},
		{"accept: kubelet-gate-off reason=r until=2027-01-31\n\nkubelet-too-old reason=s until=2027-02-01", []Waiver{
			valid(Accept, "kubelet-gate-off", "r", "2027-01-31"), valid(Suppress, "kubelet-too-old", "s", "2027-02-01"),
		}},
		{"kubelet-too-old reason=s until=2027-02-01; kublet-gate-off reason=r until=2027-01-31", []Waiver{
			valid(Suppress, "kubelet-too-old", "s", "2027-02-01"), invalid(Suppress, "", `unknown check "kublet-gate-off"`),
		}},
		{" ", []Waiver{invalid(Suppress, "", "it is empty")}},
		{"true", []Waiver{invalid(Suppress, "", `unknown check "true"`)}},
		{"kubelet-gate-off", []Waiver{invalid(Suppress, "kubelet-gate-off", "the reason is missing")}},
		{"kubelet-gate-off until=2027-01-31", []Waiver{invalid(Suppress, "kubelet-gate-off", "the reason is missing")}},
		{"kubelet-gate-off reason= until=2027-01-31", []Waiver{invalid(Suppress, "kubelet-gate-off", "the reason is missing")}},
		{"kubelet-gate-off reason=r", []Waiver{invalid(Suppress, "kubelet-gate-off", "until is missing: the last day on which it holds, such as 2027-01-31")}},
		{"kubelet-gate-off reason=r untill=2027-01-31", []Waiver{invalid(Suppress, "kubelet-gate-off", "until is missing: the last day on which it holds, such as 2027-01-31")}},
		{"kubelet-gate-off reason=r until=31.1.2027", []Waiver{invalid(Suppress, "kubelet-gate-off", `until: "31.1.2027" is not a day such as 2027-01-31`)}},
		{"kubelet-gate-off reason=r until=2027-02-30", []Waiver{invalid(Suppress, "kubelet-gate-off", `until: "2027-02-30" is not a day such as 2027-01-31`)}},
		{"kubelet-gate-off reason=r until=2027-01-31 until=2028-01-31", []Waiver{invalid(Suppress, "kubelet-gate-off", "until= is given twice")}},
		{"kubelet-gate-off kubelet-too-old reason=r until=2027-01-31", []Waiver{invalid(Suppress, "kubelet-gate-off", `"kubelet-too-old" is neither reason= nor until=`)}},
		{"accept kubelet-gate-off reason=r until=2027-01-31", []Waiver{invalid(Suppress, "", `unknown check "accept"`)}},
	} {
		if diff := cmp.Diff(test.want, ParseAnnotation(test.text, "node/a")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
}
