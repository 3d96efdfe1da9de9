package report

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Diagnosis is why one pod, or the pods of one owner, do not work, with the picture of one pod.
type Diagnosis struct {
	checks.Diagnosis
	// Timeline is of the pod, or of one of the pods, that the diagnosis is about: a row for each
	// container in start order. It is empty when no pod was ever created.
	Timeline []checks.Row `json:"timeline"`
}

// Why is the report of `why`: that of the checks on pods, with the diagnoses that they lead to.
func Why(s *facts.Snapshot, results []checks.Result, asked []checks.Object, toolVersion string) *Report {
	results = withGaps(s, results, asked)
	r := New(s, results, toolVersion)
	r.Until = s.TakenAt.Time
	if len(s.GapsOf(facts.Clock, "*")) > 0 {
		r.TakenAt = metav1.Time{}
	}
	r.Diagnoses = []Diagnosis{}
	pods := apart(s)
	for _, d := range checks.Diagnose(s, results) {
		r.Diagnoses = append(r.Diagnoses, Diagnosis{Diagnosis: d, Timeline: pods.timeline(d)})
	}
	r.Verdict = r.whyVerdict(s)
	r.Summary = whySummary(r, s, asked)
	return r
}

// alone is what a snapshot says of each of its pods. A timeline needs nothing else, and a thousand of
// them would otherwise look through a thousand pods' events each.
type alone map[checks.Object]*facts.Snapshot

func apart(s *facts.Snapshot) alone {
	out := alone{}
	for i := range s.Pods {
		out[checks.Object{Kind: "Pod", Namespace: s.Pods[i].Namespace, Name: s.Pods[i].Name}] = &facts.Snapshot{
			TakenAt: s.TakenAt, Seen: s.Seen, Gaps: s.GapsOf(facts.Clock, "*"), Pods: s.Pods[i : i+1],
		}
	}
	for _, e := range s.Events {
		about := checks.Object{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}
		if pod := out[about]; pod != nil {
			pod.Events = append(pod.Events, e)
		}
	}
	return out
}

// timeline is that of the first pod of a diagnosis.
func (a alone) timeline(d checks.Diagnosis) []checks.Row {
	if len(d.Pods) == 0 {
		return []checks.Row{}
	}
	s := a[checks.Object{Kind: "Pod", Namespace: d.Object.Namespace, Name: d.Pods[0]}]
	if s == nil {
		return []checks.Row{}
	}
	return append([]checks.Row{}, checks.Timeline(s, &s.Pods[0])...)
}

// Timeline is that of the first pod of a diagnosis; empty when it was not seen.
func Timeline(s *facts.Snapshot, d checks.Diagnosis) []checks.Row { return apart(s).timeline(d) }

// refused is the check that looks at what makes pods rather than at pods.
const refused = "pod-refused"

// withGaps adds what could not be read at all to the check whose answer rests on it, unless every
// pod that was asked about is there and well: then nothing else could tell more.
func withGaps(s *facts.Snapshot, results []checks.Result, asked []checks.Object) []checks.Result {
	onlyPods := len(asked) > 0 && !slices.ContainsFunc(asked, func(o checks.Object) bool { return o.Kind != "Pod" })
	well := len(s.Pods) > 0 && !slices.ContainsFunc(s.Pods, func(p corev1.Pod) bool { return !settled(&p) })
	if onlyPods && well {
		return results
	}
	results = slices.Clone(results)
	for i := range results {
		if results[i].Check.ID != refused {
			continue
		}
		missing := slices.Clone(results[i].Outcome.Missing)
		for _, kind := range makers {
			for _, g := range s.GapsOf(kind, "") {
				if !slices.Contains(missing, g) {
					missing = append(missing, g)
				}
			}
		}
		results[i].Outcome.Missing = missing
	}
	return results
}

// makers are the kinds that tell of pods that were never created.
var makers = []facts.Kind{
	facts.Events, facts.Deployments, facts.ReplicaSets, facts.StatefulSets, facts.DaemonSets, facts.Jobs, facts.CronJobs,
}

// whyVerdict: a root cause is an error; trouble without one, or what could not be seen, is unknown.
func (r *Report) whyVerdict(s *facts.Snapshot) Verdict {
	switch {
	case slices.ContainsFunc(r.Diagnoses, func(d Diagnosis) bool { return d.RootCause != "" }):
		return NotReady
	case len(r.Diagnoses) > 0 || exitCode(r.Checks, checks.Info) != ExitOK || !readable(s) || tooEarly(s):
		return Unknown
	}
	return Ready
}

