package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// program says how to start one process of the cluster.
type program struct {
	name     string // of the log file, and in error messages
	path     string
	args     []string
	env      []string
	hostname string  // in a UTS namespace of its own, when not empty
	spaces   uintptr // namespaces of its own
	stdin    io.Reader
	extra    []*os.File
	unmarked bool // the keeper, which must survive the cleaning
}

// process is a child that dies with this process, however that ends.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it has ended and was waited for
	err  error         // valid once done is closed
}

// start runs a program with its output in logs/NAME.log.
func (c *Cluster) start(p program) (*process, error) {
	logName := filepath.Join(c.dir, "logs", p.name+".log")
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	defer log.Close()
	path, args := p.path, p.args
	if p.hostname != "" && c.network.real {
		// The host name decides the name of an API server's identity lease.
		args = append([]string{"-c", `echo "$0" >/proc/sys/kernel/hostname && exec "$@"`, p.hostname, path}, args...)
		path = "/bin/sh"
		p.spaces |= utsSpace
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = c.dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = p.stdin, log, log, p.extra
	// A fifth less CPU for some more memory: most of what an API server does here is to start.
	cmd.Env = append(append([]string{"GOGC=400"}, os.Environ()...), p.env...)
	cmd.SysProcAttr = attributes(p.spaces, !p.unmarked)
	if !p.unmarked {
		cmd.Env = append(cmd.Env, c.slot.Mark())
	}
	child := &process{name: p.name, cmd: cmd, log: logName, done: make(chan struct{})}
	if err := child.run(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	c.mu.Lock()
	c.processes = append(c.processes, child)
	c.mu.Unlock()
	return child, nil
}

// run starts the child and returns when it runs. The death signal of a child
// comes when the thread that started it ends, so one goroutine keeps its
// thread for as long as the child lives.
func (p *process) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return <-started
}

// stop kills the process and waits until it is gone. What it wrote is thrown
// away with the cluster, so nothing is gained by asking it nicely.
func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// failure explains why waiting for the process is over, with the end of its
// log, which is where the reason is.
func (p *process) failure(err error) error {
	if p.ended() {
		err = errors.Join(err, fmt.Errorf("it ended: %v", p.err))
	}
	return fmt.Errorf("%s: %w; the end of its log:\n%s", p.name, err, logEnd(p.log))
}

// logEnd is the end of a log, with what is known about the less obvious.
func logEnd(name string) string {
	end := tail(name, 15)
	if strings.Contains(end, "too many open files") {
		end += "\n(fs.inotify.max_user_instances, of which a kubelet takes 6, may be too low)"
	}
	return end
}

// noise is what a kubelet that cannot register says ten times a second.
const noise = "Unable to register mirror pod because node is not registered yet"

func tail(name string, lines int) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	data = bytes.TrimRight(data[max(0, len(data)-64<<10):], "\n")
	all := strings.Split(string(data), "\n")
	all = slices.DeleteFunc(all, func(line string) bool { return strings.Contains(line, noise) })
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
