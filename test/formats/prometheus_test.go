package formats_test

import (
	"os/exec"
	"testing"
)

// TestPrometheus runs the tests of the module that has the node exporter's collector and Prometheus'
// engine: every report through the one, the alerts of the documentation on it through the other.
func TestPrometheus(t *testing.T) {
	out, err := exec.Command("go", "-C", "prometheus", "test", "-count=1", ".").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
