package slot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/cgroups"
)

// mark is the environment variable that tells whose child a process is.
const mark = "KUBECTL_SIDECAR_TEST_SLOT"

// Mark is what the environment of the cluster's processes must contain for
// Clean to find them.
func (s *Slot) Mark() string { return mark + "=" + s.Dir }

// Clean removes all that the cluster in this slot may have left on the
// machine and gives the slot back. It must be held.
func (s *Slot) Clean() error {
	errs := []error{s.killProcesses()}
	if os.Getuid() == 0 {
		errs = append(errs, cgroups.Remove(s.Cgroup("*")), s.removeInterface())
	}
	errs = append(errs, s.removeDir())
	s.release()
	return errors.Join(errs...)
}

// killProcesses kills every process that carries the slot's mark, which are
// only those that the cluster started, and waits until none is left.
func (s *Slot) killProcesses() error {
	var left []int
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left = s.processes()
		if len(left) == 0 {
			return nil
		}
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return fmt.Errorf("processes %v do not end", left)
}

func (s *Slot) processes() []int {
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []int
	for _, file := range environments {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		data, _ := os.ReadFile(file)
		for _, variable := range bytes.Split(data, []byte{0}) {
			if string(variable) == s.Mark() {
				found = append(found, pid)
			}
		}
	}
	return found
}

// The link goes away with the network namespace at its other end, but not at
// the same instant.
func (s *Slot) removeInterface() error {
	if !hasInterface(s.Interface()) {
		return nil
	}
	out, err := exec.Command("ip", "link", "delete", s.Interface()).CombinedOutput()
	if err != nil && hasInterface(s.Interface()) {
		return fmt.Errorf("remove %s: %w: %s", s.Interface(), err, out)
	}
	return nil
}

func (s *Slot) removeDir() error {
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = os.RemoveAll(s.Dir); err == nil {
			return nil
		}
	}
	return err
}
