package report

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Why is the report of `why`: that of the checks on pods, with the diagnoses that they lead to. asked are
// the objects that the user named.
func Why(s *facts.Snapshot, judged pods.Judgment, asked []checks.Object, toolVersion string) *Report {
	r := New(s, judged.Judgment, toolVersion)
	r.Until = s.TakenAt.Time
	if len(s.GapsOf(facts.Clock, "*")) > 0 {
		r.TakenAt = metav1.Time{}
	}
	r.Diagnoses, r.InProgress = judged.Diagnoses, judged.InProgress
	r.Verdict = r.whyVerdict(s)
	r.Summary = whySummary(r, s, asked)
	r.Meanwhile = meanwhile(r)
	return r
}

// whyVerdict: a root cause is an error; trouble without one, or what could not be seen, is unknown. Ready is said
// only where every pod is known to be well.
func (r *Report) whyVerdict(s *facts.Snapshot) Verdict {
	switch {
	case slices.ContainsFunc(r.Diagnoses, func(d pods.Diagnosis) bool { return d.RootCause != "" }):
		return NotReady
	case len(r.Diagnoses) > 0 || exitCode(r.Checks, checks.Info) != ExitOK || !readable(s):
		return Unknown
	case len(r.InProgress) > 0:
		return InProgress
	}
	return Ready
}

// WhyExitCode is 3 when a root cause was found, else 4 when something is wrong or may be and the
// cause could not be told, else 0. What is in progress is 4 as well where the user asked about it by name, or
// where it has lasted long. It does not depend on the format.
func (r *Report) WhyExitCode() int {
	long := slices.ContainsFunc(r.InProgress, func(d pods.Diagnosis) bool { return d.Progress.Long })
	switch {
	case r.Verdict == NotReady:
		return ExitFindings
	case r.Verdict == Unknown, r.Verdict == InProgress && (r.Named || long):
		return ExitUnknown
	}
	return ExitOK
}

// whySummary is the answer in one sentence.
func whySummary(r *Report, s *facts.Snapshot, asked []checks.Object) string {
	subject := "the pods that were looked at"
	if len(asked) == 1 {
		subject = ObjectName(asked[0])
	}
	switch {
	case len(r.Entries()) == 1:
		return Told(r.Entries()[0])
	case len(r.Diagnoses) > 0:
		return Troubled(r)
	case len(r.InProgress) > 0 && r.Verdict == InProgress:
		return fmt.Sprintf("nothing is wrong with %s so far: %s", subject, prose.Counted(podsIn(r.InProgress), "pod")+" in progress")
	case noPods(s) != "" && r.Verdict == Unknown:
		return "could not tell whether anything is wrong with " + subject + ": " + noPods(s)
	case len(s.Pods) == 0 && !readable(s):
		return "could not tell what is wrong with " + subject + ": pods could not be read"
	case r.Verdict == Unknown && unseen(r) != "":
		return "could not tell whether anything is wrong with " + subject + ": " + unseen(r)
	case len(s.Pods) > 0:
		return fmt.Sprintf("nothing is wrong with %s: %s", subject, states(s.Pods))
	}
	if why := unwanted(s, asked); why != "" {
		return "nothing is wrong: " + why
	}
	return "nothing is wrong with " + subject + ": there are no pods in trouble"
}

// noPods says of what was asked about that it has no pods; "" when all has some, or when more could not be read.
func noPods(s *facts.Snapshot) string {
	var out []string
	for _, g := range s.GapsOf(facts.Pods, "") {
		if !g.NoPods() {
			return ""
		}
		out = append(out, g.Reason)
	}
	return strings.Join(out, "; ")
}

// unwanted says of each object that was asked about why it is to have no pods; "" when one should have some.
func unwanted(s *facts.Snapshot, asked []checks.Object) string {
	var out []string
	for _, o := range asked {
		words, ok := unwantedWords[s.Unwanted(o.Kind, o.Namespace, o.Name)]
		if !ok {
			return ""
		}
		out = append(out, ObjectName(o)+" "+words)
	}
	return strings.Join(out, "; ")
}

var unwantedWords = map[facts.Unwanted]string{
	facts.UnwantedReplicas:  "wants no pods: it is scaled to 0",
	facts.UnwantedSuspended: "wants no pods: it is suspended",
	facts.UnwantedPaused:    "makes no pods: its rollout is paused",
	facts.UnwantedCompleted: "has completed, and its pods are gone",
}

// readable reports whether pods could be read at all.
func readable(s *facts.Snapshot) bool { return s.Has(facts.Pods) && len(s.GapsOf(facts.Pods, "")) == 0 }

// Entries are the diagnoses, and what is in progress.
func (r *Report) Entries() []pods.Diagnosis { return slices.Concat(r.Diagnoses, r.InProgress) }

// Told is a diagnosis, or what is in progress, in one line.
func Told(d pods.Diagnosis) string {
	if d.Progress != nil {
		return ObjectName(d.Object) + PodsOf(d) + ": in progress: " + d.Message
	}
	return ObjectName(d.Object) + PodsOf(d) + ": " + d.Message
}

func podsIn(list []pods.Diagnosis) int {
	n := 0
	for _, d := range list {
		n += len(d.Pods)
	}
	return n
}

// PodsOf counts the pods of a diagnosis that is about several.
func PodsOf(d pods.Diagnosis) string {
	if len(d.Pods) < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s)", prose.Counted(len(d.Pods), "pod"))
}

// Troubled counts several diagnoses.
func Troubled(r *Report) string {
	pods, causes, unexplained := 0, []string{}, 0
	for _, d := range r.Diagnoses {
		pods += len(d.Pods)
		switch {
		case d.RootCause == "":
			unexplained++
		case !slices.Contains(causes, d.RootCause):
			causes = append(causes, d.RootCause)
		}
	}
	var parts []string
	if pods > 0 {
		parts = append(parts, prose.Counted(pods, "pod")+" in trouble")
	}
	if refused := none(r.Diagnoses); refused > 0 {
		should := "it should have"
		if refused > 1 {
			should = "they should have"
		}
		parts = append(parts, prose.Counted(refused, "workload")+" without the pods "+should)
	}
	if len(causes) > 0 {
		parts = append(parts, prose.Counted(len(causes), "root cause"))
	}
	if unexplained > 0 {
		parts = append(parts, fmt.Sprintf("%d without a known cause", unexplained))
	}
	if n := podsIn(r.InProgress); n > 0 {
		parts = append(parts, prose.Counted(n, "pod")+" in progress")
	}
	return strings.Join(parts, ", ")
}

// none counts the diagnoses without any pod.
func none(list []pods.Diagnosis) int {
	n := 0
	for _, d := range list {
		if len(d.Pods) == 0 {
			n++
		}
	}
	return n
}

// states counts pods by what they do, for the reader of a "nothing is wrong".
func states(list []corev1.Pod) string {
	var order []string
	counts := map[string]int{}
	for i := range list {
		state := pods.StateOf(&list[i])
		if counts[state] == 0 {
			order = append(order, state)
		}
		counts[state]++
	}
	var words []string
	for _, state := range order {
		words = append(words, fmt.Sprintf("%s %s", prose.Counted(counts[state], "pod"), state))
	}
	return strings.Join(words, ", ")
}
