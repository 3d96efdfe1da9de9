package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// An answer is one run of `kubectl sidecar why`.
type answer struct {
	ran
	args []string
	err  error
}

// hasWhy reports whether the plugin has the command.
var hasWhy = sync.OnceValue(func() bool {
	out, err := exec.Command(pluginPath, "why", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "why")
})

// why asks the plugin.
func (st *stage) why(args ...string) answer {
	if !hasWhy() {
		return answer{args: args, err: errors.New("the plugin has no command why")}
	}
	st.busy <- struct{}{}
	defer func() { <-st.busy }()
	cmd := exec.CommandContext(st.ctx, pluginPath, append([]string{"why", "-o", "json"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+st.cluster.Kubeconfig, "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return answer{ran: ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, args: args, err: err}
}

// A diagnosis is what is asserted of an answer.
type diagnosis struct {
	Object struct {
		Kind, Namespace, Name string
	} `json:"object"`
	RootCause string   `json:"rootCause"`
	Message   string   `json:"message"`
	Because   []string `json:"because"`
	Fix       string   `json:"fix"`
}

func (a answer) diagnoses(t *testing.T) []diagnosis {
	t.Helper()
	var report struct {
		Diagnoses []diagnosis `json:"diagnoses"`
	}
	if err := json.Unmarshal([]byte(a.stdout), &report); err != nil {
		t.Fatalf("why %v: no JSON: %v\nexit %d\n%s\n%s", a.args, err, a.exit, a.stdout, a.stderr)
	}
	return report.Diagnoses
}

// judge compares what became of a situation with what was expected.
func (r result) judge(t *testing.T, s *situation) {
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Logf("reached after %v", r.reached.Round(1e8))
	if !hasWhy() {
		t.Log("the plugin has no command why")
		return
	}
	for _, a := range r.answers {
		a.judge(t, s)
	}
}

func (a answer) judge(t *testing.T, s *situation) {
	t.Helper()
	if a.err != nil {
		t.Fatalf("why %v: %v", a.args, a.err)
	}
	wrong := t.Errorf
	if s.Known != "" {
		wrong = t.Logf
	}
	exit := 3
	if s.Expect == "" {
		exit = 0
	}
	if a.exit != exit {
		wrong("why %v: exit %d, want %d\n%s", a.args, a.exit, exit, a.stderr)
	}
	var causes, because []string
	for _, d := range a.diagnoses(t) {
		because = append(because, d.Because...)
		if d.RootCause != "" {
			causes = append(causes, d.RootCause)
		}
		t.Logf("%s/%s: %s: %s %v", d.Object.Kind, d.Object.Name, d.RootCause, d.Message, d.Because)
	}
	for _, cause := range causes {
		if cause != s.Expect {
			wrong("why %v: root cause %s, want %q", a.args, cause, s.Expect)
		}
	}
	if s.Expect != "" && len(causes) == 0 {
		wrong("why %v: no root cause, want %s\n%s", a.args, s.Expect, a.stdout)
	}
	if s.Because != "" && !strings.Contains(" "+strings.Join(because, " ")+" ", " "+s.Because+" ") {
		wrong("why %v: because %v, want %s", a.args, because, s.Because)
	}
}
