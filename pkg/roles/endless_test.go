package roles

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestEndless: only a script that nothing can leave is endless.
func TestEndless(t *testing.T) {
	for script, want := range map[string]bool{
		"while true; do fetch > /s/token; sleep 60; done":                     true,
		"mkdir -p /x\nwhile :\ndo\n  rclone sync /out r:b\n  sleep 5\ndone\n": true,
		"until false; do a; sleep 1; done":                                    true,
		"while true; do a || break; sleep 1; done":                            false,
		"while true; do a && exit 0; sleep 1; done":                           false,
		"set -e; while true; do a; sleep 1; done":                             false,
		"while true; do if a; then break; fi; sleep 1; done":                  false,
		"while true; do a; done & b":                                          false,
		"b; while true; do a; sleep 1; done":                                  true,
		"while true; do a; done | head -1":                                    false,
		"while [ ! -f /done ]; do sleep 1; done":                              false,
		"while true; do sleep 1; done; echo bye":                              false,
		"trap 'x' TERM; while true; do sleep 1; done":                         false,
		"f() { while true; do sleep 1; done }":                                false,
		"echo 'while true; do a; done'":                                       false,
		"(while true; do a; done) < /dev/null; while read x; do a; done":      false,
		"sleep 5": false,
	} {
		c := Container{Container: &corev1.Container{Command: []string{"sh", "-c", script}}}
		if got := c.Endless(); got != want {
			t.Errorf("%q: %v, want %v", script, got, want)
		}
	}
	for _, command := range [][]string{{"sh", "-ec", "while true; do a; done"}, {"bash", "-e", "-c", "while true; do a; done"}, {"timeout", "60", "sh", "-c", "while true; do a; done"}, {"while true; do a; done"}} {
		c := Container{Container: &corev1.Container{Command: command}}
		if c.Endless() {
			t.Errorf("%q is not endless", command)
		}
	}
}
