package sweep

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// stuck has requests of the class hang.
var stuck = fault{name: "hang", spoil: func(x *exchange) { x.wait(time.Hour) }}

// TestInterrupted presses Ctrl-C in several phases: each ends soon, with 130, and says what is known.
func TestInterrupted(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	createNamespaces(t, c, "shop")
	installWebhook(t, c, serveWebhooks(t, c), "labeler", "/strip")
	createStuckWorkload(t, c)
	f := newFront(t, c)
	for _, phase := range []struct {
		args    []string
		class   string
		partial bool   // there is a report
		other   string // hangs, too
	}{
		{args: []string{"doctor", "-o", "json"}, class: "GET /version"},
		{args: []string{"doctor", "-o", "json"}, class: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", partial: true},
		{args: []string{"doctor", "-o", "json"}, class: "GET /api/v1/nodes", partial: true},
		{args: []string{"doctor", "-o", "json"}, class: "GET /api/v1/nodes/NODE/proxy/metrics", partial: true},
		{args: []string{"doctor", "-o", "json"}, class: "POST /api/v1/namespaces/NS/pods dryRun=All", partial: true},
		{args: []string{"why", "web-1-a", "-n", "shop", "-o", "json"}, class: "GET /api/v1/namespaces/NS/pods/web-1-a"},
		{args: []string{"why", "web-1-a", "-n", "shop", "-o", "json"}, class: "GET /apis/apps/v1/namespaces/NS/deployments/web", partial: true},
		{args: []string{"why", "web-1-a", "-n", "shop", "-o", "json"}, class: "POST /api/v1/namespaces/NS/pods dryRun=All", partial: true},
		{args: []string{"why", "-A", "-o", "json"}, class: "GET /api/v1/pods fieldSelector=status.phase!=Succeeded"},
		{args: []string{"why", "-A", "-o", "json"}, class: "GET /api/v1/events fieldSelector=type=Warning", partial: true,
			other: "GET /api/v1/pods fieldSelector=status.phase!=Succeeded continue"},
		{args: []string{"why", "-A", "-o", "json"}, class: "GET /apis/apps/v1/namespaces/NS/replicasets/web-1", partial: true},
		{args: []string{"webhooks", "-o", "json"}, class: "POST /api/v1/namespaces/NS/pods dryRun=All", partial: true},
	} {
		t.Run(phase.args[0]+" "+phase.class, func(t *testing.T) {
			r := interrupted(t, f, phase.class, phase.other, phase.args...)
			switch {
			case r.exit != 130 || r.took > grace:
				t.Errorf("exit %d, %v after the signal", r.exit, r.took)
			case !phase.partial && (r.stdout != "" || oneError(r) != nil):
				t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
			case phase.partial && phase.args[0] == "webhooks":
				if _, err := webhookTable(r.stdout); err != nil {
					t.Error(err)
				}
			case phase.partial:
				rep := reportOf(t, r)
				if rep.Verdict == report.Ready || !strings.Contains(strings.Join(rep.Limits, "\n"), "interrupted") {
					t.Errorf("verdict %s, limits %q", rep.Verdict, rep.Limits)
				}
			}
		})
	}
	t.Run("snapshot", func(t *testing.T) {
		dir := t.TempDir()
		r := interrupted(t, f, "GET /api/v1/nodes", "", "snapshot", "-o", filepath.Join(dir, "file.yaml"))
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 || r.exit != 130 || oneError(r) != nil {
			t.Errorf("exit %d, left behind: %v (%v)\n%s", r.exit, left, err, r.stderr)
		}
	})
}

// TestInterruptedStdin presses Ctrl-C while a file is awaited that never comes.
func TestInterruptedStdin(t *testing.T) {
	for _, command := range []string{"doctor", "webhooks"} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer write.Close()
		r := launch(t, "", func(cmd *exec.Cmd) { cmd.Stdin = read }, command, "-f", "-")
		// More than a pipe holds: once it is written, it is being read.
		if _, err := write.Write(bytes.Repeat([]byte("# comment\n"), 20<<10)); err != nil {
			t.Fatal(err)
		}
		r.began = time.Now()
		if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if got := r.wait(t); got.exit != 130 || got.took > grace || oneError(got) != nil {
			t.Errorf("%s: exit %d after %v\n%s%s", command, got.exit, got.took, got.stdout, got.stderr)
		}
	}
}

// interrupted sends SIGINT once the request hangs, and so does the other one, if any: what is asked for at the same
// time may have been read or not, but for a page whose successor was asked for. took is the time since then.
func interrupted(t *testing.T, f *front, class, other string, args ...string) ran {
	t.Helper()
	p := f.proxy(class, stuck)
	p.other = other
	defer p.stop()
	r := launch(t, p.kubeconfig(t), nil, args...)
	for deadline := time.Now().Add(10 * time.Minute); !p.asked(class) || other != "" && !p.asked(other); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = r.cmd.Process.Kill()
			t.Fatalf("%s %s was never asked for\n%v", class, other, p.classes())
		}
	}
	r.began = time.Now()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return r.wait(t)
}

// TestClosedPipe: a reader that went away, such as head, changes neither the exit code nor stderr.
func TestClosedPipe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nodes.yaml")
	node := "apiVersion: v1\nkind: Node\nmetadata: {name: node-%d}\nstatus: {nodeInfo: {kubeletVersion: v1.27.%d}}\n---\n"
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, node, i, i%10)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range namesOf(print.Formats) {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		r := launch(t, "", func(cmd *exec.Cmd) { cmd.Stdout = write }, "doctor", "-f", file, "-o", format)
		write.Close()
		if got := r.wait(t); got.exit != report.ExitFindings || got.stderr != "" {
			t.Errorf("%s: exit %d, stderr %q", format, got.exit, got.stderr)
		}
	}
}

// TestFullDisk: a snapshot or report that does not fit leaves nothing behind, and keeps the old file.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mountSmall(t, dir)
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: threeNodes})
	file := filepath.Join(dir, "snapshot.yaml")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	filler.Close()
	r := launch(t, c.Kubeconfig, nil, "snapshot", "-o", file).wait(t)
	if r.exit != 1 || oneError(r) != nil || !strings.Contains(r.stderr, "no space left") {
		t.Errorf("exit %d\n%s", r.exit, r.stderr)
	}
	nodes := filepath.Join(t.TempDir(), "nodes.yaml")
	if err := os.WriteFile(nodes, []byte("{kind: Node, apiVersion: v1, metadata: {name: a}, status: {nodeInfo: {kubeletVersion: v1.27.1}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, format := range namesOf(print.Formats) {
		r := launch(t, "", nil, "doctor", "-f", nodes, "-o", format+"="+file).wait(t)
		r.stdout = "" // has the report that is for there
		if r.exit != 1 || oneError(r) != nil || !strings.Contains(r.stderr, "no space left") {
			t.Errorf("-o %s=FILE: exit %d\n%s", format, r.exit, r.stderr)
		}
	}
	names, err := os.ReadDir(dir)
	if old, _ := os.ReadFile(file); err != nil || len(names) != 2 || string(old) != "old" {
		t.Errorf("left behind: %v, the old file: %q (%v)", names, old, err)
	}
}

// mountSmall mounts a file system of 64 KB, which needs root.
func mountSmall(t *testing.T, dir string) {
	t.Helper()
	err := fmt.Errorf("not Linux")
	if runtime.GOOS == "linux" {
		err = exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("a small file system needs root: %v", err)
		}
		t.Skipf("a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Error(err)
		}
	})
}
