package binaries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Progress receives one line per build that is worth waiting for.
var Progress io.Writer = os.Stderr

// A Target is a program that can be built.
type Target struct {
	Name    string // what the progress line says: "etcd v3.6.5"
	Dir     string // where go build runs
	Pkg     string
	Out     string
	ldflags string
	always  bool // ask go build even when the file is there
	once    bool // nobody runs the file while it is built, or asks again and again

	compiled func(pkg string) // see BuildTold
}

// Missing reports whether the program is not there yet. Programs of this repository always are to be built.
func (t Target) Missing() bool { return t.always || !isFile(t.Out) }

// Go runs a command of go about the target, such as list or build, without the user's settings, so that what is
// compiled for one target serves the others. When it is over, or ctx is, nothing of it is left: interrupted alone, go
// would leave compilers behind, and what they write.
func (t Target) Go(ctx context.Context, command string, args []string, stdout, stderr io.Writer) error {
	temp, err := os.MkdirTemp("", "kubectl-sidecar-go-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	cmd := exec.CommandContext(ctx, "go", append([]string{command, "-trimpath", "-buildvcs=false"}, args...)...)
	cmd.Dir = t.Dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOTMPDIR="+temp)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}

// BuildTold builds the program, and tells compiled the import path of each package when its turn comes.
func (t Target) BuildTold(ctx context.Context, compiled func(pkg string)) (string, error) {
	t.compiled = compiled
	return build(ctx, t)
}

// build makes sure that t.Out is there. Processes that build into the same
// folder wait for each other; a file is complete as soon as it has its name.
func build(ctx context.Context, t Target) (string, error) {
	if !t.Missing() {
		return t.Out, nil
	}
	dir := filepath.Dir(t.Out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", t.Name, err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, ".lock"))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", t.Name, err)
	}
	defer unlock()
	if !t.Missing() {
		return t.Out, nil
	}
	if !t.always && t.compiled == nil {
		start := time.Now()
		fmt.Fprintf(Progress, "building %s (once, kept in %s, may take minutes)\n", t.Name, dir)
		defer func() { fmt.Fprintf(Progress, "building %s took %s\n", t.Name, time.Since(start).Round(time.Second)) }()
	}
	return t.Out, goBuild(ctx, t)
}

func goBuild(ctx context.Context, t Target) error {
	// go build skips linking when its output is up to date, so a program that
	// is asked for again and again keeps a file of its own for that.
	temp := t.Out + ".new"
	var args []string
	if t.compiled != nil {
		args = append(args, "-v")
	}
	args = append(args, "-ldflags", strings.TrimSpace("-s -w "+t.ldflags), "-o", temp, t.Pkg)
	output := said{compiled: t.compiled}
	if err := t.Go(ctx, "build", args, &output, &output); err != nil {
		os.Remove(temp)
		return fmt.Errorf("build %s: %w\n%s", t.Name, err, output.other.String())
	}
	if t.always && !t.once {
		return publish(temp, t.Out)
	}
	if err := os.Rename(temp, t.Out); err != nil {
		return fmt.Errorf("build %s: %w", t.Name, err)
	}
	return nil
}

// said is what go build says: with -v the packages that it compiles, and what goes wrong.
type said struct {
	other    bytes.Buffer
	compiled func(pkg string)
	line     []byte // not yet at its end
}

// With -v, a line that is nothing but an import path is a package whose turn has come.
var importPath = regexp.MustCompile(`^[A-Za-z0-9][^\s:]*$`)

func (s *said) Write(p []byte) (int, error) {
	s.line = append(s.line, p...)
	for {
		line, rest, whole := bytes.Cut(s.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if s.compiled != nil && importPath.Match(line) {
			s.compiled(string(line))
		} else {
			s.other.Write(append(line, '\n'))
		}
		s.line = append([]byte(nil), rest...)
	}
}

// publish gives the freshly built file its name without giving up the file
// that go build compares with next time. A running program keeps its inode.
func publish(built, out string) error {
	if same(built, out) {
		return nil
	}
	data, err := os.ReadFile(built)
	if err != nil {
		return fmt.Errorf("publish %s: %w", filepath.Base(out), err)
	}
	temp := out + ".tmp"
	if err := os.WriteFile(temp, data, 0o755); err != nil {
		return fmt.Errorf("publish %s: %w", filepath.Base(out), err)
	}
	if err := os.Rename(temp, out); err != nil {
		return fmt.Errorf("publish %s: %w", filepath.Base(out), err)
	}
	return nil
}

func same(a, b string) bool {
	first, err1 := os.ReadFile(a)
	second, err2 := os.ReadFile(b)
	return err1 == nil && err2 == nil && bytes.Equal(first, second)
}

// lock waits for other processes, until ctx is over.
func lock(ctx context.Context, file string) (func(), error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// fromAssets looks into KUBEBUILDER_ASSETS, the folder that envtest users
// have. A kube-apiserver counts only if it is of the wanted minor.
func fromAssets(ctx context.Context, name, minor string) string {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" || (name != "etcd" && name != "kube-apiserver") {
		return ""
	}
	file := filepath.Join(dir, name)
	if !isFile(file) {
		return ""
	}
	if name == "etcd" {
		return file
	}
	out, err := exec.CommandContext(ctx, file, "--version").Output()
	if err != nil || !strings.HasPrefix(strings.TrimSpace(string(out)), "Kubernetes v"+minor+".") {
		return ""
	}
	return file
}
