// Package slot divides this machine among test clusters. A slot is a number;
// folder, interface, cgroups and addresses of a cluster follow from it, so
// that two clusters never collide and what a dead cluster left behind can be
// found without asking it.
//
// A slot is held by a lock on a file. The lock belongs to the process that
// runs the cluster and to its keeper, and the kernel gives it back when both
// are gone: whoever gets the lock of a slot that has a folder has found
// leftovers.
package slot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// count is limited by the addresses: 198.18.0.0/15 in pieces of a /20.
const count = 32

// Slot is one place for one cluster.
type Slot struct {
	Number int
	Dir    string
	lock   *os.File
}

// Claim cleans up after dead clusters and takes a free slot.
func Claim() (*Slot, error) {
	if _, err := Sweep(); err != nil {
		return nil, fmt.Errorf("clean up after earlier clusters: %w", err)
	}
	for n := range count {
		s, err := acquire(n)
		if err != nil {
			return nil, err
		}
		if s == nil {
			continue
		}
		// Somebody whose locks cannot be seen from here may have it.
		if os.Getuid() == 0 && hasInterface(s.Interface()) {
			s.release()
			continue
		}
		if err := os.Mkdir(s.Dir, 0o755); err != nil {
			s.release()
			return nil, fmt.Errorf("claim a slot: %w", err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("claim a slot: all %d are in use", count)
}

// Inherited is the slot of the process that started this one and passed the
// lock on as file descriptor fd.
func Inherited(number int, fd uintptr) *Slot {
	return &Slot{Number: number, Dir: dirOf(number), lock: os.NewFile(fd, "lock")}
}

// Lock is the file to pass on to the keeper.
func (s *Slot) Lock() *os.File { return s.lock }

// Interface is the name of the machine's own link into the cluster's network.
func (s *Slot) Interface() string { return "ksc" + strconv.Itoa(s.Number) }

// Cgroup is the name of the cgroup of one of the cluster's nodes.
func (s *Slot) Cgroup(node string) string { return s.Interface() + "-" + node }

// Forget closes this process's hold on the slot, the keeper keeps its own.
func (s *Slot) Forget() { s.lock.Close() }

// Sweep cleans every slot that nobody holds and says how many those were.
func Sweep() (int, error) {
	entries, err := os.ReadDir(base())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	cleaned := 0
	var errs []error
	for _, entry := range entries {
		n, err := strconv.Atoi(entry.Name())
		if err != nil || !entry.IsDir() {
			continue
		}
		s, err := acquire(n)
		errs = append(errs, err)
		if s != nil {
			errs = append(errs, s.Clean())
			cleaned++
		}
	}
	settle()
	return cleaned, errors.Join(errs...)
}

// acquire returns nil when somebody holds the slot.
func acquire(n int) (*Slot, error) {
	name := lockOf(n)
	for {
		if err := makeBase(); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the folder was removed in between, with its last slot
		}
		if err != nil {
			return nil, fmt.Errorf("claim a slot: %w", err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			return nil, nil
		}
		if isStill(f, name) {
			return &Slot{Number: n, Dir: dirOf(n), lock: f}, nil
		}
		f.Close() // removed by its last holder between open and lock
	}
}

// release removes the lock file while it is still held, see isStill.
func (s *Slot) release() {
	_ = os.Remove(lockOf(s.Number))
	s.lock.Close()
	settle()
}

// settle puts back what clusters share when there is none any more.
func settle() {
	unlock, err := lockBase()
	if err != nil {
		return
	}
	defer unlock()
	if held, _ := filepath.Glob(filepath.Join(base(), "*.lock")); len(held) == 0 {
		restoreLimit()
		_ = os.Remove(base())
	}
}

// lockBase locks the folder of all slots, which must not have been replaced
// by another one in the meantime.
func lockBase() (unlock func(), err error) {
	for {
		f, err := os.Open(base())
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, err
		}
		if isStill(f, base()) {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
}

func isStill(f *os.File, name string) bool {
	held, err1 := f.Stat()
	named, err2 := os.Stat(name)
	return err1 == nil && err2 == nil && os.SameFile(held, named)
}

// base does not depend on TMPDIR: all processes of a user must agree on it.
func base() string {
	return "/tmp/kubectl-sidecar-test-" + strconv.Itoa(os.Getuid())
}

func dirOf(n int) string  { return filepath.Join(base(), strconv.Itoa(n)) }
func lockOf(n int) string { return dirOf(n) + ".lock" }

func makeBase() error {
	if err := os.Mkdir(base(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("claim a slot: %w", err)
	}
	info, err := os.Lstat(base())
	if err != nil {
		return fmt.Errorf("claim a slot: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("claim a slot: %s is not a folder of this user", base())
	}
	return nil
}

func hasInterface(name string) bool {
	_, err := os.Stat("/sys/class/net/" + strings.TrimSpace(name))
	return err == nil
}
