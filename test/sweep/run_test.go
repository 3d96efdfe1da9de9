package sweep

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// The limits of every run. What a run may need beyond its time-out is for starting and printing,
// on a machine that is busy.
const (
	requestTimeout = 500 * time.Millisecond
	timeout        = 3 * time.Second
	grace          = 15 * time.Second
)

// A ran is one finished run of the plugin.
type ran struct {
	args           []string
	stdout, stderr string
	exit           int
	took           time.Duration
	crash          string
}

// runInside runs the plugin in this process, which costs much less than a process of its own.
func runInside(kubeconfig string, args ...string) ran {
	return runFor(timeout, requestTimeout, kubeconfig, args...)
}

// runFor is runInside with other limits.
func runFor(whole, each time.Duration, kubeconfig string, args ...string) ran {
	args = slices.Concat([]string{"kubectl-sidecar"}, args, plugin.AskURL(kubeconfig, args))
	args = append(args, "--kubeconfig", kubeconfig, "--request-timeout", each.String(), "--timeout", whole.String())
	return runWith(strings.NewReader(""), args)
}

func runWith(stdin io.Reader, args []string) (r ran) {
	var stdout, stderr bytes.Buffer
	began := time.Now()
	defer func() {
		r = ran{args: args, stdout: stdout.String(), stderr: stderr.String(), exit: r.exit, took: time.Since(began)}
		if crash := recover(); crash != nil {
			r.crash = fmt.Sprint(crash)
		}
	}()
	r.exit = cli.Main(args, genericiooptions.IOStreams{In: stdin, Out: &stdout, ErrOut: &stderr})
	return r
}
