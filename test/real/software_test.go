//go:build real

package real

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// built is a program of a released module, built in its own folder: with the versions of its own go.mod, not with what
// the module has of a folder vendor.
func built(t *testing.T, module, path, program string) string {
	t.Helper()
	root, err := binaries.Root()
	check(t, err)
	out := filepath.Join(root, ".cache", "programs", "real-"+module+"-"+filepath.Base(program))
	build := exec.CommandContext(t.Context(), "go", "build", "-C", released(t, module, path), "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", out, program)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOTOOLCHAIN=auto")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

// kubectl changes the cluster as its administrator does; text is what it reads.
func kubectl(t *testing.T, c *cluster.Cluster, text string, args ...string) string {
	t.Helper()
	out, err := tryKubectl(t, c, text, args...)
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", args, err, out)
	}
	return out
}

func tryKubectl(t *testing.T, c *cluster.Cluster, text string, args ...string) (string, error) {
	t.Helper()
	path, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	check(t, err)
	cmd := exec.CommandContext(t.Context(), path, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// apply creates what is in manifests, those of CRDs before what is of their kinds.
func apply(t *testing.T, c *cluster.Cluster, text string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		out, err := tryKubectl(t, c, text, "apply", "--server-side", "--force-conflicts", "-f", "-")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	check(t, err)
	return string(text)
}

// certificate is a folder with a certificate for a Service, signed by the cluster's authority, as the API server trusts it
// in all webhook configurations that are there.
func certificate(t *testing.T, c *cluster.Cluster, service, namespace string) string {
	t.Helper()
	cert, key, err := c.ServingCertificate(service+"."+namespace+".svc", c.Host())
	check(t, err)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, corev1.TLSCertKey), cert, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, corev1.TLSPrivateKeyKey), key, 0o600))
	configurations := c.Client().AdmissionregistrationV1()
	mutating, err := configurations.MutatingWebhookConfigurations().List(t.Context(), metav1.ListOptions{})
	check(t, err)
	for _, m := range mutating.Items {
		for i := range m.Webhooks {
			m.Webhooks[i].ClientConfig.CABundle = c.CA()
		}
		_, err := configurations.MutatingWebhookConfigurations().Update(t.Context(), &m, metav1.UpdateOptions{})
		check(t, err)
	}
	validating, err := configurations.ValidatingWebhookConfigurations().List(t.Context(), metav1.ListOptions{})
	check(t, err)
	for _, v := range validating.Items {
		for i := range v.Webhooks {
			v.Webhooks[i].ClientConfig.CABundle = c.CA()
		}
		_, err := configurations.ValidatingWebhookConfigurations().Update(t.Context(), &v, metav1.UpdateOptions{})
		check(t, err)
	}
	return dir
}

// admissionChecks are those that a webhook can fail.
var admissionChecks = []string{
	"webhook-breaks-canary", "webhook-strips-restart-policy", "webhook-moves-restart-policy", "webhook-removes-sidecar",
	"webhook-strips-newer-fields", "webhook-fails-open", "webhook-refuses-dry-run", "webhook-breaks-pod-updates",
	"template-strips-restart-policy", "crd-prunes-restart-policy",
}

// judged is what doctor says of admission: of each check that does not pass its status, its findings and what is missing.
func judged(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	r := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", strings.Join(admissionChecks, ","), "--timeout", "3m", "--request-timeout", "30s")
	var out []string
	for _, e := range r.Report(t).Checks {
		if e.Status == checks.Pass {
			continue
		}
		for _, f := range e.Findings {
			out = append(out, fmt.Sprintf("%s: %s %s: %s", e.ID, f.Object.Kind, f.Object.Name, f.Message))
		}
		for _, g := range e.Missing {
			out = append(out, fmt.Sprintf("%s: unknown %s: %s", e.ID, g.Scope, g.Reason))
		}
	}
	slices.Sort(out)
	return out
}

// becomes waits for what doctor says: software takes a while to act on what it is told.
func becomes(t *testing.T, c *cluster.Cluster, want []string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		got = judged(t, c)
		if len(got) == len(want) && slices.EqualFunc(got, want, strings.HasPrefix) {
			return
		}
	}
	t.Errorf("doctor says\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
}

// sidecars are the init containers of a pod as the API server would store it, with their restartPolicy.
func sidecars(t *testing.T, c *cluster.Cluster, namespace, pod string) (string, error) {
	t.Helper()
	return tryKubectl(t, c, pod, "create", "-n", namespace, "--dry-run=server", "-f", "-", "-o",
		"jsonpath={range .spec.initContainers[*]}{.name}={.restartPolicy} {end}")
}

// until waits for a condition of the software.
func until(t *testing.T, what string, holds func(context.Context) error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if err = holds(t.Context()); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}
