package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// repair applies the printed fix, waits until it shows, asks again, and so on.
func (st *stage) repair(s *situation, r *result) {
	if len(r.answers) == 0 {
		return
	}
	last := r.answers[len(r.answers)-1]
	for i, after := range s.Fixed {
		err := st.first(s, after)
		if err == nil {
			err = st.makePods(s, func() error { return st.applyFix(s, last, after) })
		}
		if err == nil {
			err = st.step(s, after.step)
		}
		if err != nil {
			r.repairErr = fmt.Errorf("fix %d: %w\n%s", i+1, err, st.show(s))
			return
		}
		last = st.why(s, s.Why[0])
		r.repaired = append(r.repaired, last)
	}
}

// first does what a fix leaves to others.
func (st *stage) first(s *situation, after fixed) error {
	if after.First == "" {
		return nil
	}
	out, err := st.run(s, nil, strings.Fields(after.First)...)
	if err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", after.First, err, out)
	}
	return nil
}

// applyFix runs the commands of an answer as somebody would who pastes them into a shell.
func (st *stage) applyFix(s *situation, a answer, after fixed) error {
	diagnoses, err := a.diagnoses()
	if err != nil {
		return err
	}
	for _, d := range diagnoses {
		if after.Manifest {
			return st.mergeStatic(s, d.Steps)
		}
		command := repairing(d.Steps, after.Which)
		if command == "" {
			continue
		}
		for placeholder, value := range after.Values {
			command = strings.ReplaceAll(command, placeholder, value)
		}
		st.busy <- struct{}{}
		defer func() { <-st.busy }()
		cmd := exec.CommandContext(st.ctx, "sh", "-ec", command)
		cmd.Env = append(os.Environ(),
			"KUBECONFIG="+st.cluster.Kubeconfig, "PATH="+filepath.Dir(st.kubectl)+":"+os.Getenv("PATH"),
			"KUBE_EDITOR=sh "+s.absolute(after.Editor))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s\n%s", err, out, command)
		}
		return nil
	}
	return errors.New("no answer has a fix that can be run")
}

// repairing is the first of the commands in a fix that mends an object, or else that deletes one or creates it again; of
// several ways out, that of the step with some words. What only looks is not meant.
func repairing(steps []checks.Step, which string) string {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s checks.Step) bool { return !strings.Contains(s.Text, which) })
	for _, changes := range []*regexp.Regexp{mends, changing} {
		for _, s := range steps {
			if changes.MatchString(s.Command) {
				return s.Command
			}
		}
	}
	return ""
}

var (
	mends = regexp.MustCompile(`\bkubectl patch `)
	// changing matches every command that changes something in the cluster.
	changing = regexp.MustCompile(`\bkubectl (?:patch|replace|delete|apply|create|edit|set|scale|label|annotate|rollout (?:restart|pause|resume)|drain|cordon|uncordon|taint) |\bcurl -X`)
)
