//go:build linux

package node

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/cgroups"
)

// Enter moves this process into the node's cgroup and cgroup namespace and
// starts it over, as such a namespace is entered by one thread only.
func Enter(file string) error {
	s, err := read(file)
	if err != nil {
		return err
	}
	if err := cgroups.Enter(s.Cgroup); err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a cgroup namespace: %w", err)
	}
	return syscall.Exec(os.Args[0], []string{os.Args[0], "node-inside", file}, os.Environ())
}

// Inside is the first process of the node from there on.
func Inside(file string) error {
	s, err := read(file)
	if err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(s.Hostname)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := s.mounts(); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	if err := expect(lines, Plugged); err != nil {
		return err
	}
	if err := s.network(); err != nil {
		return err
	}
	containerd, err := s.startContainerd()
	if err != nil {
		return err
	}
	c := &children{containerd: containerd}
	go c.obey(s, lines)
	return c.reap()
}

func expect(lines *bufio.Scanner, want string) error {
	if !lines.Scan() {
		return fmt.Errorf("standard input ended before %q", want)
	}
	if lines.Text() != want {
		return fmt.Errorf("got %q, want %q", lines.Text(), want)
	}
	return nil
}

func (s Spec) network() error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(s.Network)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up the network: %w: %s", err, out)
	}
	// The node routes between its pods and the switch.
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

// startTimeout is for machines that have other things to do.
const startTimeout = 10 * time.Minute

// ended reports whether a child has.
func ended(pid int) bool {
	done, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
	return err == nil && done == pid
}

// startContainerd starts it and fills it with images.
func (s Spec) startContainerd() (int, error) {
	pid, err := s.spawn("containerd.log", s.Containerd)
	if err != nil {
		return 0, err
	}
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if out, err := exec.Command("ctr", "--address", Socket, "version").CombinedOutput(); err == nil {
			break
		} else if ended(pid) || time.Since(start) > startTimeout {
			return 0, fmt.Errorf("wait for containerd: %w: %s", err, out)
		}
	}
	for _, image := range s.Images {
		command := ImportCommand(image)
		cmd := exec.Command(command[0], command[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("import %s: %w: %s", filepath.Base(image), err, out)
		}
	}
	return pid, nil
}

func (s Spec) spawn(log string, command []string) (int, error) {
	f, err := os.OpenFile(s.Log+log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	path, err := exec.LookPath(command[0])
	if err != nil {
		return 0, err
	}
	process, err := os.StartProcess(path, command, &os.ProcAttr{Dir: "/", Env: os.Environ(), Files: []*os.File{nil, f, f}})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	return process.Pid, nil
}

// children are the two processes without which there is no node.
type children struct {
	mu         sync.Mutex
	containerd int
	kubelet    int
}

// obey does what standard input says, and ends the whole node when the
// process that asked for it is gone.
func (c *children) obey(s Spec, lines *bufio.Scanner) {
	for lines.Scan() {
		if lines.Text() != Run {
			continue
		}
		c.mu.Lock() // so that its end is not seen before its number is known
		pid, err := s.spawn("kubelet.log", append([]string{s.kubeletPath()}, s.Kubelet[1:]...))
		c.kubelet = pid
		c.mu.Unlock()
		if err != nil {
			fmt.Fprintln(os.Stderr, "keeper:", err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

// reap waits for all children, its own and those that became its own, and
// returns when containerd or the kubelet has ended.
func (c *children) reap() error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for children: %w", err)
		}
		c.mu.Lock()
		name := map[int]string{c.containerd: "containerd", c.kubelet: "the kubelet"}[pid]
		c.mu.Unlock()
		if name != "" {
			return fmt.Errorf("%s ended with %d", name, status.ExitStatus())
		}
	}
}
