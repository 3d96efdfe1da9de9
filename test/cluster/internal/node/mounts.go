//go:build linux

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/cgroups"
)

// tunables are values of the whole machine that a kubelet sets when they
// differ from what it wants. It is shown what it wants instead.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// mounts gives the node folders of its own where programs expect to be alone.
func (s Spec) mounts() error {
	hierarchies, err := cgroups.Hierarchies()
	if err != nil {
		return err
	}
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	// The checkout may be somewhere that is about to be covered.
	if err := bind(s.Kubelet[0], s.kubeletPath(), false); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	if err := s.mountTunables(); err != nil {
		return err
	}
	for inside, outside := range map[string]string{"/run": "run", "/var/lib": "lib", "/var/log": "log"} {
		if err := bind(filepath.Join(s.Dir, outside), inside, true); err != nil {
			return err
		}
	}
	if err := mountCgroups(hierarchies); err != nil {
		return err
	}
	// Volumes that containers share need mounts that propagate, here only.
	return mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, "")
}

func (s Spec) kubeletPath() string { return filepath.Join(s.Dir, "kubelet") }

func (s Spec) mountTunables() error {
	for name, value := range tunables {
		file := filepath.Join(s.Dir, "tunables", strings.ReplaceAll(name, "/", "-"))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		target := "/proc/sys/" + name
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := mount(file, target, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

// mountCgroups mounts every hierarchy again, now that this process is in a
// cgroup namespace: the node's cgroup is their root.
func mountCgroups(hierarchies []cgroups.Hierarchy) error {
	const top = "/sys/fs/cgroup"
	links := map[string]string{} // "cpu" -> "cpu,cpuacct"
	entries, _ := os.ReadDir(top)
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(top, entry.Name())); err == nil {
			links[entry.Name()] = target
		}
	}
	if len(hierarchies) != 1 || hierarchies[0].Mount != top {
		if err := mount("cgroup", top, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(top, name)); err != nil {
			return err
		}
	}
	for _, h := range hierarchies {
		if !strings.HasPrefix(h.Mount, top) {
			continue
		}
		if err := os.MkdirAll(h.Mount, 0o755); err != nil {
			return err
		}
		if err := mount("cgroup", h.Mount, h.Type, 0, h.Options); err != nil {
			return err
		}
		if h.Type == "cgroup2" {
			if err := cgroups.Leaf(h.Mount, "init"); err != nil {
				return err
			}
			cgroups.Delegate(h.Mount)
		}
	}
	return nil
}

func bind(from, to string, dir bool) error {
	var err error
	if dir {
		err = os.MkdirAll(from, 0o755)
	} else {
		err = os.WriteFile(to, nil, 0o755)
	}
	if err != nil {
		return err
	}
	return mount(from, to, "", syscall.MS_BIND, "")
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}
