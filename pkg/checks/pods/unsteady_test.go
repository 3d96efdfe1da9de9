package pods

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// steadying has a container that began to run a while ago, whose pod became ready or unready some time ago.
func steadying(began time.Duration, ready bool, changed time.Duration) corev1.Pod {
	return shape(began, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 10, FailureThreshold: 3}
		p.Status.ContainerStatuses[0].Ready = ready
		status := map[bool]corev1.ConditionStatus{true: corev1.ConditionTrue, false: corev1.ConditionFalse}[ready]
		for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, LastTransitionTime: before(changed)})
		}
	})
}

func unhealthy(count int32, first, last time.Duration) corev1.Event {
	e := event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "", count, last)
	e.Type, e.FirstTimestamp = corev1.EventTypeWarning, before(first)
	e.InvolvedObject.FieldPath = "spec.containers{main}"
	return e
}

// TestUnsteady: what becomes unready again and again is ready in between, and not well. What took its time to start is.
func TestUnsteady(t *testing.T) {
	const h, m, s = time.Hour, time.Minute, time.Second
	for name, c := range map[string]struct {
		pod   corev1.Pod
		event corev1.Event
		want  string
	}{
		"ready again":                       {steadying(2*h, true, m), unhealthy(40, 40*m, 70*s), "waits for readiness"},
		"ready again long enough":           {steadying(2*h, true, hangTime), unhealthy(40, 40*m, hangTime+10*s), ""},
		"a slow start":                      {steadying(4*m, true, m), unhealthy(18, 4*m, 70*s), ""},
		"an unlucky probe":                  {steadying(2*h, true, 2*h-m), unhealthy(2, 4*m, 70*s), ""},
		"failures, and never unready":       {steadying(2*h, true, 2*h-m), unhealthy(20, 40*m, 70*s), ""},
		"a dependency was down once":        {steadying(2*h, true, 30*m), unhealthy(18, 33*m, 30*m+10*s), ""},
		"fails between":                     {steadying(2*h, true, m), unhealthy(40, 40*m, 10*s), "odd"},
		"fails between, over":               {steadying(2*h, true, 9*m), unhealthy(40, 40*m, 8*m), "odd"},
		"fails now and then":                {steadying(2*h, true, m), unhealthy(15, 40*m, 70*s), "odd"},
		"fails now and then, steady by now": {steadying(2*h, true, recent), unhealthy(15, 40*m, recent+10*s), ""},
		"unready again":                     {steadying(2*h, false, 20*s), unhealthy(15, 40*m, 10*s), "odd"},
		"unready for the first time":        {steadying(2*h, false, 20*s), unhealthy(4, 40*s, 10*s), "waits for readiness"},
		"flaps from the start":              {steadying(2*m, true, 20*s), unhealthy(6, 115*s, 25*s), "odd"},
		"flaps from the start, unready":     {steadying(2*m, false, 20*s), unhealthy(7, 115*s, 10*s), "odd"},
		"flapped from the start, steady":    {steadying(12*m, true, recent), unhealthy(6, 710*s, recent+5*s), ""},
		"too many events to tell":           {steadying(295*s, true, 55*s), unhealthy(19, 290*s, 60*s), "waits for readiness"},
		"too many to tell, steady by now":   {steadying(420*s, true, 3*m), unhealthy(19, 415*s, 185*s), ""},
		"a busy kubelet, a slow start":      {steadying(4*m, true, m), unhealthy(15, 4*m, 70*s), ""},
		"unready since it runs":             {steadying(m, false, m), unhealthy(4, 40*s, 10*s), "waits for readiness"},
	} {
		if got := judged(c.pod, c.event); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
