package minimize

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var recordedAt = regexp.MustCompile(`(?m)^# Recorded at (\S+) `)

// recordings are the snapshots of the test data: those of real clusters, of the documentation, and of the checks.
func recordings(t *testing.T) map[string]*facts.Snapshot {
	t.Helper()
	out := map[string]*facts.Snapshot{}
	for _, pattern := range []string{
		"../../test/e2e/cases/*/seen.yaml", "../../docs/examples/*.yaml", "../checks/cluster/testdata/*/*.txtar", "../checks/pods/testdata/*/*.txtar",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if archive := txtar.Parse(data); strings.HasSuffix(file, ".txtar") {
				data = archive.Files[0].Data
			}
			s, err := facts.Read(bytes.NewReader(data), file)
			if err != nil {
				continue // not a snapshot: waivers, alerts
			}
			if m := recordedAt.FindSubmatch(data); m != nil {
				at, err := time.Parse(time.RFC3339, string(m[1]))
				if err != nil {
					t.Fatal(err)
				}
				s.TakenAt = metav1.NewTime(at)
				s.Seen = append(s.Seen, facts.Clock)
			}
			if !s.TakenAt.IsZero() {
				out[strings.TrimPrefix(file, "../")] = s
			}
		}
	}
	return out
}

// small are the recordings minimized, each once for all tests.
var small = map[string]*facts.Snapshot{}

func minimized(t *testing.T, file string, s *facts.Snapshot) (*facts.Snapshot, Answer) {
	t.Helper()
	answer := Doctor
	if len(s.Pods) > 0 || s.Has(facts.Pods) {
		answer = Why
	}
	if small[file] == nil {
		out, err := Snapshot(t.Context(), s, answer)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		small[file] = out
	}
	return small[file], answer
}

func size(t *testing.T, s *facts.Snapshot) int {
	t.Helper()
	return len(text(t, s))
}

func text(t *testing.T, s *facts.Snapshot) string {
	t.Helper()
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRecordings: of every recorded snapshot the minimized one, written and read again, gives the same answer of the
// command that it is for, and is not larger.
func TestRecordings(t *testing.T) {
	all := recordings(t)
	var before, after int
	for name, s := range all {
		original, err := copied(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		small, answer := minimized(t, name, s)
		again, err := copied(small)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(answer(original, true), answer(again, true)); diff != "" {
			t.Errorf("%s: -before +after\n%s", name, diff)
		}
		b, a := size(t, original), size(t, small)
		if a > b {
			t.Errorf("%s: %d bytes of %d", name, a, b)
		}
		before, after = before+b, after+a
	}
	t.Logf("%d snapshots, %d bytes, minimized %d", len(all), before, after)
	if len(all) < 300 || after*2 > before {
		t.Errorf("%d snapshots have %d bytes, minimized %d: too few, or hardly smaller", len(all), before, after)
	}
}
