package pods

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// recordings are what real clusters showed of situations that why must tell, and of ones that must
// leave it silent; they are made by test/e2e.
const recordings = "../../../test/e2e/cases"

var recordedAt = regexp.MustCompile(`(?m)^# Recorded at (\S+) `)

// A recording is what the case says of itself.
type recording struct {
	What    string `json:"what"`
	Expect  string `json:"expect"`
	Because string `json:"because"`
	Known   string `json:"known"`
	// WithoutLog is the root cause where no log is seen: recordings have none.
	WithoutLog *string `json:"withoutLog"`
	// Progress is what the pod waits for where it is in progress, Puzzle that its trouble has no known cause.
	Progress string `json:"progress"`
	Puzzle   bool   `json:"puzzle"`
}

// undecidedRecordings are recordings whose expected root cause cannot be told from what is read, and why. Their
// answer must then have no root cause, rather than a guess.
var undecidedRecordings = map[string]string{
	"25-ignores-term":     "nothing shows that the regular container has ended",
	"25-ignores-term-136": "nothing shows that the regular container has ended",
}

func TestRecorded(t *testing.T) {
	files, err := filepath.Glob(recordings + "/*/seen.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c recording
			text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "case.yaml"))
			if err == nil {
				err = yaml.Unmarshal(text, &c)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := facts.Read(bytes.NewReader(data), file)
			if err != nil {
				t.Fatal(err)
			}
			if m := recordedAt.FindSubmatch(data); m != nil {
				at, err := time.Parse(time.RFC3339, string(m[1]))
				if err != nil {
					t.Fatal(err)
				}
				s.TakenAt = metav1.NewTime(at)
				s.Seen = append(s.Seen, facts.Clock)
			}
			judged := Judge(s, nil)
			got := judged.Diagnoses
			t.Logf("%s\n%s", c.What, checktest.YAML(t, got))
			var waits []string
			for _, d := range judged.InProgress {
				waits = append(waits, string(d.Progress.WaitsFor))
			}
			if waits := strings.Join(waits, " "); waits != c.Progress {
				t.Errorf("%s: in progress: %q, want %q", c.What, waits, c.Progress)
			}
			var causes []string
			for _, d := range got {
				causes = append(causes, d.RootCause)
			}
			slices.Sort(causes)
			want := []string{c.Expect}
			if c.Expect == "" && !c.Puzzle {
				want = nil
			}
			causes = slices.Compact(causes)
			if c.WithoutLog != nil {
				for _, id := range causes {
					if id != "" && id != *c.WithoutLog {
						t.Errorf("%s: root cause %q, want %q where no log is seen", c.What, id, *c.WithoutLog)
					}
				}
			} else if why := undecidedRecordings[name]; why != "" {
				if slices.ContainsFunc(causes, func(id string) bool { return id != "" }) {
					t.Errorf("%s: root causes %q, though %s", c.What, causes, why)
				}
			} else if !slices.Equal(causes, want) && c.Known == "" {
				t.Errorf("%s: root causes %q, want %q", c.What, causes, want)
			}
		})
	}
}

// TestBareObjects takes away what a pod may lack: nothing may depend on it being there.
func TestBareObjects(t *testing.T) {
	for _, c := range suite.Cases(t) {
		for _, cut := range []func(p *corev1.Pod){
			func(p *corev1.Pod) { p.Status = corev1.PodStatus{} },
			func(p *corev1.Pod) { p.Status.InitContainerStatuses = nil },
			func(p *corev1.Pod) { p.Status.ContainerStatuses, p.Status.Conditions = nil, nil },
			func(p *corev1.Pod) { p.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName} },
			func(p *corev1.Pod) { p.OwnerReferences, p.CreationTimestamp = nil, metav1.Time{} },
			func(p *corev1.Pod) { p.DeletionTimestamp = &p.CreationTimestamp; p.DeletionGracePeriodSeconds = nil },
			func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed },
		} {
			s := *c.Snapshot
			s.Pods = slices.Clone(s.Pods)
			for i := range s.Pods {
				s.Pods[i] = *s.Pods[i].DeepCopy()
				cut(&s.Pods[i])
				sceneOf(&s).subject(&s.Pods[i]).timeline()
			}
			Judge(&s, nil)
		}
	}
}
