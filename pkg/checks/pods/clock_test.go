package pods

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// nonsense is how long something lasts that has not begun.
var nonsense = regexp.MustCompile(`\bfor (0s|-\d)|\b(0s|-\d\w*) ago|<invalid>`)

// TestClockBehind reads every recorded situation by a clock that is seven hours behind, as a kubelet's
// times look whose own clock is ahead: everything lies in the future. Then nothing is known of how
// long it lasts. It is neither young, and the pod fine, nor is an age invented.
func TestClockBehind(t *testing.T) {
	files, err := filepath.Glob(recordings + "/*/seen.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := facts.Read(bytes.NewReader(data), file)
		if err != nil {
			t.Fatal(err)
		}
		m := recordedAt.FindSubmatch(data)
		if m == nil {
			t.Fatalf("%s: not recorded at a time", file)
		}
		at, err := time.Parse(time.RFC3339, string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		s.Seen = append(s.Seen, facts.Clock)
		s.TakenAt = metav1.NewTime(at)
		before := Judge(s, nil).Diagnoses
		s.TakenAt = metav1.NewTime(at.Add(-7 * time.Hour))
		judged := Judge(s, nil)
		results, after, silent := judged.Results, judged.Diagnoses, true
		for _, r := range results {
			silent = silent && len(r.Outcome.Missing) == 0
			for _, f := range r.Outcome.Findings {
				for _, text := range slices.Concat([]string{f.Message, f.Fix}, f.Evidence) {
					if found := nonsense.FindString(text); found != "" {
						t.Errorf("%s: %s: %q in %s", file, r.Check.ID, found, text)
					}
				}
			}
		}
		for _, d := range after {
			for _, text := range slices.Concat([]string{d.Message, d.Fix}, d.Evidence) {
				if found := nonsense.FindString(text); found != "" {
					t.Errorf("%s: diagnosis %s: %q in %s", file, d.RootCause, found, text)
				}
			}
		}
		if len(before) > 0 && len(after) == 0 && silent && !gotOver(s, before[0]) {
			t.Errorf("%s: %s, and nothing by another clock", file, before[0].RootCause)
		}
	}
}

// gotOver reports whether a diagnosis is about a pod that is ready again: what it had is history as soon as
// it is not known to be recent.
func gotOver(s *facts.Snapshot, d Diagnosis) bool {
	return slices.ContainsFunc(s.Pods, func(p corev1.Pod) bool {
		return p.Name == d.Pods[0] && facts.PodReady(&p)
	})
}
