package pods

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestClockOfFiles reads every recorded situation as a file, which does not say when it was taken, and with the
// clock right, as if it had been taken at the time it was, and at others after the newest time in it. Whatever is
// diagnosed then is the answer about the file as well, or the answer names it as probable. It is never silent,
// and never certain of something else.
func TestClockOfFiles(t *testing.T) {
	files, err := filepath.Glob(recordings + "/*/seen.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var count struct{ probable, proven int }
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var recorded time.Time
		if m := recordedAt.FindSubmatch(data); m != nil {
			recorded, _ = time.Parse(time.RFC3339, string(m[1]))
		}
		probable, proven := sameByFile(t, filepath.Base(filepath.Dir(path)), recorded, data)
		count.probable += probable
		count.proven += proven
	}
	if count.probable < 10 || count.proven < 10 {
		t.Errorf("%+v answers: too few to tell anything", count)
	}
}

// TestClockOfSnapshots is TestClockOfFiles of the test data of the checks.
func TestClockOfSnapshots(t *testing.T) {
	for _, c := range suite.Cases(t) {
		taken, s := c.Snapshot.TakenAt.Time, *c.Snapshot
		s.TakenAt.Reset()
		s.Seen = slices.DeleteFunc(slices.Clone(s.Seen), func(k facts.Kind) bool { return k == facts.Clock })
		s.Gaps = slices.DeleteFunc(slices.Clone(s.Gaps), func(g facts.Gap) bool { return g.Kind == facts.Clock })
		var data bytes.Buffer
		if err := s.Write(&data); err != nil {
			t.Fatal(err)
		}
		sameByFile(t, c.Path, taken, data.Bytes())
	}
}

// sameByFile compares the answers about a file that does not say when it was taken with those at moments after the
// newest time in it, and at the one when it was taken.
func sameByFile(t *testing.T, name string, taken time.Time, data []byte) (probable, proven int) {
	t.Helper()
	read := func() *facts.Snapshot {
		s, err := facts.Read(bytes.NewReader(data), name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	file := read()
	file.CountToNewest()
	byFile := answers(Judge(file, nil).Diagnoses)
	newest := file.TakenAt.Time
	if newest.IsZero() {
		return 0, 0
	}
	at := []time.Time{newest, newest.Add(7 * time.Second), newest.Add(40 * time.Second), newest.Add(4 * time.Minute), newest.Add(12 * time.Minute), newest.Add(2 * time.Hour)}
	if taken.After(newest) {
		at = append(at, taken)
	}
	for _, at := range at {
		dated := read()
		dated.Seen, dated.TakenAt = append(dated.Seen, facts.Clock), metav1.NewTime(at)
		exact := answers(Judge(dated, nil).Diagnoses)
		for o, want := range exact {
			got := byFile[o]
			switch {
			case want.RootCause == "":
			case got.RootCause == want.RootCause:
				proven++
			case got.RootCause == "" && got.Probably.names(want.RootCause):
				probable++
			default:
				t.Errorf("%s, taken %s later: %s: %s, but by the file %q, probably %+v", name, at.Sub(newest), o.Name, want.RootCause, got.RootCause, got.Probably)
			}
		}
		for o, got := range byFile {
			if want := exact[o].RootCause; got.RootCause != "" && want != got.RootCause {
				t.Errorf("%s, taken %s later: %s: by the file certainly %s, but %q", name, at.Sub(newest), o.Name, got.RootCause, want)
			}
		}
	}
	return probable, proven
}

// names reports whether a check is among what is probable.
func (p *Probable) names(id string) bool {
	return p != nil && (p.Check == id || p.Else.names(id))
}

// answers are diagnoses by what each is about: every pod of it, or what has none.
func answers(list []Diagnosis) map[checks.Object]Diagnosis {
	out := map[checks.Object]Diagnosis{}
	for _, d := range list {
		for _, p := range d.Pods {
			out[checks.Object{Kind: "Pod", Namespace: d.Owner.Namespace, Name: p}] = d
		}
		if len(d.Pods) == 0 {
			out[d.Object] = d
		}
	}
	return out
}

// TestMoments: every duration that decides about pods is among the moments, or between two at which nothing else decides.
func TestMoments(t *testing.T) {
	if !slices.IsSorted(moments) || moments[0] != 0 {
		t.Errorf("moments %v: not in order", moments)
	}
}
