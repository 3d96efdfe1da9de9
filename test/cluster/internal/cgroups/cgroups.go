// Package cgroups gives every node of a test cluster one cgroup in each
// hierarchy of the machine, whether that is cgroup v1, v2 or the hybrid of
// both, and removes it again with everything that still runs in it.
package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Hierarchy is one mounted cgroup file system.
type Hierarchy struct {
	Mount   string // "/sys/fs/cgroup/memory"
	Type    string // "cgroup" or "cgroup2"
	Options string // what mount(2) needs to mount it again: "memory"
}

// Hierarchies reads the cgroup mounts of this process.
func Hierarchies() ([]Hierarchy, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var found []Hierarchy
	for line := range strings.Lines(string(data)) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || (right[0] != "cgroup" && right[0] != "cgroup2") {
			continue
		}
		h := Hierarchy{Mount: left[4], Type: right[0]}
		if h.Type == "cgroup" {
			h.Options = controllers(right[2])
		}
		found = append(found, h)
	}
	return found, nil
}

// controllers keeps of the super block's options what selects the hierarchy.
func controllers(options string) string {
	var kept []string
	for option := range strings.SplitSeq(options, ",") {
		if option != "rw" && option != "ro" && !strings.HasPrefix(option, "release_agent=") && option != "clone_children" {
			kept = append(kept, option)
		}
	}
	return strings.Join(kept, ",")
}

// Enter creates the cgroup in every hierarchy and moves this process there.
func Enter(name string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if h.Type == "cgroup2" {
			Delegate(h.Mount)
		}
		dir := filepath.Join(h.Mount, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create cgroup: %w", err)
		}
		// A new v1 cpuset has neither CPUs nor memory and takes no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if value, err := os.ReadFile(filepath.Join(h.Mount, file)); err == nil && h.Type == "cgroup" {
				_ = os.WriteFile(filepath.Join(dir, file), value, 0o644)
			}
		}
		if err := join(dir); err != nil {
			return err
		}
	}
	return nil
}

// Delegate lets the children of a v2 cgroup use every controller that it has
// itself. Controllers that cannot be passed on are left out.
func Delegate(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for controller := range strings.FieldsSeq(string(data)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
}

// Leaf moves this process into a child, because a v2 cgroup that has
// processes cannot pass controllers on.
func Leaf(mount, name string) error {
	dir := filepath.Join(mount, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create cgroup: %w", err)
	}
	return join(dir)
}

func join(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return fmt.Errorf("enter cgroup: %w", err)
	}
	return nil
}

// Remove kills what runs in the cgroups whose names match the pattern, in all
// hierarchies, and removes them.
func Remove(pattern string) error {
	hierarchies, err := Hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, h := range hierarchies {
		dirs, err := filepath.Glob(filepath.Join(h.Mount, pattern))
		errs = append(errs, err)
		for _, dir := range dirs {
			errs = append(errs, remove(dir))
		}
	}
	return errors.Join(errs...)
}

// Processes take a moment to leave a cgroup after they were killed.
func remove(dir string) error {
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = removeOnce(dir); err == nil {
			return nil
		}
	}
	return fmt.Errorf("remove cgroup: %w", err)
}

func removeOnce(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs) // children first
	for _, dir := range dirs {
		killAll(dir)
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func killAll(dir string) {
	data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for line := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(line); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
