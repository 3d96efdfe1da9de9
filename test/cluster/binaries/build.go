package binaries

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Progress receives one line per build that is worth waiting for.
var Progress io.Writer = os.Stderr

type target struct {
	name    string // what the progress line says
	dir     string // where go build runs
	pkg     string
	ldflags string
	out     string
	always  bool // ask go build even when the file is there
}

// build makes sure that t.out is there. Processes that build into the same
// folder wait for each other; a file is complete as soon as it has its name.
func build(ctx context.Context, t target) (string, error) {
	if !t.always && isFile(t.out) {
		return t.out, nil
	}
	dir := filepath.Dir(t.out)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", t.name, err)
	}
	unlock, err := lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", t.name, err)
	}
	defer unlock()
	if !t.always && isFile(t.out) {
		return t.out, nil
	}
	if !t.always {
		start := time.Now()
		fmt.Fprintf(Progress, "building %s (once, kept in .cache, may take minutes)\n", t.name)
		defer func() { fmt.Fprintf(Progress, "building %s took %s\n", t.name, time.Since(start).Round(time.Second)) }()
	}
	return t.out, goBuild(ctx, t)
}

func goBuild(ctx context.Context, t target) error {
	// go build skips linking when its output is up to date, so a program that
	// is asked for again and again keeps a file of its own for that.
	temp := t.out + ".new"
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w " + t.ldflags), "-o", temp, t.pkg}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", t.name, err, output.String())
	}
	if t.always {
		return publish(temp, t.out)
	}
	if err := os.Rename(temp, t.out); err != nil {
		return fmt.Errorf("build %s: %w", t.name, err)
	}
	return nil
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

func lock(file string) (func(), error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
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
