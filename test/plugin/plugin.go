// Package plugin builds the plugin from this tree and runs it as a process, as users do.
package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// path is the plugin that Main has built.
var path string

// Path is the plugin's file, while Main runs the tests.
func Path() string { return path }

// Main is for TestMain: it builds the plugin, runs the tests and returns the exit code.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kubectl-sidecar-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path = filepath.Join(dir, "kubectl-sidecar")
	build := exec.Command("go", "build", "-o", path, "github.com/kubectl-sidecar/kubectl-sidecar/cmd/kubectl-sidecar")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the plugin: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A Ran is one finished run of the plugin.
type Ran struct {
	Args           []string
	Stdout, Stderr string
	Exit           int
}

// Run runs the plugin with a kubeconfig; a run of more than ten minutes fails the test. The webhooks of test
// clusters are at the host of their API server, which is not public, and is named.
func Run(t *testing.T, kubeconfig string, args ...string) Ran {
	t.Helper()
	return Launch(t, kubeconfig, path, append(slices.Clone(args), AskURL(kubeconfig, args)...)...)
}

// AskURL is --ask-url with the host of each cluster in the kubeconfig, where its webhooks are, for the commands that ask a cluster and its webhooks.
func AskURL(kubeconfig string, args []string) []string {
	asks := len(args) > 0 && slices.Contains([]string{"doctor", "snapshot", "webhooks", "baseline", "why", "plan"}, args[0]) || slices.Contains(args, "--in-cluster")
	for _, arg := range args {
		asks = asks && arg != "-f" && !strings.HasPrefix(arg, "--filename") && !strings.HasPrefix(arg, "--ask-url")
	}
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if !asks || err != nil {
		return nil
	}
	var out []string
	for _, c := range config.Clusters {
		u, err := url.Parse(c.Server)
		if err != nil {
			continue
		}
		host := u.Hostname()
		if ip := net.ParseIP(host).To4(); ip != nil { // a load balancer has another address of the same machine
			ip[3] = 1
			host = ip.String()
		}
		out = append(out, "--ask-url", host)
	}
	return out
}

// Launch is Run for another program that runs the plugin, such as strace.
func Launch(t *testing.T, kubeconfig, program string, args ...string) Ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %v: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%v did not end: %v\n%s%s", args, ctx.Err(), &stdout, &stderr)
	}
	return Ran{args, stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// Report decodes the run's JSON report.
func (r Ran) Report(t *testing.T) *report.Report {
	t.Helper()
	rep := new(report.Report)
	if err := json.Unmarshal([]byte(r.Stdout), rep); err != nil {
		t.Fatalf("the report of %v is no JSON: %v\nexit %d\n%s\n%s", r.Args, err, r.Exit, r.Stdout, r.Stderr)
	}
	return rep
}
