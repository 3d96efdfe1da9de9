package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repair applies the printed fix, waits until it shows, asks again, and so on.
func (st *stage) repair(s *situation, r *result) {
	if len(r.answers) == 0 {
		return
	}
	last := r.answers[len(r.answers)-1]
	for i, after := range s.Fixed {
		err := st.makePods(s, func() error { return st.applyFix(s, last) })
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

// applyFix runs the commands of an answer as somebody would who pastes them into a shell.
func (st *stage) applyFix(s *situation, a answer) error {
	diagnoses, err := a.diagnoses()
	if err != nil {
		return err
	}
	for _, d := range diagnoses {
		command := repairing(d.Fix)
		if command == "" {
			continue
		}
		st.busy <- struct{}{}
		defer func() { <-st.busy }()
		cmd := exec.CommandContext(st.ctx, "sh", "-ec", command)
		cmd.Env = append(os.Environ(),
			"KUBECONFIG="+st.cluster.Kubeconfig, "PATH="+filepath.Dir(st.kubectl)+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s\n%s", err, out, command)
		}
		return nil
	}
	return errors.New("no answer has a fix that can be run")
}

// repairing is the first of the commands in a fix that changes an object. What only looks, or only
// helps until the next time, is not meant.
func repairing(fix string) string {
	for _, paragraph := range strings.Split(fix, "\n\n") {
		if strings.HasPrefix(paragraph, "  kubectl ") && strings.Contains(paragraph, "kubectl patch ") {
			return paragraph
		}
	}
	return ""
}
