package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A Diff is what became of a cluster between two reports. Its JSON is public:
// docs/schema/diff.v1.json. Arrays are never null.
type Diff struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Tool       Tool   `json:"tool"`
	Before     Side   `json:"before"`
	After      Side   `json:"after"`
	// Summary is the comparison in one sentence.
	Summary  string        `json:"summary"`
	Findings []FindingDiff `json:"findings"`
	Gaps     []GapDiff     `json:"gaps"`
	Nodes    []NodeDiff    `json:"nodes"`
	// NotCompared are the checks that did not run on both sides.
	NotCompared []string `json:"notCompared"`
}

// A Side is one of the two reports.
type Side struct {
	// Source is what the user called it: a file, or the cluster.
	Source  string      `json:"source"`
	Cluster Cluster     `json:"cluster"`
	TakenAt metav1.Time `json:"takenAt"`
	Verdict Verdict     `json:"verdict"`
	Summary string      `json:"summary"`
}

// A Change is what became of a finding or a gap.
type Change string

const (
	// Appeared: it was not there before. Unwaived: it was, and did not count.
	Appeared Change = "new"
	Unwaived Change = "unwaived"
	// Gone: it was there, and the check saw all it needs and does not find it any more. Unseen: it was
	// there, and the check does not see all it needs. WaivedNow: it is still there and does not count.
	Gone      Change = "gone"
	Unseen    Change = "unseen"
	WaivedNow Change = "waived"
	// Changed: the same check finds something else to say of the same object.
	Changed Change = "changed"
	// Lost: it could be seen before, and cannot any more. Regained: the reverse.
	Lost     Change = "lost"
	Regained Change = "regained"
)

// A FindingDiff is a finding that is not the same in both reports.
type FindingDiff struct {
	Change   Change          `json:"change"`
	Check    string          `json:"check"`
	Severity checks.Severity `json:"severity"`
	Object   string          `json:"object"`
	// Before and After are the messages; empty where there is none.
	Before string `json:"before"`
	After  string `json:"after"`
	// Steps are those of the finding that is there now, Fix the same as one text; empty when none is.
	Steps []checks.Step `json:"steps,omitempty"`
	Fix   string        `json:"fix"`
}

// A GapDiff is something that a check could see in one of the reports only.
type GapDiff struct {
	Change   Change          `json:"change"`
	Check    string          `json:"check"`
	Severity checks.Severity `json:"severity"`
	Kind     facts.Kind      `json:"kind"`
	Scope    string          `json:"scope"`
	Reason   string          `json:"reason"`
}

// A NodeDiff is a node that came, went, or has another kubelet or gate. Its zero NodeState is that of a
// node that is not there.
type NodeDiff struct {
	Name   string    `json:"name"`
	Before NodeState `json:"before"`
	After  NodeState `json:"after"`
}

// A NodeState is the version and the gate of a kubelet, as in a NodeGroup; both empty for no node.
type NodeState struct {
	Version string `json:"version"`
	Gate    string `json:"gate"`
}

// Compare says what became of before. The names are what the user calls the two.
func Compare(before, after *Report, beforeName, afterName, toolVersion string) *Diff {
	d := &Diff{
		APIVersion: facts.APIVersion, Kind: "Diff", Tool: Tool{toolVersion},
		Before: side(before, beforeName), After: side(after, afterName),
		Findings: []FindingDiff{}, Gaps: []GapDiff{}, Nodes: nodeDiffs(before.Nodes, after.Nodes), NotCompared: []string{},
	}
	for _, b := range before.Checks {
		if at := entryOf(after, b.ID); at == nil || (at.Status == checks.Skipped) != (b.Status == checks.Skipped) {
			d.NotCompared = append(d.NotCompared, b.ID)
		}
	}
	for i := range after.Checks {
		a := &after.Checks[i]
		b := entryOf(before, a.ID)
		switch {
		case b == nil:
			d.NotCompared = append(d.NotCompared, a.ID)
		case !slices.Contains(d.NotCompared, a.ID):
			d.Findings = append(d.Findings, findingDiffs(b, a)...)
			d.Gaps = append(d.Gaps, gapDiffs(b, a)...)
		}
	}
	d.Summary = d.summary()
	return d
}

func side(r *Report, name string) Side {
	return Side{Source: name, Cluster: r.Cluster, TakenAt: r.TakenAt, Verdict: r.Verdict, Summary: r.Summary}
}

func entryOf(r *Report, id string) *Entry {
	if i := slices.IndexFunc(r.Checks, func(e Entry) bool { return e.ID == id }); i >= 0 {
		return &r.Checks[i]
	}
	return nil
}

// A compared is a finding, and whether it does not count. Two findings of a check are the same when they
// are about the same: messages have counts and versions in them.
type compared struct {
	checks.Finding
	waived bool
}

func subjects(e *Entry) map[string]compared {
	out := map[string]compared{}
	add := func(f checks.Finding, waived bool) {
		var names []string
		for _, s := range subjectsOf(f) {
			names = append(names, s[0])
		}
		key := strings.Join(names, ", ")
		if was, twice := out[key]; twice {
			f.Message = was.Message + "; " + f.Message
			waived = waived && was.waived
		}
		out[key] = compared{f, waived}
	}
	for _, f := range e.Findings {
		add(f, false)
	}
	for _, s := range e.Suppressed {
		add(s.Finding, true)
	}
	return out
}

