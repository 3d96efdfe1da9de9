package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// An answer is one run of `kubectl sidecar why`.
type answer struct {
	plugin.Ran
	err error
}

// hasWhy reports whether the plugin has the command.
var hasWhy = sync.OnceValue(func() bool {
	out, err := exec.Command(plugin.Path(), "why", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "why")
})

// needsWhy skips a test of a plugin without the command, and fails it in CI.
func needsWhy(t *testing.T) {
	t.Helper()
	switch {
	case hasWhy():
	case os.Getenv("CI") == "true":
		t.Fatal("the plugin has no command why")
	default:
		t.Skip("the plugin has no command why")
	}
}

// why asks the plugin about an object of the situation's namespace.
func (st *stage) why(s *situation, object string) answer {
	return st.ask(append([]string{"-n", s.name}, strings.Fields(object)...)...)
}

func (st *stage) ask(args ...string) answer { return st.askAbout(nil, args...) }

// askAbout is ask with something on stdin.
func (st *stage) askAbout(stdin []byte, args ...string) answer {
	if !hasWhy() {
		return answer{Ran: plugin.Ran{Args: args}, err: errors.New("the plugin has no command why")}
	}
	a := st.launch(stdin, append([]string{"why", "-o", "json"}, args...)...)
	a.Args = args
	return a
}

