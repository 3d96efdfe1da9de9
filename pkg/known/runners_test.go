package known

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// TestRunners proves that every entry is complete, founded, and can be recognized.
func TestRunners(t *testing.T) {
	for _, r := range runners() {
		founded(t, "runner "+r.ID, r.Name, r.Evidence, r.Sources)
		if len(r.Owners)+len(r.Labels) == 0 || len(r.Work) == 0 || r.Template == "" && r.Stops == "" {
			t.Errorf("runner %s: nothing to recognize it by, no work, or nothing to do", r.ID)
		}
		for _, owner := range r.Owners {
			if kind, group, ok := strings.Cut(owner, "."); !ok || kind == "" || !strings.Contains(group, ".") {
				t.Errorf("runner %s: owner %q is no kind with its group", r.ID, owner)
			}
		}
		if slices.ContainsFunc(r.Work, func(p string) bool { _, err := path.Match(p, ""); return err != nil }) {
			t.Errorf("runner %s: work %q", r.ID, r.Work)
		}
		if (len(r.Readers) > 0) != (r.Reads != "") || (r.Reads+r.Stops != "") != (r.Look != "") {
			t.Errorf("runner %s: readers without what they are for, or nowhere to look", r.ID)
		}
		for _, text := range []string{r.Reads, r.Stops, r.Look, r.Template} {
			if strings.HasSuffix(text, ".") {
				t.Errorf("runner %s: %q ends with a period", r.ID, text)
			}
		}
	}
	if len(runners()) < 5 {
		t.Errorf("only %d runners", len(runners()))
	}
}

func TestRunnerOf(t *testing.T) {
	for _, test := range []struct {
		owner, label, want string
	}{
		{"Workflow.argoproj.io", "", "argo-workflows"},
		{"TaskRun.tekton.dev", "workflows.argoproj.io/workflow", "tekton"}, // the owner counts
		{"", "kubernetes_pod_operator", "airflow"},
		{"Workflow.example.com", "app", ""},
		{"", "", ""},
	} {
		got := ""
		if r := RunnerOf([]string{test.owner}, map[string]string{test.label: "x"}); r != nil {
			got = r.ID
		}
		if got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	if r := RunnerReading("airflow-xcom-sidecar"); r == nil || r.ID != "airflow" || RunnerReading("wait") != nil {
		t.Error("a reader is told by its name, and only by one that nobody else uses")
	}
	if r := RunnerOf([]string{"TaskRun.tekton.dev"}, nil); !r.Works("step-build") || r.Works("sidecar-db") {
		t.Error("steps do the work of a Task, sidecars do not")
	}
}