// tooEarly reports whether a pod would be called young, and when that was is not known.
func tooEarly(s *facts.Snapshot) bool {
	return len(s.GapsOf(facts.Clock, "*")) > 0 && slices.ContainsFunc(s.Pods, func(p corev1.Pod) bool {
		return !settled(&p)
	})
}

// WhyExitCode is 3 when a root cause was found, else 4 when something is wrong or may be and the
// cause could not be told, else 0. It does not depend on the format.
func (r *Report) WhyExitCode() int {
	switch r.Verdict {
	case NotReady:
		return ExitFindings
	case Unknown:
		return ExitUnknown
	}
	return ExitOK
}

// whySummary is the answer in one sentence.
func whySummary(r *Report, s *facts.Snapshot, asked []checks.Object) string {
	subject := "the pods that were looked at"
	if len(asked) == 1 {
		subject = objectName(asked[0])
	}
	switch {
	case len(r.Diagnoses) == 1:
		d := r.Diagnoses[0]
		return objectName(d.Object) + podsOf(d) + ": " + d.Message
	case len(r.Diagnoses) > 1:
		return troubled(r)
	case len(s.Pods) == 0 && !readable(s):
		return "could not tell what is wrong with " + subject + ": pods could not be read"
	case r.Verdict == Unknown && unseen(r) != "":
		return "could not tell whether anything is wrong with " + subject + ": " + unseen(r)
	case r.Verdict == Unknown:
		return fmt.Sprintf("could not tell whether anything is wrong with %s: %s, and for how long is not known", subject, states(s.Pods))
	case len(s.Pods) == 0:
		return "nothing is wrong with " + subject + ": there are no pods in trouble"
	}
	return fmt.Sprintf("nothing is wrong with %s: %s", subject, states(s.Pods))
}

// readable reports whether pods could be read at all.
func readable(s *facts.Snapshot) bool { return s.Has(facts.Pods) && len(s.GapsOf(facts.Pods, "")) == 0 }

// podsOf counts the pods of a diagnosis that is about several.
func podsOf(d Diagnosis) string {
	if len(d.Pods) < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s)", number(len(d.Pods), "pod"))
}

// troubled counts several diagnoses.
func troubled(r *Report) string {
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
		parts = append(parts, number(pods, "pod")+" in trouble")
	}
	if refused := none(r.Diagnoses); refused > 0 {
		parts = append(parts, number(refused, "workload")+" without the pods it should have")
	}
	if len(causes) > 0 {
		parts = append(parts, number(len(causes), "root cause"))
	}
	if unexplained > 0 {
		parts = append(parts, fmt.Sprintf("%d without a known cause", unexplained))
	}
	return strings.Join(parts, ", ")
}

// none counts the diagnoses without any pod.
func none(list []Diagnosis) int {
	n := 0
	for _, d := range list {
		if len(d.Pods) == 0 {
			n++
		}
	}
	return n
}

// states counts pods by what they do, for the reader of a "nothing is wrong".
func states(pods []corev1.Pod) string {
	var order []string
	counts := map[string]int{}
	for i := range pods {
		state := stateOf(&pods[i])
		if counts[state] == 0 {
			order = append(order, state)
		}
		counts[state]++
	}
	var words []string
	for _, state := range order {
		words = append(words, fmt.Sprintf("%s %s", number(counts[state], "pod"), state))
	}
	return strings.Join(words, ", ")
}

func stateOf(p *corev1.Pod) string {
	switch {
	case p.DeletionTimestamp != nil:
		return "being deleted, within its grace period"
	case p.Status.Phase == corev1.PodSucceeded:
		return "completed"
	case p.Status.Phase == corev1.PodFailed:
		return "failed without a sign of a sidecar or of its init phase"
	case ready(p):
		return "running and ready"
	case p.Status.Phase == corev1.PodRunning:
		return "running, not ready yet"
	}
	return "starting"
}

// settled reports whether a pod is where it will stay, as far as its start and end go.
func settled(p *corev1.Pod) bool {
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return p.DeletionTimestamp == nil && (ended || ready(p))
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
