package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// libraries are real webhook libraries, each in a version that strips and in one that does not.
var libraries = []string{"controller-runtime-v0.14", "controller-runtime-v0.25", "kubewebhook-v2.5", "kubewebhook-v2.6"}

// TestWebhookLibraries: webhooks that set an annotation and leave the patch to their library, each in a
// namespace of its own, seen by doctor and by webhook test.
func TestWebhookLibraries(t *testing.T) {
	for _, version := range []string{"1.32", "1.36", "1.37"} {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			tested := map[string]int{}
			for _, name := range libraries {
				tested[name] = installLibrary(t, c, name)
			}
			wantTested := map[string]int{
				"controller-runtime-v0.14": 3, "controller-runtime-v0.25": 0, "kubewebhook-v2.5": 3, "kubewebhook-v2.6": 3,
			}
			if diff := cmp.Diff(wantTested, tested); diff != "" {
				t.Errorf("exit codes of webhook test: -want +got\n%s", diff)
			}
			got := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", "webhook-strips-restart-policy,webhook-strips-newer-fields")
			if got.Exit != 3 {
				t.Errorf("exit %d\n%s%s", got.Exit, got.Stdout, got.Stderr)
			}
			if diff := cmp.Diff(librariesWant[version], findingsOf(t, got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// librariesWant: kubewebhook v2.6 was rebuilt for restartPolicy (k8s.io/api v0.29), and strips what is
// newer; controller-runtime changed its way, and strips nothing.
var librariesWant = map[string][]string{
	"1.32": {
		"webhook-strips-restart-policy: controller-runtime-v0.14/controller-runtime-v0.14.example.com",
		"webhook-strips-restart-policy: kubewebhook-v2.5/kubewebhook-v2.5.example.com",
		"webhook-strips-newer-fields: controller-runtime-v0.14/controller-runtime-v0.14.example.com: pods lose 2 newer fields",
		"webhook-strips-newer-fields: kubewebhook-v2.5/kubewebhook-v2.5.example.com: pods lose 3 newer fields",
		"webhook-strips-newer-fields: kubewebhook-v2.6/kubewebhook-v2.6.example.com: pods lose 1 newer field",
	},
	"1.36": {
		"webhook-strips-restart-policy: controller-runtime-v0.14/controller-runtime-v0.14.example.com",
		"webhook-strips-restart-policy: kubewebhook-v2.5/kubewebhook-v2.5.example.com",
		"webhook-strips-newer-fields: controller-runtime-v0.14/controller-runtime-v0.14.example.com: pods lose 7 newer fields",
		"webhook-strips-newer-fields: kubewebhook-v2.5/kubewebhook-v2.5.example.com: pods lose 8 newer fields",
		"webhook-strips-newer-fields: kubewebhook-v2.6/kubewebhook-v2.6.example.com: pods lose 5 newer fields",
	},
	"1.37": {
		"webhook-strips-restart-policy: controller-runtime-v0.14/controller-runtime-v0.14.example.com",
		"webhook-strips-restart-policy: kubewebhook-v2.5/kubewebhook-v2.5.example.com",
		"webhook-strips-newer-fields: controller-runtime-v0.14/controller-runtime-v0.14.example.com: pods lose 7 newer fields",
		"webhook-strips-newer-fields: kubewebhook-v2.5/kubewebhook-v2.5.example.com: pods lose 8 newer fields",
		"webhook-strips-newer-fields: kubewebhook-v2.6/kubewebhook-v2.6.example.com: pods lose 5 newer fields",
	},
}

func findingsOf(t *testing.T, r plugin.Ran) []string {
	t.Helper()
	var out []string
	for _, entry := range r.Report(t).Checks {
		for _, f := range entry.Findings {
			line := entry.ID + ": " + f.Object.Name
			if entry.ID == "webhook-strips-newer-fields" {
				message, _, _ := strings.Cut(f.Message, " in ")
				line += ": " + message
			}
			out = append(out, line)
		}
	}
	return out
}

// installLibrary runs the program test/webhooks/NAME, lets `webhook test` ask it, whose exit code it
// returns, and installs it for the namespace NAME (without dots).
func installLibrary(t *testing.T, c *cluster.Cluster, name string) int {
	t.Helper()
	program, err := binaries.Program(t.Context(), filepath.Join("test/webhooks", name), ".")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := c.ServingCertificate(c.Host())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string][]byte{"tls.crt": cert, "tls.key": key, "ca.crt": c.CA()}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t, c.Host())
	cmd := exec.CommandContext(t.Context(), program, address, filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	awaitListener(t, address)
	url := "https://" + address + "/mutate"
	test := plugin.Run(t, c.Kubeconfig, "webhook", "test", "--url", url, "--ca", filepath.Join(dir, "ca.crt"))

	namespace := strings.ReplaceAll(name, ".", "-")
	if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration:     name,
		Client:            admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: c.CA()},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return test.Exit
}

func freeAddress(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(fmt.Errorf("the webhook does not listen: %w", err))
		}
	}
}
