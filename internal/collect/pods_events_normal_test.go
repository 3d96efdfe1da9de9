package collect

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	podchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestIndeterminate: a scan of a cluster reads warnings, and normal events only of some pods. Every snapshot of
// the checks' test data has to be judged by those as it is by all events.
func TestIndeterminate(t *testing.T) {
	files, err := filepath.Glob("../../pkg/checks/pods/testdata/*/*.txtar")
	if err != nil || len(files) < 80 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	needed := 0
	for _, file := range files {
		all, scanned, warnings := readPods(t, file), readPods(t, file), readPods(t, file)
		at := all.TakenAt.Time
		if at.IsZero() {
			at = all.NewestTime().Time
		}
		dropNormal(scanned, func(p *corev1.Pod) bool { return indeterminate(p, at) })
		dropNormal(warnings, func(*corev1.Pod) bool { return false })
		want := verdicts(all)
		if diff := cmp.Diff(want, verdicts(scanned)); diff != "" {
			t.Errorf("%s: (-all events +those of a scan)\n%s", file, diff)
		}
		if !slices.Equal(want, verdicts(warnings)) {
			needed++
		}
	}
	if needed == 0 {
		t.Error("normal events make no difference anywhere: this test shows nothing")
	}
	t.Logf("normal events are needed in %d of %d", needed, len(files))
}

func readPods(t *testing.T, file string) *facts.Snapshot {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == "snapshot.yaml" {
			s, err := facts.ReadStrict(bytes.NewReader(f.Data), file)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	t.Fatalf("%s has no snapshot.yaml", file)
	return nil
}

// dropNormal drops the normal events about pods that are not kept.
func dropNormal(s *facts.Snapshot, keep func(*corev1.Pod) bool) {
	s.Events = slices.DeleteFunc(s.Events, func(e corev1.Event) bool {
		about := slices.IndexFunc(s.Pods, func(p corev1.Pod) bool { return p.UID == e.InvolvedObject.UID })
		return e.Type == corev1.EventTypeNormal && (about < 0 || !keep(&s.Pods[about]))
	})
}

// verdicts is what the checks find, what they say of it and what they advise; of the pods in which they find nothing, what is
// said of those. The evidence may have one event more or less.
func verdicts(s *facts.Snapshot) []string {
	var out []string
	j := podchecks.Judge(s, nil)
	for _, r := range j.Results {
		out = append(out, r.Check.ID+": "+string(r.Status()))
		for _, f := range r.Outcome.Findings {
			out = append(out, fmt.Sprintf("%s: %s %v: %s\n%s", r.Check.ID, f.Object, f.Because, f.Message, f.Fix))
		}
	}
	for _, d := range slices.Concat(j.Diagnoses, j.InProgress) {
		out = append(out, fmt.Sprintf("%s %q: %s", d.Object, d.RootCause, d.Message))
	}
	return out
}

func TestIndeterminateByAge(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for age, want := range map[time.Duration]bool{time.Minute: true, time.Hour: false} {
		p := &corev1.Pod{}
		p.CreationTimestamp.Time = now.Add(-age)
		if got := indeterminate(p, now); got != want {
			t.Errorf("without a node for %v: %t, want %t", age, got, want)
		}
	}
}

// TestReadNormal: where many pods of a namespace need normal events, one list serves, of which only their
// events are kept; where few do, each has a list of its own.
func TestReadNormal(t *testing.T) {
	f := newFakeAPI(t)
	now := f.options().Now()
	var pods corev1.PodList
	pod := func(namespace, name string, age time.Duration) {
		p := corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}
		p.Namespace, p.Name, p.UID, p.CreationTimestamp.Time = namespace, name, types.UID(name), now.Add(-age)
		pods.Items = append(pods.Items, p)
	}
	for i := range fewPods + 1 {
		pod("many", fmt.Sprint("m", i), time.Minute)
	}
	pod("few", "f0", time.Minute)
	pod("few", "old", time.Hour)
	event := func(uid, reason string) corev1.Event {
		e := corev1.Event{Reason: reason, Type: corev1.EventTypeNormal}
		e.InvolvedObject.UID = types.UID(uid)
		return e
	}
	f.handlers["GET /api/v1/pods"] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, pods) }
	f.handlers["GET /api/v1/events"] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, corev1.EventList{}) }
	f.handlers["GET /apis/apps/v1/deployments"] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, appsv1.DeploymentList{}) }
	var mu sync.Mutex
	var asked []string
	for _, namespace := range []string{"many", "few"} {
		f.handlers["GET /api/v1/namespaces/"+namespace+"/events"] = func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked = append(asked, namespace+" "+r.URL.Query().Get("fieldSelector"))
			mu.Unlock()
			list := corev1.EventList{Items: []corev1.Event{event("m1", "TriggeredScaleUp"), event("m3", "Nominated"), event("other", "Pulled")}}
			if namespace == "few" {
				list.Items = []corev1.Event{event("f0", "TriggeredScaleUp")}
			}
			reply(w, 200, list)
		}
	}
	r, err := NewPodReader(f.options(), PodQuery{AllNamespaces: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Read(t.Context())
	if err != nil || len(s.Gaps) > 0 {
		t.Fatalf("%v, gaps %v", err, s.Gaps)
	}
	slices.Sort(asked)
	if diff := cmp.Diff([]string{"few involvedObject.uid=f0,type=Normal", "many type=Normal"}, asked); diff != "" {
		t.Errorf("lists (-want +got)\n%s", diff)
	}
	var kept []string
	for _, e := range s.Events {
		kept = append(kept, string(e.InvolvedObject.UID)+" "+e.Reason)
	}
	slices.Sort(kept)
	if diff := cmp.Diff([]string{"f0 TriggeredScaleUp", "m1 TriggeredScaleUp", "m3 Nominated"}, kept); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
}
