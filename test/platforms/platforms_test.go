//go:build platforms

package platforms

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const version = "v0.0.0-test"

// A machine is another kind than this one, on which the plugin runs.
type machine struct {
	os, arch, temp string
	path           func(file string) string // what a file of this machine is called there
	command        func(args ...string) *exec.Cmd
}

// program is where one is that hack/packages.sh installs.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v; make platforms installs it", err)
	}
	return path
}

// build builds the plugin as a release does.
func build(t *testing.T, goos, arch string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "kubectl-sidecar")
	if goos == "windows" {
		out += ".exe"
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", out, "-ldflags",
		"-s -w -X github.com/kubectl-sidecar/kubectl-sidecar/internal/cli.version="+version, "./cmd/kubectl-sidecar")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return out
}

func TestWindows(t *testing.T) { everything(t, windows(t)) }

func TestARM64(t *testing.T) {
	qemu, exe := program(t, "qemu-aarch64"), build(t, "linux", "arm64")
	everything(t, machine{
		os: "linux", arch: "arm64", temp: t.TempDir(), path: func(file string) string { return file },
		command: func(args ...string) *exec.Cmd { return exec.Command(qemu, append([]string{exe}, args...)...) },
	})
}

// run returns what the plugin printed and how it exited.
func run(t *testing.T, cmd *exec.Cmd, stdin string) (stdout, stderr string, code int) {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &said
	cmd.Dir = t.TempDir()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), said.String(), cmd.ProcessState.ExitCode()
}

// everything: there the plugin says what it says here, byte for byte, and exits with the same code; and it takes the
// paths of that machine.
func everything(t *testing.T, m machine) {
	t.Helper()
	here := build(t, runtime.GOOS, runtime.GOARCH)
	examples, err := filepath.Abs("../../docs/examples")
	if err != nil {
		t.Fatal(err)
	}
	out, said, code := run(t, m.command("version"), "")
	if want := fmt.Sprintf("kubectl-sidecar %s (%s, %s/%s)\n", version, runtime.Version(), m.os, m.arch); out != want || code != 0 {
		t.Fatalf("version: exit code %d, %q, want %q\n%s", code, out, want, said)
	}
	demo, stuck := filepath.Join(examples, "demo.yaml"), filepath.Join(examples, "stuck-pod.yaml")
	for _, test := range []struct {
		name string
		code int
		args []string // FILE is the path of an example
		file string
	}{
		{"not ready", 3, []string{"doctor", "-f", "FILE"}, demo},
		{"as data", 3, []string{"doctor", "-f", "FILE", "-o", "json"}, demo},
		{"all of it", 3, []string{"doctor", "-f", "FILE", "-o", "wide", "--color", "always"}, demo},
		{"ready", 0, []string{"doctor", "-f", "FILE", "--checks", "kubelet-too-old", "-o", "short"}, demo},
		{"unknown", 4, []string{"doctor", "-f", "FILE"}, filepath.Join(examples, "not-everywhere.yaml")},
		{"a stuck pod", 3, []string{"why", "-A", "-f", "FILE"}, stuck},
		{"a picture", 3, []string{"why", "-A", "-f", "FILE", "-o", "svg"}, stuck},
		{"a wrong flag", 2, []string{"doctor", "--no-such-flag"}, demo},
		{"a wrong format", 2, []string{"doctor", "-f", "FILE", "-o", "jsn"}, demo},
		{"a page", 0, []string{"explain", "kubelet-gate-off"}, demo},
		{"help", 0, []string{"doctor", "--help"}, demo},
		{"PowerShell", 0, []string{"completion", "powershell"}, demo},
		{"bash", 0, []string{"completion", "bash"}, demo},
		{"flags", 0, []string{"__complete", "doctor", "--kubelet"}, demo},
		{"checks", 0, []string{"__complete", "explain", "kubelet-"}, demo},
		{"names", 0, []string{"__complete", "doctor", "-f", "FILE", "--checks", "kubelet-"}, demo},
	} {
		t.Run(test.name, func(t *testing.T) {
			there, local := m.with(test.args, test.file)
			wantOut, wantSaid, wantCode := run(t, exec.Command(here, local...), "")
			gotOut, gotSaid, gotCode := run(t, m.command(there...), "")
			if wantCode != test.code || gotCode != test.code {
				t.Errorf("exit code %d, here %d, want %d\n%s", gotCode, wantCode, test.code, gotSaid)
			}
			if diff := cmp.Diff(wantOut, gotOut); diff != "" {
				t.Errorf("stdout (-here +there):\n%s", diff)
			}
			if diff := cmp.Diff(wantSaid, gotSaid); diff != "" {
				t.Errorf("stderr (-here +there):\n%s", diff)
			}
		})
	}
	t.Run("files", func(t *testing.T) { files(t, m, here, examples) })
}

