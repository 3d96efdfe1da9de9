package pods

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// livenessFailures are the failures of the liveness probe of a container, in its current and last runs.
func (p subject) livenessFailures(c container) []corev1.Event {
	return lately(c, p.probeEvents(c, "Liveness probe failed"))
}

// livenessKills say that the kubelet stopped a container because of its liveness probe.
func (p subject) livenessKills(c container) []corev1.Event {
	kills := slices.DeleteFunc(p.eventsAbout(c, "Killing"), func(e corev1.Event) bool { return !strings.Contains(e.Message, "failed liveness probe") })
	return lately(c, kills)
}

// lately drops events that are of long before the last exit of a container. What is repeated often the kubelet tells
// only every few minutes.
func lately(c container, events []corev1.Event) []corev1.Event {
	end := c.ended()
	return slices.DeleteFunc(events, func(e corev1.Event) bool {
		return end != nil && eventTime(e).Time.Before(end.FinishedAt.Add(-recent))
	})
}

// killedByLiveness reports whether the kubelet restarts a container because its liveness probe fails: it says so, or
// the probe fails and the container exits as if asked to.
func (p subject) killedByLiveness(c container) bool {
	return c.LivenessProbe != nil && c.ended() != nil &&
		(len(p.livenessKills(c)) > 0 || c.stopped() && len(p.livenessFailures(c)) > 0)
}

// livenessEvidence is what the liveness probe asks and gets, and that the kubelet stopped the container; nil where
// nothing says that it fails.
func (p subject) livenessEvidence(c container) []string {
	if !p.killedByLiveness(c) {
		return nil
	}
	return slices.Concat([]string{"livenessProbe of " + c.Name + ": " + probeText(c.Container, c.LivenessProbe) + ", " + pace(c.LivenessProbe)},
		newest(p.s.Snapshot, p.livenessFailures(c), 1), newest(p.s.Snapshot, p.livenessKills(c), 1))
}

// livenessAnswer is what the probe gets, for a message; "" when no event says it.
func (p subject) livenessAnswer(c container) string {
	if failures := p.livenessFailures(c); len(failures) > 0 {
		return answer(failures[0])
	}
	return ""
}

// A cure is what helps against an answer that a liveness probe gets.
type cure struct {
	answer *regexp.Regexp
	steps  func(p subject, c container) []checks.Step
}

// cures tell why a liveness probe may fail, by what it gets; the first that fits counts. None of them removes the
// probe: it says that the container does not work.
var cures = []cure{
	{regexp.MustCompile(`context deadline exceeded|Client\.Timeout|i/o timeout|timed out|timeout:`), func(p subject, c container) []checks.Step {
		longer := max(5, 2*c.LivenessProbe.TimeoutSeconds)
		return p.exampleSteps(fmt.Sprintf("It does not answer within %ds. See whether its CPU limit slows it down, or give it longer", cmp.Or(c.LivenessProbe.TimeoutSeconds, 1)),
			c, edit{c.Name, map[string]any{"livenessProbe": map[string]any{"timeoutSeconds": longer}}})
	}},
	{refusedWord, func(p subject, c container) []checks.Step {
		if c.StartupProbe != nil {
			return []checks.Step{{Text: "Nothing listens there. Correct the port of the probe, or the address that the program listens on: the kubelet asks the pod's IP, not localhost."}}
		}
		return p.editWithProbe("Nothing listens there. If it only needs longer to start, give it a startupProbe, before which the liveness probe does not run; else correct the port", c,
			told(c, software.AsStartup("livenessProbe", c.LivenessProbe)), map[string]any{})
	}},
	{regexp.MustCompile(`statuscode: 404|statuscode: 40[135]`), func(subject, container) []checks.Step {
		return []checks.Step{{Text: "It works and rejects the question: correct the path, port, scheme or headers of the livenessProbe."}}
	}},
}

// livenessSteps are what to do about a liveness probe that fails.
func (p subject) livenessSteps(c container) []checks.Step {
	got := p.livenessAnswer(c)
	for _, k := range cures {
		if k.answer.MatchString(got) {
			return append(k.steps(p, c), p.logStep(c))
		}
	}
	text := "Correct what the liveness probe asks, or the probe: the kubelet restarts the container because it fails."
	if known := whyUnhealthy(c); known != "" {
		text = known
	}
	return []checks.Step{{Text: text}, p.logStep(c)}
}

// whyUnhealthy is what known software means by an error of its health endpoint; "" where that is not known.
func whyUnhealthy(c container) string {
	if k := software.Of(c.Container); k != nil && k.Unhealthy != "" {
		return fmt.Sprintf("Correct what makes %s answer so: %s.", k.Name, k.Unhealthy)
	}
	return ""
}
