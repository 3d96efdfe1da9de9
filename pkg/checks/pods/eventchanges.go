package pods

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// Which probe an event is about.
const (
	startupProbe   = "startup"
	readinessProbe = "readiness"
	livenessProbe  = "liveness"
)

// statusTells are the reasons of events that tell what the status of the pod tells as well, or what nobody waits for.
var statusTells = map[string]bool{"BackOff": true, "Killing": true, "Started": true, "Created": true, "Scheduled": true}

// eventChanges is what events say that were not there before, or that were seen again.
func eventChanges(before, after *scene) []Change {
	counts := map[string]int{}
	for _, e := range before.Events {
		counts[eventKey(e)] = times([]corev1.Event{e})
	}
	var out []Change
	for _, e := range after.Events {
		if n, known := counts[eventKey(e)]; known && n >= times([]corev1.Event{e}) {
			continue
		}
		if c, ok := after.eventChange(e); ok {
			out = append(out, c)
		}
	}
	return out
}

func eventKey(e corev1.Event) string {
	return cmp.Or(string(e.UID), e.Namespace+"/"+e.Name, e.InvolvedObject.Name+e.Reason+e.Message)
}

// eventChange is what one event says; false when the status says it, or it is no news.
func (s *scene) eventChange(e corev1.Event) (Change, bool) {
	about := checks.Object{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}
	c := Change{At: eventTime(e), Object: about, Reason: e.Reason, Message: e.Message}
	p, of := s.containerOf(e)
	if of != nil {
		c.Container, c.Type = of.Name, kindOf(*of)
	}
	switch {
	case e.Reason == "Pulling":
		c.What = ImagePulling
	case e.Reason == "Pulled":
		c.What = ImagePulled
	case of != nil && (e.Reason == "Unhealthy" || e.Reason == "ProbeWarning"):
		return p.probeChange(c, *of, e)
	case e.Type == corev1.EventTypeWarning && !statusTells[e.Reason]:
		c.What = Warned
	default:
		return Change{}, false
	}
	return c, true
}

// containerOf is the container that an event is about, with its pod; nil when it is about none.
func (s *scene) containerOf(e corev1.Event) (subject, *container) {
	for _, p := range s.subjects() {
		if p.Namespace != e.InvolvedObject.Namespace || p.Name != e.InvolvedObject.Name || e.InvolvedObject.Kind != "Pod" {
			continue
		}
		for _, c := range p.all() {
			if strings.HasSuffix(e.InvolvedObject.FieldPath, "ontainers{"+c.Name+"}") {
				return p, &c
			}
		}
	}
	return subject{}, nil
}

// probeChange is the failure of a probe; of a startup probe with how many failures there were so far.
func (p subject) probeChange(c Change, of container, e corev1.Event) (Change, bool) {
	c.What, c.Message = ProbeFailed, answer(e)
	switch {
	case strings.HasPrefix(e.Message, "Readiness"):
		c.Probe = readinessProbe
	case strings.HasPrefix(e.Message, "Liveness"):
		c.Probe = livenessProbe
	case of.StartupProbe != nil:
		c.Probe, c.Allowed = startupProbe, cmp.Or(of.StartupProbe.FailureThreshold, 3)
		if x, ok := p.probeProgress(of); ok {
			c.Failures = int32(min(x.failures, int(c.Allowed)))
		}
	}
	return c, true
}