// launch runs the plugin; its exit code is no error.
func (st *stage) launch(stdin []byte, args ...string) answer {
	st.busy <- struct{}{}
	defer func() { <-st.busy }()
	cmd := exec.CommandContext(st.ctx, plugin.Path(), append(slices.Clone(args), plugin.AskURL(st.cluster.Kubeconfig, args)...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+st.cluster.Kubeconfig, "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return answer{Ran: plugin.Ran{Args: args, Stdout: stdout.String(), Stderr: stderr.String(), Exit: cmd.ProcessState.ExitCode()}, err: err}
}

// A diagnosis is what is asserted of an answer.
type diagnosis struct {
	Object struct {
		Kind, Namespace, Name string
	} `json:"object"`
	RootCause string   `json:"rootCause"`
	Message   string   `json:"message"`
	Because   []string `json:"because"`
	Evidence  []string `json:"evidence"`
	Fix       string   `json:"fix"`
	Progress  *struct {
		WaitsFor string `json:"waitsFor"`
	} `json:"progress"`

	Steps    []checks.Step  `json:"steps"`
	Probably *pods.Probable `json:"probably"`
}

// on reports whether the diagnosis is about the object: Kind or Kind/name.
func (d diagnosis) on(object string) bool {
	kind, name, _ := strings.Cut(object, "/")
	return d.Object.Kind == kind && (name == "" || name == d.Object.Name)
}

func (d diagnosis) text() string {
	return strings.Join(append([]string{d.Message, d.Fix}, d.Evidence...), "\n")
}

// An answered is what the tests look at of a report.
type answered struct {
	Verdict    string      `json:"verdict"`
	Summary    string      `json:"summary"`
	Diagnoses  []diagnosis `json:"diagnoses"`
	InProgress []diagnosis `json:"inProgress"`
	Checks     []struct {
		ID      string `json:"id"`
		Missing []any  `json:"missing"`
	} `json:"checks"`
}

func (a answer) diagnoses() ([]diagnosis, error) {
	r, err := a.report()
	if err != nil {
		return nil, err
	}
	return r.Diagnoses, nil
}

func (a answer) report() (*answered, error) {
	if a.err != nil {
		return nil, fmt.Errorf("why %v: %w", a.Args, a.err)
	}
	var report answered
	if err := json.Unmarshal([]byte(a.Stdout), &report); err != nil {
		return nil, fmt.Errorf("why %v: no JSON: %w\nexit %d\n%s\n%s", a.Args, err, a.Exit, a.Stdout, a.Stderr)
	}
	return &report, nil
}

// judge compares what became of a situation with what was expected.
func (r result) judge(t *testing.T, s *situation) {
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Logf("reached after %v", r.reached.Round(1e8))
	needsWhy(t)
	for _, a := range r.answers {
		a.judge(t, s, s.Expect, s.Exit)
	}
	for i, a := range r.repaired {
		a.judge(t, &situation{Known: s.Known, Puzzle: s.Fixed[i].Puzzle, settling: true}, s.Fixed[i].Expect, nil)
	}
	if r.repairErr != nil {
		s.wrong(t)("%v", r.repairErr)
	}
}

// wrong is how to say that an expectation does not hold.
func (s *situation) wrong(t *testing.T) func(string, ...any) {
	if s.Known != "" {
		return t.Logf
	}
	return t.Errorf
}

func (a answer) judge(t *testing.T, s *situation, expect string, exit *int) {
	t.Helper()
	report, err := a.report()
	if err != nil {
		t.Fatal(err)
	}
	diagnoses := report.Diagnoses
	want := 3
	switch {
	case exit != nil:
		want = *exit
	case expect == "" && (s.Progress != "" || s.Puzzle):
		want = 4
	case expect == "":
		want = 0
	}
	wrong := s.wrong(t)
	if s.settling && report.Verdict == "in-progress" {
		want = 4
	}
	if a.Exit != want {
		wrong("why %v: exit %d, want %d: %s\n%s", a.Args, a.Exit, want, report.Summary, a.Stderr)
		for _, d := range report.InProgress {
			t.Logf("in progress: %s/%s: %s", d.Object.Namespace, d.Object.Name, d.Message)
		}
		for _, c := range report.Checks {
			if len(c.Missing) > 0 {
				t.Logf("not seen for %s: %v", c.ID, c.Missing)
			}
		}
	}
	var causes, because []string
	for _, d := range diagnoses {
		because = append(because, d.Because...)
		if d.RootCause != "" {
			causes = append(causes, d.RootCause)
		}
		t.Logf("%s/%s: %s: %s %v", d.Object.Kind, d.Object.Name, d.RootCause, d.Message, d.Because)
	}
	for _, cause := range causes {
		if cause != expect {
			wrong("why %v: root cause %s, want %q", a.Args, cause, expect)
		}
	}
	if expect != "" && len(causes) == 0 {
		wrong("why %v: no root cause, want %s\n%s", a.Args, expect, a.Stdout)
	}
	if expect == s.Expect && (expect != "" || s.Puzzle) {
		s.judgeWords(t, diagnoses)
	}
	if expect == "" && s.Progress != "" {
		s.judgeProgress(t, report)
	}
	if s.Because != "" && expect == s.Expect && !slices.Contains(because, s.Because) {
		wrong("why %v: because %v, want %s", a.Args, because, s.Because)
	}
}

// judgeProgress looks at what a pod in progress is said to wait for.
func (s *situation) judgeProgress(t *testing.T, r *answered) {
	t.Helper()
	var waits []string
	for _, d := range r.InProgress {
		waits = append(waits, d.Progress.WaitsFor)
	}
	if !slices.Equal(waits, []string{s.Progress}) || r.Verdict != "in-progress" {
		s.wrong(t)("%s, waits for %q; want %s", r.Verdict, waits, s.Progress)
	}
}

// judgeWords looks at what is said with the root cause.
func (s *situation) judgeWords(t *testing.T, diagnoses []diagnosis) {
	t.Helper()
	for _, d := range diagnoses {
		if d.RootCause != s.Expect {
			continue
		}
		if len(d.Evidence) == 0 || d.Fix == "" {
			s.wrong(t)("%s: no evidence or no fix", d.Message)
		}
		if s.Blames != "" && !d.on(s.Blames) {
			s.wrong(t)("%s/%s is to blame, want %s", d.Object.Kind, d.Object.Name, s.Blames)
		}
		for _, words := range append(slices.Clone(s.Says), s.Culprit) {
			if !strings.Contains(d.text(), words) {
				s.wrong(t)("nothing says %q:\n%s", words, d.text())
			}
		}
	}
}

// judgeAll asks about the whole cluster, where every trouble that has not been repaired must be found again, and none where
// there is none. What was repaired may still have pods on their way out, and is asked about again until they are gone.
func (st *stage) judgeAll(t *testing.T, all []*situation) {
	needsWhy(t)
	for end := time.Now().Add(leaving); ; {
		a := st.ask("-A")
		named, err := a.named()
		if err != nil {
			t.Fatal(err)
		}
		if time.Now().Before(end) && slices.ContainsFunc(all, func(s *situation) bool { return s.repaired() && len(named[s.name]) > 0 }) {
			time.Sleep(time.Second)
			continue
		}
		for _, s := range all {
			s.judgeAmong(t, named[s.name])
		}
		if t.Failed() {
			t.Logf("why -A: exit %d\n%s\n%s", a.Exit, a.Stderr, a.Stdout)
		}
		return
	}
}

// leaving is how long pods may take to go on a busy machine.
const leaving = 2 * time.Minute

// repaired reports whether nothing is left of the situation after it was asked about.
func (s *situation) repaired() bool { return len(s.Fixed) > 0 || s.After != nil }

// named are the diagnoses with a root cause, by namespace.
func (a answer) named() (map[string][]diagnosis, error) {
	diagnoses, err := a.diagnoses()
	out := map[string][]diagnosis{}
	for _, d := range diagnoses {
		if d.RootCause != "" {
			out[d.Object.Namespace] = append(out[d.Object.Namespace], d)
		}
	}
	return out, err
}

// judgeAmong looks at what is said of the situation when all of the cluster is asked about.
func (s *situation) judgeAmong(t *testing.T, named []diagnosis) {
	t.Helper()
	want := s.Expect
	if s.repaired() {
		want = ""
	}
	for _, d := range named {
		if d.RootCause != want {
			s.wrong(t)("why -A: %s: root cause %s, want %q\n%s", s.name, d.RootCause, want, d.text())
		}
	}
	if want != "" && len(named) == 0 {
		s.wrong(t)("why -A: %s: no root cause, want %s", s.name, want)
	}
}