func findingDiffs(before, after *Entry) []FindingDiff {
	was, is := subjects(before), subjects(after)
	var out []FindingDiff
	for object, a := range is {
		d := FindingDiff{Check: after.ID, Severity: after.Severity, Object: object, After: a.Message, Steps: a.Steps, Fix: a.Fix}
		b, there := was[object]
		d.Before = b.Message
		switch {
		case a.waived && (!there || b.waived):
			continue
		case a.waived:
			d.Change = WaivedNow
		case !there:
			d.Change = Appeared
		case b.waived:
			d.Change = Unwaived
		case b.Message != a.Message:
			d.Change = Changed
		default:
			continue
		}
		out = append(out, d)
	}
	for object, b := range was {
		if _, there := is[object]; there || b.waived {
			continue
		}
		d := FindingDiff{Change: Gone, Check: after.ID, Severity: after.Severity, Object: object, Before: b.Message}
		if blindTo(after, b.Object) {
			d.Change = Unseen
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b FindingDiff) int {
		return cmp.Or(cmp.Compare(changeRank(a.Change), changeRank(b.Change)), cmp.Compare(a.Object, b.Object))
	})
	return out
}

// blindTo reports whether a check may have overlooked an object: a node was seen when all that is missing
// is other nodes.
func blindTo(e *Entry, o checks.Object) bool {
	gaps := slices.Clone(e.Missing)
	for _, a := range e.Accepted {
		gaps = append(gaps, a.Gap)
	}
	return slices.ContainsFunc(gaps, func(g facts.Gap) bool {
		otherNode := o.Kind == "Node" && g.Instance.Kind == o.Kind && g.Instance.Name != o.Name
		return !otherNode
	})
}

// changeRank orders changes from the worst.
func changeRank(c Change) int {
	return slices.Index([]Change{Appeared, Unwaived, Lost, Changed, Unseen, WaivedNow, Gone, Regained}, c)
}

func nodeDiffs(before, after []NodeGroup) []NodeDiff {
	was, is := nodeStates(before), nodeStates(after)
	out := []NodeDiff{}
	for name, b := range was {
		if a := is[name]; a != b {
			out = append(out, NodeDiff{Name: name, Before: b, After: a})
		}
	}
	for name, a := range is {
		if _, there := was[name]; !there {
			out = append(out, NodeDiff{Name: name, After: a})
		}
	}
	slices.SortFunc(out, func(a, b NodeDiff) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func nodeStates(groups []NodeGroup) map[string]NodeState {
	out := map[string]NodeState{}
	for _, g := range groups {
		for _, name := range g.Names {
			out[name] = NodeState{Version: g.Version, Gate: g.Gate}
		}
	}
	return out
}

// ExitCode is 3 when there is a finding at or above failOn that was not there before, or did not count;
// else 4 when a check of that severity cannot see any more what it saw, or cannot tell whether what it
// found is gone; else 0. It does not depend on the format.
func (d *Diff) ExitCode(failOn checks.Severity) int {
	code := ExitOK
	for _, f := range d.Findings {
		switch {
		case f.Severity < failOn:
		case f.Change == Appeared || f.Change == Unwaived:
			return ExitFindings
		case f.Change == Unseen:
			code = ExitUnknown
		}
	}
	for _, g := range d.Gaps {
		if g.Severity >= failOn && g.Change == Lost {
			code = ExitUnknown
		}
	}
	return code
}

// summary counts what happened, the worst first.
func (d *Diff) summary() string {
	counts := map[Change]int{}
	for _, f := range d.Findings {
		counts[f.Change]++
	}
	gaps := map[Change]int{}
	for _, g := range d.Gaps {
		gaps[g.Change]++
	}
	lead := fmt.Sprintf("%s before, %s now", inWords(d.Before.Verdict), inWords(d.After.Verdict))
	if d.Before.Verdict == d.After.Verdict {
		lead = "still " + inWords(d.After.Verdict)
	}
	var parts []string
	add := func(n int, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add(counts[Appeared], "%d new")
	add(counts[Unwaived], "%d no longer waived")
	add(counts[Unseen], "%d that may be gone")
	add(counts[Changed], "%d changed")
	add(counts[WaivedNow], "%d now waived")
	add(counts[Gone], "%d gone")
	if len(parts) > 0 {
		parts = []string{"findings: " + strings.Join(parts, ", ")}
	}
	if n := gaps[Lost]; n > 0 {
		parts = append(parts, "no longer seen: "+prose.Counted(n, "fact"))
	}
	if n := gaps[Regained]; n > 0 {
		parts = append(parts, "seen again: "+prose.Counted(n, "fact"))
	}
	if len(d.Nodes) > 0 {
		parts = append(parts, prose.Counted(len(d.Nodes), "node")+" changed")
	}
	if len(parts) == 0 {
		parts = []string{"nothing changed"}
	}
	return lead + "; " + strings.Join(parts, "; ")
}
