//go:build real

package real

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// TestCloudSQLProxy: sidecar-run waits for the real proxy, and ends it by its endpoint, and where that is not switched on
// says so, or by a file. The proxy listens without its API: it asks that at the first connection.
func TestCloudSQLProxy(t *testing.T) {
	program, err := binaries.Program(t.Context(), ".", "./cmd/sidecar-run")
	if err != nil {
		t.Fatal(err)
	}
	proxy := filepath.Join(t.TempDir(), "cloud-sql-proxy")
	build := exec.Command("go", "build", "-C", "cloud-sql-proxy", "-trimpath", "-o", proxy, "github.com/GoogleCloudPlatform/cloud-sql-proxy/v2")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(t.TempDir(), "ended")
	for _, c := range []struct {
		name          string
		wrapped, flag string
		options       []string
		says          string
		exits         bool
	}{
		{"quit", "", "--quitquitquit", []string{"--sidecar=cloud-sql-proxy"}, "", true},
		{"off", "", "--quitquitquit=false", []string{"--sidecar=cloud-sql-proxy"}, "is the quit endpoint switched on?", false},
		{"file", "--main-ended=file:" + file, "--quitquitquit=false", []string{"--wait=http://127.0.0.1:9090/startup", "--quit=file:" + file}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{proxy, "--token=x", "--health-check", "--lazy-refresh", "--enable-builtin-metrics=false", "--port=15432", c.flag, "project:region:instance"}
			if c.wrapped != "" {
				args = append([]string{program, c.wrapped, "--"}, args...)
			}
			var log bytes.Buffer
			sidecar := exec.Command(args[0], args[1:]...)
			sidecar.Stdout, sidecar.Stderr = &log, &log
			if err := sidecar.Start(); err != nil {
				t.Fatal(err)
			}
			main := exec.Command(program, append(c.options, "--", "sh", "-c", "echo ran; exit 3")...)
			var stderr bytes.Buffer
			main.Stderr = &stderr
			out, _ := main.Output()
			if !c.exits {
				sidecar.Process.Kill()
			}
			err := sidecar.Wait()
			if string(out) != "ran\n" || main.ProcessState.ExitCode() != 3 || (err == nil) != c.exits || !strings.Contains(stderr.String(), c.says) || c.says == "" && stderr.Len() > 0 {
				t.Errorf("exit %d, %q, %q; the proxy: %v\n%s", main.ProcessState.ExitCode(), out, &stderr, err, &log)
			}
		})
	}
}
