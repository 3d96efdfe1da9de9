package report

import (
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
)

// TestMeanwhile: where native sidecars do not run, what else can be done is said, with the strategy that works there.
func TestMeanwhile(t *testing.T) {
	of := func(ids ...string) *Report {
		r := &Report{}
		for _, id := range ids {
			r.Checks = append(r.Checks, Entry{ID: id, Findings: []checks.Finding{{Message: "x"}}})
		}
		return r
	}
	why := func(cause, container string) *Report {
		return &Report{Diagnoses: []pods.Diagnosis{{RootCause: "startup-probe-failing"}, {RootCause: cause, Container: container}}}
	}
	for _, test := range []struct {
		name string
		r    *Report
		want string // the last line of the command; "" for no offer
	}{
		{"ready", of(), ""},
		{"something-else", of("scheduler-gate-off"), ""},
		{"kubelets-reject", of("kubelet-gate-off"), "kubectl sidecar convert -f FILE --strategy wrapper"},
		{"api-server-drops-it-first", of("apiserver-gate-off", "kubelet-gate-off"), "kubectl sidecar convert -f FILE --strategy universal"},
		{"webhook", of("webhook-strips-restart-policy"), "kubectl sidecar convert -f FILE --strategy universal"},
		{"waived", &Report{Checks: []Entry{{ID: "kubelet-gate-off"}}}, ""},
		{"pod-rejected", why("kubelet-refuses-sidecars", "proxy"), "kubectl sidecar convert -f FILE -c proxy --strategy wrapper"},
		{"pod-stripped", why("restart-policy-stripped", ""), "kubectl sidecar convert -f FILE --strategy universal"},
		{"pod-otherwise", why("sidecar-crash-looping", "proxy"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			steps := meanwhile(test.r)
			if len(steps) == 0 {
				if test.want != "" {
					t.Error("nothing is offered")
				}
				return
			}
			lines := strings.Split(steps[0].Command, "\n")
			if got := lines[len(lines)-1]; got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
