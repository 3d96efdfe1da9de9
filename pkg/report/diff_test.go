package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestCompare: what is called new, gone, changed or no longer seen, and the exit code for it.
func TestCompare(t *testing.T) {
	a, b := found("Node", "", "a"), found("Node", "", "b")
	gap := func(node string) facts.Gap {
		if node == "" {
			return facts.Gap{Kind: facts.Kubelets, Reason: "r"}
		}
		return facts.NewGap(facts.Kubelets, facts.NodeInstance(node), "r", facts.Remedy{})
	}
	canary := func(class, namespace string) facts.Gap {
		i := facts.Instance{Kind: facts.KindNamespaceClass, Class: class, Namespace: namespace}
		return facts.NewGap(facts.Canaries, i, "r", facts.Remedy{})
	}
	all := []Waiver{waiver(Suppress, "", "2099-12-31")}
	accepted := []Waiver{waiver(Accept, "", "2099-12-31")}
	for _, test := range []struct {
		name          string
		before, after *Report
		want          []string
		exit          int
	}{
		{"the same", gateOff([]checks.Finding{a}), gateOff([]checks.Finding{a}), nil, 0},
		{"new", gateOff(nil), gateOff([]checks.Finding{a}), []string{"new node/a"}, 3},
		{"gone", gateOff([]checks.Finding{a, b}), gateOff([]checks.Finding{b}), []string{"gone node/a"}, 0},
		{"another object", gateOff([]checks.Finding{a}), gateOff([]checks.Finding{b}), []string{"new node/b", "gone node/a"}, 3},
		{"another message", gateOff([]checks.Finding{a}), gateOff([]checks.Finding{said(a, "n")}), []string{"changed node/a"}, 0},
		{"waived now", gateOff([]checks.Finding{a}), Waive(gateOff([]checks.Finding{a}), all, today), []string{"waived node/a"}, 0},
		{"waived no longer", Waive(gateOff([]checks.Finding{a}), all, today), gateOff([]checks.Finding{a}), []string{"unwaived node/a"}, 3},
		{"new and waived", gateOff(nil), Waive(gateOff([]checks.Finding{a}), all, today), nil, 0},
		{"waived and gone", Waive(gateOff([]checks.Finding{a}), all, today), gateOff(nil), nil, 0},
		{"sight lost", gateOff(nil), gateOff(nil, gap("a")), []string{"lost kubelets node/a"}, 4},
		{"sight regained", gateOff(nil, gap("a")), gateOff(nil), []string{"regained kubelets node/a"}, 0},
		{"as blind as before", gateOff(nil, gap("a")), gateOff(nil, gap("a")), nil, 0},
		{"part of what was not seen", gateOff(nil, gap("")), gateOff(nil, gap("a")), []string{"regained kubelets "}, 0},
		{"more than that part", gateOff(nil, gap("a")), gateOff(nil, gap("")), []string{"lost kubelets "}, 4},
		{"a gap that was accepted", Waive(gateOff(nil, gap("a")), accepted, today), gateOff(nil, gap("a")), nil, 0},
		{"a gap that is accepted", gateOff(nil), Waive(gateOff(nil, gap("a")), accepted, today), nil, 0},
		{"a class with another name", gateOff(nil, canary("class-1", "x")), gateOff(nil, canary("class-2", "x")), nil, 0},
		{"another class of the same name", gateOff(nil, canary("class-1", "x")), gateOff(nil, canary("class-1", "y")),
			[]string{"lost canaries class-1 (namespace y)", "regained canaries class-1 (namespace x)"}, 4},
		{"a finding that nobody can see", gateOff([]checks.Finding{a}), gateOff(nil, gap("a")), []string{"unseen node/a", "lost kubelets node/a"}, 4},
		{"mended, and another is not seen", gateOff([]checks.Finding{a}, gap("b")), gateOff(nil, gap("b")), []string{"gone node/a"}, 0},
		{"a class with other namespaces", gateOff([]checks.Finding{found("NamespaceClass", "", "class-1", "x", "y")}),
			gateOff([]checks.Finding{found("NamespaceClass", "", "class-1", "x", "y", "z")}), []string{"new namespace/x, namespace/y, namespace/z", "gone namespace/x, namespace/y"}, 3},
		{"a class with another number", gateOff([]checks.Finding{found("NamespaceClass", "", "class-1", "x")}), gateOff([]checks.Finding{found("NamespaceClass", "", "class-7", "x")}), nil, 0},
		{"a check that did not run", &Report{Checks: []Entry{{ID: "kubelet-gate-off", Status: checks.Skipped}}}, gateOff([]checks.Finding{a}),
			[]string{"not compared kubelet-gate-off", "not compared sidecars-alpha"}, 0},
	} {
		d := Compare(test.before, test.after, "x", "y", "v")
		var got []string
		for _, f := range d.Findings {
			got = append(got, fmt.Sprintf("%s %s", f.Change, f.Object))
		}
		for _, g := range d.Gaps {
			got = append(got, fmt.Sprintf("%s %s %s", g.Change, g.Kind, g.Scope))
		}
		for _, id := range d.NotCompared {
			got = append(got, "not compared "+id)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || d.ExitCode(checks.Error) != test.exit {
			t.Errorf("%s: exit %d, want %d; -want +got:\n%s", test.name, d.ExitCode(checks.Error), test.exit, diff)
		}
	}
	warning := Compare(gateOff(nil), gateOff([]checks.Finding{a}), "x", "y", "v")
	warning.Findings[0].Severity = checks.Warning
	if got := [2]int{warning.ExitCode(checks.Warning), warning.ExitCode(checks.Error)}; got != [2]int{3, 0} {
		t.Errorf("a new warning: exit codes for warning and error %v", got)
	}
}

func said(f checks.Finding, message string) checks.Finding {
	f.Message = message
	return f
}
