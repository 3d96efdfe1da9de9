package roles

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// quitting is a Job whose work has a script beside a proxy that can be told to quit.
func quitting(script string) string {
	return fmt.Sprintf(`
containers:
- {name: batch, image: lab/batch, command: [sh, -c, %q]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i, --quitquitquit]}`, script)
}

// TestQuits: a fault is only named where the script leaves no doubt, and what is taken out is a whole command.
func TestQuits(t *testing.T) {
	const quit = "curl -XPOST localhost:9091/quitquitquit"
	for _, tt := range []struct{ name, script, want, left string }{
		{"in both branches", "if run; then " + quit + "; else " + quit + "; exit 1; fi", "quit-call batch>data", ""},
		{"with another language", "run\npython3 -c \"import requests; requests.post('http://localhost:9091/quitquitquit')\"", "quit-call batch>data loses-exit-code", ""},
		{"by hand", "run; x=$?\nprintf 'POST /quitquitquit HTTP/1.0\\r\\n\\r\\n' | nc localhost 9091\nexit $x", "quit-call batch>data", ""},
		{"with a limit of time", "run; x=$?; timeout 5 " + quit + "; exit $x", "quit-call batch>data understood", "run"},
		{"its answer is kept", "run; x=$?; answer=$(" + quit + "); exit $x", "quit-call batch>data", ""},
		{"the code is in a file", "(run || touch /tmp/failed); " + quit + " || true; if [ -f /tmp/failed ]; then exit 1; fi", "quit-call batch>data understood", "(run || touch /tmp/failed); if [ -f /tmp/failed ]; then exit 1; fi"},
		{"the code is dropped", "run; " + quit + "; exit 0", "quit-call batch>data loses-exit-code", ""},
		{"also after a failure", "run && " + quit + " || (" + quit + "; exit 1)", "quit-call batch>data", ""},
		{"two commands, one code", "one && two; x=$?; " + quit + "; exit $x", "quit-call batch>data understood", "one && two"},
		{"several words before it", "run --name http://web/x " + quit, "quit-call batch>data understood never-runs", "run --name http://web/x"},
		{"until it succeeds", "run --db localhost:5432; x=$?; until " + quit + "; do sleep 1; done; exit $x", "quit-call batch>data", ""},
		{"a loop that waits, and a trap", "trap 'wget -qO- --post-data= localhost:9091/quitquitquit' EXIT\nuntil nc -z localhost 5432; do sleep 1; done\nrun", "wait-loop batch>data understood; quit-call batch>data understood", "until nc -z localhost 5432; do sleep 1; done\nrun"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judged(t, "Job", quitting(tt.script))
			if diff := cmp.Diff(tt.want, kinds(j.Workarounds)); diff != "" {
				t.Error(diff)
			}
			if w := j.Workarounds[len(j.Workarounds)-1]; w.Understood {
				if diff := cmp.Diff(tt.left, w.Edits[0].New); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	words := `
containers:
- {name: batch, image: lab/batch, command: [python, -c, "import requests; requests.post('http://localhost:9091/quitquitquit')"]}
- {name: data, image: lab/cloud-sql-proxy:2, args: [--port=5432, p:r:i, --quitquitquit]}`
	if got := kinds(judged(t, "Job", words).Workarounds); got != "" {
		t.Error("without a shell:", got)
	}
}

// TestWaitLoops: what waits is taken out as a whole command, or stays.
func TestWaitLoops(t *testing.T) {
	const loop = "until nc -z localhost 5432; do sleep 1; done"
	for _, tt := range []struct{ name, script, left string }{
		{"first", loop + "; run", "run"},
		{"joined", loop + " && run", "run"},
		{"in the middle", "export A=1; " + loop + "; run", "export A=1; run"},
		{"joined in the middle", "set -e; " + loop + " && run", "set -e; run"},
		{"on lines", "set -e\n" + loop + "\nrun\n", "set -e\nrun"},
		{"its output goes elsewhere", "echo wait; " + loop + " 2>/dev/null >&2; run", "echo wait; run"},
		{"in the background", loop + " & run", ""},
		{"in a function", "ready() { " + loop + "; }; ready; run", ""},
		{"in a condition", "if [ -n \"$DB\" ]; then " + loop + "; fi; run", ""},
		{"in the words of another shell", "timeout 60 sh -c '" + loop + "'; run", ""},
		{"only then", "check && " + loop + "; run", ""},
		{"else", loop + " || exit 1; run", ""},
		{"last", "run; " + loop, ""},
		{"a tool that starts the work", "wait-for-it localhost:5432 -t 30 -- run --all; echo done", "run --all; echo done"},
		{"a tool that starts the work, without a mark", "dockerize -wait tcp://localhost:5432 run --all; echo done", ""},
		{"a tool", "wait-for-it localhost:5432 -t 30 && run", "run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, w := range judged(t, "Job", quitting(tt.script)).Workarounds {
				if w.Kind == WaitLoop && w.Understood {
					got = append(got, w.Edits[0].New.(string))
				}
			}
			if diff := cmp.Diff(tt.left, strings.Join(got, "|")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
