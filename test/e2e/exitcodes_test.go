package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

const gatesChecks = "kubelet-too-old,webhook-strips-restart-policy"

// TestGates: annotations on real objects, a baseline, waiting for a cluster that gets well, and what has
// changed since, on one real API server with a webhook that strips and a node that is too old. With
// -examples it writes the snapshots of docs/exit-codes.md.
func TestGates(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	server, err := c.ServeWebhooks()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration: "labeler", Client: server.Client("/strip"),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "default"}},
	}); err != nil {
		t.Fatal(err)
	}
	madeNode(t, c, "old-1", "v1.27.4")
	dir := t.TempDir()
	doctor := func(args ...string) plugin.Ran {
		return plugin.Run(t, c.Kubeconfig, append([]string{"doctor", "-o", "json", "--checks", gatesChecks}, args...)...)
	}
	const onNode, onWebhook = "kubelet-too-old: old-1", "webhook-strips-restart-policy: labeler/labeler.example.com"

	wants(t, "nothing is waived", doctor(), 3, onNode, onWebhook)
	keep(t, c.Kubeconfig, "before")
	before := filepath.Join(dir, "before.yaml")
	if r := plugin.Run(t, c.Kubeconfig, "snapshot", "-o", before); r.Exit != 0 {
		t.Fatalf("snapshot: exit %d\n%s", r.Exit, r.Stderr)
	}

	annotate(t, c, "kubelet-too-old reason=is replaced until=2099-01-31", "webhook-strips-restart-policy reason=wrong until=soon")
	wants(t, "one annotation holds, one cannot be read", doctor(), 3, onWebhook)
	annotate(t, c, "kubelet-too-old reason=is replaced until=2099-01-31", "webhook-strips-restart-policy reason=the vendor was asked until=2099-01-31")
	waived := doctor()
	wants(t, "both hold", waived, 0)
	if diff := cmp.Diff([]report.Waiver{
		{Action: report.Suppress, Check: "kubelet-too-old", Object: "node/old-1", Reason: "is replaced", Until: "2099-01-31",
			Source: "annotation on node/old-1", State: report.Used, Count: 1},
		{Action: report.Suppress, Check: "webhook-strips-restart-policy", Object: "mutatingwebhookconfiguration/labeler", Reason: "the vendor was asked",
			Until: "2099-01-31", Source: "annotation on mutatingwebhookconfiguration/labeler", State: report.Used, Count: 1},
	}, waived.Report(t).Waivers); diff != "" {
		t.Errorf("waivers (-want +got):\n%s", diff)
	}
	wants(t, "annotations do not loosen a strict gate", doctor("--annotations=false"), 3, onNode, onWebhook)
	annotated := filepath.Join(dir, "annotated.yaml")
	if r := plugin.Run(t, c.Kubeconfig, "snapshot", "-o", annotated); r.Exit != 0 {
		t.Fatalf("snapshot: exit %d\n%s", r.Exit, r.Stderr)
	}
	wants(t, "they are in a snapshot", plugin.Run(t, "", "doctor", "-o", "json", "--checks", gatesChecks, "-f", annotated), 0)
	annotate(t, c, "", "")

	baseline := filepath.Join(dir, "baseline.yaml")
	if r := plugin.Run(t, c.Kubeconfig, "baseline", "--checks", gatesChecks, "-o", baseline); r.Exit != 0 || r.Stderr != "note: 2 findings in the baseline\n" {
		t.Fatalf("baseline: exit %d\n%s", r.Exit, r.Stderr)
	}
	wants(t, "nothing is new", doctor("--baseline", baseline), 0)
	madeNode(t, c, "old-2", "v1.27.4")
	wants(t, "another node is", doctor("--baseline", baseline), 3, "kubelet-too-old: old-2")

	stderr := getsWell(t, c)
	if !strings.Contains(stderr, "not ready: 2 of 2 checks found errors on 1 mutating webhook and 2 of 2 nodes; looking again in 1s, for ") {
		t.Errorf("what was said meanwhile:\n%s", stderr)
	}
	wants(t, "what was mended is told", doctor("--baseline", baseline), 0)

	since := plugin.Run(t, c.Kubeconfig, "diff", before, "--checks", gatesChecks, "-o", "json")
	changes(t, since, 0, "gone kubelet-too-old node/old-1", "gone webhook-strips-restart-policy mutatingwebhook/labeler/labeler.example.com")
	keep(t, c.Kubeconfig, "after")
	after := filepath.Join(dir, "after.yaml")
	if r := plugin.Run(t, c.Kubeconfig, "snapshot", "-o", after); r.Exit != 0 {
		t.Fatalf("snapshot: exit %d\n%s", r.Exit, r.Stderr)
	}
	worse := plugin.Run(t, "", "diff", after, before, "--checks", gatesChecks, "-o", "json")
	changes(t, worse, 3, "new kubelet-too-old node/old-1", "new webhook-strips-restart-policy mutatingwebhook/labeler/labeler.example.com")
}

