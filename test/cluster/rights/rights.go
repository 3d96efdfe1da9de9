// Package rights tells what of a test cluster can run on this machine. It needs nothing but the standard
// library: who asks before anything is built asks it.
package rights

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Nodes says why this machine cannot run kubelets, or nil when it can.
// Control planes and fake nodes run everywhere.
func Nodes() error {
	errs := []error{Network()}
	for program, pkg := range map[string]string{"containerd": "containerd", "ctr": "containerd", "runc": "runc"} {
		errs = append(errs, installed(program, pkg))
	}
	_, err := CNIPlugins()
	return errors.Join(append(errs, err)...)
}

// Network says why there can be no network namespaces.
func Network() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	const netAdmin, sysAdmin = 1 << 12, 1 << 21
	_, after, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(after, "\n")
	rights, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return fmt.Errorf("read this process's rights: %w", err)
	}
	if rights&netAdmin == 0 || rights&sysAdmin == 0 {
		return errors.New("not root, or root without CAP_NET_ADMIN and CAP_SYS_ADMIN")
	}
	return errors.Join(installed("ip", "iproute2"), installed("nsenter", "util-linux"))
}

func installed(program, pkg string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%w (Debian: %s)", err, pkg)
	}
	return nil
}

// CNIPlugins is where distributions put the network plugins.
func CNIPlugins() (string, error) {
	dirs := []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "bridge")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no CNI plugins in %v (Debian: containernetworking-plugins)", dirs)
}
