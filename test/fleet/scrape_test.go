package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/decoded"
)

// TestScrape: of two clusters, doctor writes a file with the arguments of the CronJob, the node exporter serves it with
// those of the Deployment, and Prometheus scrapes it, evaluates the rules and answers every query of the dashboard.
func TestScrape(t *testing.T) {
	objects := rendered(t)
	doctor := decoded.Only[*batchv1.CronJob](t, objects).Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args
	exporter := decoded.Only[*appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0].Args
	targets := map[string]string{}
	for name, snapshot := range map[string]string{"paris": "demo.yaml", "rome": "not-everywhere.yaml"} {
		reports := t.TempDir()
		writes(t, doctor, reports, "../../docs/examples/"+snapshot)
		targets[name] = address(t)
		serves(t, exporter, reports, targets[name])
	}
	prometheus := starts(t, targets)

	want := []string{"NativeSidecarsNotReady paris firing", "NativeSidecarsUnknownForADay rome pending"}
	await(t, func() error {
		var answer struct {
			Data struct {
				Alerts []struct {
					Labels map[string]string
					State  string
				}
			}
		}
		if err := get(t.Context(), prometheus+"/api/v1/alerts", &answer); err != nil {
			return err
		}
		var got []string
		for _, a := range answer.Data.Alerts {
			// The reports were written when the snapshots were taken, which may be long ago.
			if name := a.Labels["alertname"]; name != "NativeSidecarsReportStale" {
				got = append(got, name+" "+a.Labels["cluster"]+" "+a.State)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("alerts %v, want %v", got, want)
		}
		return nil
	})
	for title, expr := range queries(t) {
		expr = strings.ReplaceAll(expr, "$cluster", ".*")
		await(t, func() error {
			var answer struct {
				Status string
				Data   struct {
					Result []struct {
						Value []any
					}
				}
			}
			if err := get(t.Context(), prometheus+"/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
				return err
			}
			if answer.Status != "success" || len(answer.Data.Result) == 0 {
				return fmt.Errorf("panel %q: nothing for %s", title, expr)
			}
			return nil
		})
	}
	numbers(t, prometheus)
}

// numbers are what the dashboard's first row has to show of the two.
func numbers(t *testing.T, prometheus string) {
	t.Helper()
	for title, want := range map[string]string{"Ready": "0", "Not ready": "1", "Unknown": "1", "Gates open": "1"} {
		var answer struct {
			Data struct {
				Result []struct {
					Value []any
				}
			}
		}
		expr := strings.ReplaceAll(queries(t)[title], "$cluster", ".*")
		if err := get(t.Context(), prometheus+"/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Data.Result) != 1 || answer.Data.Result[0].Value[1] != want {
			t.Errorf("%s: %v, want %s", title, answer.Data.Result, want)
		}
	}
}

// writes runs doctor as the CronJob does, on a snapshot instead of a cluster.
func writes(t *testing.T, args []string, reports, snapshot string) {
	t.Helper()
	all := []string{"kubectl-sidecar"}
	for _, arg := range args {
		all = append(all, strings.ReplaceAll(arg, "/reports/", reports+"/"))
	}
	all = slices.DeleteFunc(all, func(arg string) bool { return arg == "--as-controllers=false" }) // of a cluster
	var stderr strings.Builder
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: &stderr}
	if code := cli.Main(append(all, "-f", snapshot), streams); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", all, code, &stderr)
	}
}

// serves runs the node exporter as the Deployment does.
func serves(t *testing.T, args []string, reports, address string) {
	t.Helper()
	var all []string
	for _, arg := range args {
		arg = strings.Replace(arg, "=/reports", "="+reports, 1)
		all = append(all, strings.Replace(arg, "address=:9100", "address="+address, 1))
	}
	background(t, tool(t, "node_exporter"), all...)
}

// starts runs Prometheus with the rules; as in a fleet, the label cluster tells its targets apart.
func starts(t *testing.T, targets map[string]string) string {
	t.Helper()
	file, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	config := "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: ['" + file + "']\nscrape_configs:\n- job_name: fleet\n  static_configs:\n"
	for name, target := range targets {
		config += "  - {targets: ['" + target + "'], labels: {cluster: " + name + "}}\n"
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/prometheus.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := address(t)
	background(t, tool(t, "prometheus"), "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+listen)
	return "http://" + listen
}

// queries are those of the dashboard, by the title of their panel.
func queries(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(fleet + "/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			out[p.Title] = target.Expr
		}
	}
	if len(out) != len(dashboard.Panels) {
		t.Fatalf("%d queries for %d panels", len(out), len(dashboard.Panels))
	}
	return out
}

// background runs a program until the test ends.
func background(t *testing.T, path string, args ...string) {
	t.Helper()
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // the context of the test has ended
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(path), &said)
		}
	})
}

// address is one that nobody listens at.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

// await asks until the answer is nil, for at most ten minutes.
func await(t *testing.T, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatal(err)
}
