package roles

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestExitCodes: a shell says what scripts exit with, with what stops the sidecar and without: the same, or the code of the
// work, which got lost before.
func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		before       int
	}{
		{"kept", "WORK; x=$?; touch /done/x; exit $x", 7},
		{"kept, several commands", "true\nWORK\ncode=$?\ntouch /done/x\necho \"ended with $code\"\nexit $code\n", 7},
		{"lost", "WORK; touch /done/x", 0},
		{"after success", "WORK && touch /done/x", 7},
		{"after failure", "WORK || touch /done/x", 0},
		{"in a trap", "trap 'touch /done/x' EXIT\nWORK\n", 7},
		{"in a trap that hands the code on", "trap 'x=$?; touch /done/x; exit $x' EXIT; WORK", 7},
		{"strict", "set -e\nWORK\ntouch /done/x", 7},
		{"in the middle", "WORK; x=$?; touch /done/x || true; sleep 0; exit $x", 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := fmt.Sprintf(`
containers:
- {name: batch, image: lab/batch, command: [sh, -c, %q], volumeMounts: [{name: done, mountPath: /done}]}
- {name: side, image: lab/side, command: [sh, -c, "serve & until [ -f /done/x ]; do sleep 1; done"], volumeMounts: [{name: done, mountPath: /done}]}
volumes: [{name: done, emptyDir: {}}]`, tt.script)
			list := judged(t, "Job", spec).Workarounds
			if len(list) != 1 || !list[0].Understood {
				t.Fatalf("%+v", list)
			}
			without := list[0].Edits[0].New.(string)
			dir := t.TempDir()
			run := func(script string) int {
				script = strings.NewReplacer("WORK", "sh -c 'exit 7'", "/done/", dir+"/").Replace(script)
				err := exec.CommandContext(t.Context(), "sh", "-c", script).Run()
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					return exit.ExitCode()
				} else if err != nil {
					t.Fatal(err)
				}
				return 0
			}
			if before, after := run(tt.script), run(without); before != tt.before || after != 7 {
				t.Errorf("%d before, %d after:\n%s", before, after, without)
			}
		})
	}
}