// wants asserts the exit code and the findings that count.
func wants(t *testing.T, what string, r plugin.Ran, exit int, findings ...string) {
	t.Helper()
	if r.Exit != exit {
		t.Errorf("%s: exit %d, want %d\n%s%s", what, r.Exit, exit, r.Stdout, r.Stderr)
	}
	if diff := cmp.Diff(findings, findingsOf(t, r)); diff != "" {
		t.Errorf("%s: findings (-want +got):\n%s", what, diff)
	}
}

func changes(t *testing.T, r plugin.Ran, exit int, want ...string) {
	t.Helper()
	var d report.Diff
	if err := json.Unmarshal([]byte(r.Stdout), &d); err != nil {
		t.Fatalf("the diff is no JSON: %v\n%s%s", err, r.Stdout, r.Stderr)
	}
	var got []string
	for _, f := range d.Findings {
		got = append(got, string(f.Change)+" "+f.Check+" "+f.Object)
	}
	if diff := cmp.Diff(want, got); diff != "" || r.Exit != exit {
		t.Errorf("diff: exit %d, want %d (-want +got):\n%s", r.Exit, exit, diff)
	}
}

// madeNode makes a Node object of a kubelet whose version alone decides; 1.27 is too old.
func madeNode(t *testing.T, c *cluster.Cluster, name, kubelet string) {
	t.Helper()
	nodes := c.Client().CoreV1().Nodes()
	node, err := nodes.Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node.Status.NodeInfo.KubeletVersion = kubelet
	if _, err := nodes.UpdateStatus(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// annotate sets the annotation of the node and of the webhook's configuration; empty removes it.
func annotate(t *testing.T, c *cluster.Cluster, onNode, onWebhook string) {
	t.Helper()
	patch := func(text string) []byte {
		var value any = text
		if text == "" {
			value = nil
		}
		out, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{facts.IgnoreAnnotation: value}}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if _, err := c.Client().CoreV1().Nodes().Patch(t.Context(), "old-1", types.MergePatchType, patch(onNode), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	configs := c.Client().AdmissionregistrationV1().MutatingWebhookConfigurations()
	if _, err := configs.Patch(t.Context(), "labeler", types.MergePatchType, patch(onWebhook), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// getsWell has doctor wait, removes webhook and nodes once it has looked in vain, and wants it to end
// well. It returns what was said meanwhile.
func getsWell(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, plugin.Path(), "doctor", "--checks", gatesChecks, "--wait", "5m", "--wait-interval", "1s")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig, "LC_ALL=C.UTF-8")
	var stdout strings.Builder
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(pipe)
	first, err := said.ReadString('\n')
	if err != nil {
		t.Fatalf("doctor did not wait: %v\n%s%s", err, first, &stdout)
	}
	if err := c.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, "labeler", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Client().CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	madeNode(t, c, "new-1", "v1.36.0") // without any, nobody could call the cluster ready
	rest, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("doctor --wait: %v\n%s%s", err, rest, &stdout)
	}
	if !strings.Contains(stdout.String(), "\n√ ready: all 2 checks passed") {
		t.Errorf("the last report:\n%s", &stdout)
	}
	return first + string(rest)
}
