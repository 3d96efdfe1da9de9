package decoded_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/decoded"
)

const service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"

// TestStrict: a field that does not exist fails a test; that it does is seen in a process of its own.
func TestStrict(t *testing.T) {
	if os.Getenv("DECODED_MISSPELLED") != "" {
		decoded.All(t, service+"spec:\n  portz: []\n")
		return
	}
	if got := decoded.Only[*corev1.Service](t, decoded.All(t, service)).Name; got != "web" {
		t.Errorf("the name is %q", got)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestStrict$")
	cmd.Env = append(os.Environ(), "DECODED_MISSPELLED=1")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), `unknown field "spec.portz"`) {
		t.Errorf("%v\n%s", err, out)
	}
}