// with returns the arguments as they are there, and here.
func (m machine) with(args []string, file string) (there, here []string) {
	for _, arg := range args {
		there = append(there, strings.ReplaceAll(arg, "FILE", m.path(file)))
		here = append(here, strings.ReplaceAll(arg, "FILE", file))
	}
	return there, here
}

// files: folders are read, a stream is read, reports are written, and what is not there is said.
func files(t *testing.T, m machine, here, examples string) {
	manifests := filepath.Join(examples, "lint")
	there, local := m.with([]string{"lint", "-f", "FILE", "-R", "-o", "json", "--fail-on", "never"}, manifests)
	want, _, _ := run(t, exec.Command(here, local...), "")
	got, said, code := run(t, m.command(there...), "")
	// Places of findings have slashes everywhere: baselines and SARIF files are read on other machines.
	want = strings.ReplaceAll(want, examples, "EXAMPLES")
	got = strings.ReplaceAll(got, strings.ReplaceAll(m.path(examples), `\`, "/"), "EXAMPLES")
	if diff := cmp.Diff(want, got); diff != "" || code != 0 || want == "" {
		t.Errorf("a folder: exit code %d\n%s\n(-here +there):\n%s", code, said, diff)
	}
	// Neither cmd nor PowerShell expands a pattern.
	for command, pattern := range map[string]string{"lint": "lint/*.yaml", "doctor": "dem?.yaml"} {
		there, local = m.with([]string{command, "-f", "FILE", "-o", "short", "--fail-on", "never"}, examples+"/"+pattern)
		want, _, _ = run(t, exec.Command(here, local...), "")
		got, said, code = run(t, m.command(there...), "")
		if want == "" || code != 0 || strings.Count(got, "\n") != strings.Count(want, "\n") {
			t.Errorf("%s of a pattern: exit code %d\n%s%s, want\n%s", command, code, got, said, want)
		}
	}
	snapshot, err := os.ReadFile(filepath.Join(examples, "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if out, said, code := run(t, m.command("doctor", "-f", "-", "-o", "short"), string(snapshot)); code != 3 || !strings.HasPrefix(out, "not ready: ") {
		t.Errorf("a stream: exit code %d\n%s%s", code, out, said)
	}
	report := filepath.Join(m.temp, "report.json")
	there, _ = m.with([]string{"doctor", "-f", "FILE", "-o", "json=" + m.path(report)}, filepath.Join(examples, "demo.yaml"))
	if _, said, code := run(t, m.command(there...), ""); code != 3 {
		t.Errorf("a report: exit code %d\n%s", code, said)
	}
	if data, err := os.ReadFile(report); err != nil || !bytes.Contains(data, []byte(`"verdict": "not-ready"`)) {
		t.Errorf("a report: %v\n%.200s", err, data)
	}
	if out, said, code := run(t, m.command("doctor", "-f", m.path("/no/such/file.yaml")), ""); code != 1 || out != "" || !strings.Contains(said, "file.yaml") {
		t.Errorf("no file: exit code %d\n%s%s", code, out, said)
	}
}
