package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts/factstest"
)

// recorded is what a real cluster showed of a situation.
func recorded(t *testing.T, situation string) *facts.Snapshot {
	t.Helper()
	return factstest.Read(t, "../../test/e2e/cases/"+situation+"/seen.yaml")
}

// TestBlamed is about whose log is worth a request.
func TestBlamed(t *testing.T) {
	type log struct {
		container string
		previous  bool
	}
	for situation, want := range map[string]log{
		"01-server-as-init":      {"proxy", false},  // the pod waits for it
		"09-sidecar-oom":         {"proxy", true},   // it crashes before it counts as started
		"15-init-before-sidecar": {"migrate", true}, // the pod waits for it, and not for the sidecar
		"18-job-held":            {"logger", false}, // the answer names it
		"27-init-failing":        {"migrate", true}, // as above, with a sidecar that is fine
		"10-image-pull":          {},                // it never ran
		"04-kubelet-refuses":     {},                // nothing ever ran
		"22-quota":               {},                // there is no pod
	} {
		s := recorded(t, situation)
		diagnoses := pods.Judge(s, nil).Diagnoses
		if len(diagnoses) == 0 {
			t.Errorf("%s: no diagnosis", situation)
			continue
		}
		source, _ := logSourceOf(diagnoses[0])
		if diff := cmp.Diff(want, log{source.Container, source.Previous}, cmp.AllowUnexported(log{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", situation, diff)
		}
	}
}

// TestJudge is about files that do not say when they were taken: what lasts is found, what would be
// called young is unknown.
func TestJudge(t *testing.T) {
	for situation, want := range map[string]checks.Status{
		"01-server-as-init":          checks.Unknown, // for 22s, and it takes 30s
		"19-sidecar-not-ready":       checks.Fail,
		"silent-deployment":          checks.Pass,
		"silent-young-startup-probe": checks.Unknown,
	} {
		s := recorded(t, situation)
		s.TakenAt.Reset()
		got := checks.Pass
		s.CountToNewest()
		for _, r := range pods.Judge(s, nil).Results {
			switch {
			case r.Status() == checks.Fail:
				got = checks.Fail
			case r.Status() == checks.Unknown && got == checks.Pass:
				got = checks.Unknown
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", situation, got, want)
		}
		if len(s.GapsOf(facts.Clock, "file")) != 1 {
			t.Errorf("%s: gaps %v, want that of the clock", situation, s.Gaps)
		}
	}
}

func TestNarrow(t *testing.T) {
	for _, test := range []struct {
		names, selector string
		want            []string
	}{
		{"", "", []string{"Pod", "Deployment", "ReplicaSet"}},
		{"deploy/shop", "", []string{"Pod", "Deployment", "ReplicaSet"}},
		{"cronjob/shop", "", nil},
		{"", "app=shop", []string{"Pod", "Deployment", "ReplicaSet"}},
		{"", "app=other", nil},
	} {
		o := &whyOptions{selector: test.selector}
		if test.names != "" {
			names, err := collect.ParseNames([]string{test.names})
			if err != nil {
				t.Fatal(err)
			}
			o.names = names
		}
		s, _, _, err := o.narrow(recorded(t, "01-server-as-init"))
		if (err != nil) != (test.want == nil) {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		var got []string
		if s != nil {
			for _, m := range familyOf(s).members {
				got = append(got, m.Kind)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test, diff)
		}
	}
}
