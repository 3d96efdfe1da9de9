package sweep

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// nonsense is how long something lasts that has not begun, or an age that is seven hours off.
var nonsense = regexp.MustCompile(`\bfor (0s|-\d|[678]h)|\b(0s|-\d\w*|[678]h\w*) ago|<invalid>`)

// TestServerClock: the cluster's clock is seven hours ahead of this machine's, or behind. What is said to
// last is by the cluster's, and so is the answer; the report says that the two differ.
func TestServerClock(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	createNamespaces(t, c, "shop")
	f := newFront(t, c)
	installWebhook(t, c, serveWebhooks(t, c), "labeler", "/strip")
	createStuckWorkload(t, c)
	commands := []*command{
		{name: "doctor, stripped", args: []string{"doctor", "-o", "json"}, exit: 3},
		{name: "why -A", args: []string{"why", "-A", "-o", "json"}, exit: 3},
	}
	for _, cmd := range commands {
		record(t, f, cmd)
		for shift, note := range map[time.Duration]string{
			7 * time.Hour:  "this machine's clock is 7h behind the API server's: every time and age is by the API server's",
			-7 * time.Hour: "this machine's clock is 7h ahead of the API server's: every time and age is by the API server's",
		} {
			t.Run(cmd.name+" "+shift.String(), func(t *testing.T) {
				p := f.proxy("", fault{})
				defer p.stop()
				p.shift = shift
				r := runFor(time.Minute, 10*time.Second, p.kubeconfig(t), cmd.args...)
				rep := reportOf(t, r)
				got, err := understand(cmd, r)
				if err != nil {
					t.Fatal(err)
				}
				if r.exit != cmd.exit || got.answers != cmd.baseline.answers {
					t.Errorf("exit %d: %s\nwant %d: %s", r.exit, got.answers, cmd.exit, cmd.baseline.answers)
				}
				if err := sound(trial{cmd, "", p.fault}, got); err != nil {
					t.Error(err)
				}
				if !slices.Contains(rep.Limits, note) {
					t.Errorf("limits %q", rep.Limits)
				}
				if at := rep.TakenAt.Sub(time.Now().Add(shift)).Abs(); at > time.Minute {
					t.Errorf("taken %v off the cluster's time", at)
				}
				text := runFor(time.Minute, 10*time.Second, p.kubeconfig(t), cmd.args[:len(cmd.args)-2]...).stdout
				if found := nonsense.FindString(text); found != "" || strings.TrimSpace(text) == "" {
					t.Errorf("%q in\n%s", found, text)
				}
			})
		}
	}
}
