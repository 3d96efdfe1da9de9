package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

func units(names ...string) map[unit]int64 {
	out := map[unit]int64{}
	for _, name := range names {
		out[unit{path: name}] = 1_000_000
	}
	return out
}

func minutesLeft(t *testing.T, line string) int {
	t.Helper()
	m := regexp.MustCompile(`about (\d+) minutes left`).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("no estimate in %q", line)
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// TestProgress: what two programs share is counted once, and so is a package that is told twice; what was never
// told is done when its program is.
func TestProgress(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first := job{binaries.Target{Name: "etcd"}, units("shared", "a", "b")}
	second := job{binaries.Target{Name: "kubelet"}, units("shared", "c")}
	p := newProgress([]job{first, second}, began, 2)
	p.begin(first)
	for _, path := range []string{"shared", "shared", "a", "of/the/cache"} {
		p.compiled(path)
	}
	if line := p.line(began.Add(10 * time.Second)); !strings.HasPrefix(line, "etcd: 2 of 6 built, 10s so far, ") {
		t.Error(line)
	}
	p.end(first)
	p.begin(second)
	p.compiled("shared")
	if line := p.line(began.Add(10 * time.Second)); !strings.HasPrefix(line, "kubelet: 4 of 6 built, ") {
		t.Error(line)
	}
	p.end(second)
	if line := p.line(began.Add(time.Minute)); !strings.HasPrefix(line, "kubelet: 6 of 6 built, 1m0s so far, less than a minute left") {
		t.Error(line)
	}
}

// TestEstimate: before anything is compiled there is an estimate, of what is usual; on a machine that is four times
// as slow it has followed after a few minutes.
func TestEstimate(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var names []string
	for i := range 600 {
		names = append(names, fmt.Sprint("package/", i))
	}
	j := job{binaries.Target{Name: "kube-apiserver"}, units(names...)}
	p := newProgress([]job{j}, began, 2)
	p.begin(j)
	const usual = 600_000_000 / (2 * usualRate) / 60 // minutes
	if got := minutesLeft(t, p.line(began)); got < usual-1 || got > usual+1 {
		t.Errorf("at first: %d minutes, want about %d", got, usual)
	}
	now, each := began, time.Duration(4*1_000_000/(2*usualRate)*float64(time.Second))
	for i := range 30 {
		p.compiled(names[i])
		now = now.Add(each)
	}
	left := time.Duration(570 * each).Minutes()
	if got := float64(minutesLeft(t, p.line(now))); got < left*0.8 || got > left*1.2 {
		t.Errorf("after %s: %.0f minutes, want about %.0f", now.Sub(began), got, left)
	}
}

// TestWork: what the build cache does not have is what is left, and after the build there is nothing.
func TestWork(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module counted\n\ngo 1.26\n",
		"main.go":     "package main\n\nimport _ \"counted/inner\"\n\nfunc main() {}\n",
		"inner/in.go": "package inner\n\nconst At = `" + dir + "`\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	target := binaries.Target{Name: "counted", Dir: dir, Pkg: ".", Out: filepath.Join(dir, "out", "counted")}
	var messages bytes.Buffer
	jobs, err := jobsFor(t.Context(), []binaries.Target{target}, &messages)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%v, %v", jobs, err)
	}
	if size := jobs[0].units[unit{path: "counted/inner"}]; size <= unitWeight {
		t.Errorf("the package has no size: %v", jobs[0].units)
	}
	if err := build(t.Context(), jobs, &messages); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`building what is not here, \d+ packages and programs, .* left if \d+ cores are idle`).MatchString(messages.String()) {
		t.Errorf("said: %s", &messages)
	}
	if jobs, err = jobsFor(t.Context(), []binaries.Target{target}, &messages); err != nil || len(jobs) > 0 {
		t.Errorf("once built: %v, %v", jobs, err)
	}
	target.Out += "2"
	if jobs, err = jobsFor(t.Context(), []binaries.Target{target}, &messages); err != nil || len(jobs) != 1 || jobs[0].units[unit{path: "counted/inner"}] != 0 {
		t.Errorf("what is compiled is still to do: %v, %v", jobs, err)
	}
	target.Pkg = "./missing"
	if _, err = jobsFor(t.Context(), []binaries.Target{target}, &messages); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}

func TestDownloads(t *testing.T) {
	var n int
	var other strings.Builder
	w := countDownloads(func(so int) { n = so }, &other)
	for _, piece := range []string{"go: downloading k8s.io/api v0.37.2\ngo: down", "loading k8s.io/klog v2\nno such", " host\n"} {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 || other.String() != "no such host\n" {
		t.Errorf("%d, %q", n, other.String())
	}
}
