package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// dumped wants of what kubectl cluster-info dump writes, as a folder and as a stream, what is wanted of the cluster:
// the same root causes, with the logs quoted. Jobs are not in it, and so nobody knows of a CronJob.
func dumped(t *testing.T, c *cluster.Cluster) {
	folder, stream := filepath.Join(t.TempDir(), "dump"), filepath.Join(t.TempDir(), "dump.txt")
	kubectl(t, c, "cluster-info", "dump", "-A", "--output-directory", folder)
	if err := os.WriteFile(stream, []byte(kubectl(t, c, "cluster-info", "dump", "-A")), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"pod-refused full/web",
		"startup-probe-failing shop/agent", "startup-probe-failing shop/bare", "startup-probe-failing shop/db",
		"startup-probe-failing shop/import", "startup-probe-failing shop/nightly-1", "startup-probe-failing shop/web",
	}
	for _, file := range []string{folder, stream} {
		r := plugin.Run(t, c.Kubeconfig, "why", "-A", "-f", file, "-o", "json")
		var got []string
		quoted := 0
		for _, d := range r.Report(t).Diagnoses {
			got = append(got, fmt.Sprintf("%s %s/%s", d.RootCause, d.Owner.Namespace, d.Owner.Name))
			if slices.ContainsFunc(d.Evidence, func(e string) bool { return strings.Contains(e, "log of proxy: ") }) {
				quoted++
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" || r.Exit != report.ExitFindings || quoted != 6 {
			t.Errorf("%s: exit %d, %d logs quoted (-want +got):\n%s\n%s", filepath.Base(file), r.Exit, quoted, diff, r.Stderr)
		}
	}
}
