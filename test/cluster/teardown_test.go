package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// traces is what a running cluster has on this machine.
type traces struct {
	dir        string
	link       string
	processes  map[string]string // PID and start time -> command
	namespaces map[string]bool   // network namespaces, as "net:[4026531840]"
}

func tracesOf(t *testing.T, dir string) traces {
	t.Helper()
	tr := traces{
		dir: dir, link: "ksc" + filepath.Base(dir),
		processes: map[string]string{}, namespaces: map[string]bool{},
	}
	own, _ := os.Readlink("/proc/self/ns/net")
	for _, proc := range glob(t, "/proc/[0-9]*") {
		environ, _ := os.ReadFile(proc + "/environ")
		cgroup, _ := os.ReadFile(proc + "/cgroup")
		if !bytes.Contains(environ, []byte("KUBECTL_SIDECAR_TEST_SLOT="+dir+"\x00")) && !bytes.Contains(cgroup, []byte("/"+tr.link+"-")) {
			continue
		}
		id, command := identify(proc)
		tr.processes[id] = command
		if namespace, err := os.Readlink(proc + "/ns/net"); err == nil && namespace != own {
			tr.namespaces[namespace] = true
		}
	}
	return tr
}

// identify returns what tells a process from a later one of the same PID, and
// nothing for a zombie, which only waits for its parent.
func identify(proc string) (id, command string) {
	stat, err := os.ReadFile(proc + "/stat")
	end := bytes.LastIndexByte(stat, ')')
	if err != nil || end < 0 {
		return "", ""
	}
	fields := strings.Fields(string(stat[end+1:]))
	if fields[0] == "Z" || fields[0] == "X" {
		return "", ""
	}
	cmdline, _ := os.ReadFile(proc + "/cmdline")
	return filepath.Base(proc) + "@" + fields[19], strings.ReplaceAll(string(cmdline), "\x00", " ")
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// taken reports whether another cluster has the folder, the link and the names of cgroups by now, as
// tests of other packages that run at the same time may: what has these names is then not this
// cluster's. Nobody is given a name that is not free.
func (tr traces) taken(t *testing.T) bool {
	t.Helper()
	for _, proc := range glob(t, "/proc/[0-9]*") {
		environ, _ := os.ReadFile(proc + "/environ")
		id, command := identify(proc)
		if _, old := tr.processes[id]; !old && strings.Contains(command, "etcd") && bytes.Contains(environ, []byte("KUBECTL_SIDECAR_TEST_SLOT="+tr.dir+"\x00")) {
			return true
		}
	}
	return false
}

// left is what is still there of it.
func (tr traces) left(t *testing.T) []string {
	t.Helper()
	var left []string
	taken := tr.taken(t)
	for _, proc := range glob(t, "/proc/[0-9]*") {
		id, _ := identify(proc)
		if command, ok := tr.processes[id]; ok && id != "" {
			left = append(left, "process "+id+" "+command)
		}
		if namespace, err := os.Readlink(proc + "/ns/net"); err == nil && tr.namespaces[namespace] && id != "" {
			left = append(left, "network namespace "+namespace)
		}
		if mounts, _ := os.ReadFile(proc + "/mountinfo"); bytes.Contains(mounts, []byte(tr.dir+"/")) && !taken {
			left = append(left, "mounts in the namespace of "+id)
		}
	}
	for _, pattern := range []string{
		tr.dir, tr.dir + ".lock", "/sys/class/net/" + tr.link,
		"/sys/fs/cgroup/" + tr.link + "-*", "/sys/fs/cgroup/*/" + tr.link + "-*",
	} {
		if !taken {
			left = append(left, glob(t, pattern)...)
		}
	}
	for _, name := range glob(t, "/run/netns/*") { // there may be others'
		var stat syscall.Stat_t
		if syscall.Stat(name, &stat) == nil && tr.namespaces[fmt.Sprintf("net:[%d]", stat.Ino)] {
			left = append(left, name)
		}
	}
	return left
}

// gone waits for a moment: who was killed may have left the work to a keeper.
func (tr traces) gone(t *testing.T) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if left = tr.left(t); len(left) == 0 {
			return
		}
	}
	t.Errorf("still there:\n%s", strings.Join(left, "\n"))
}

// up runs testcluster in a process of its own until a pod runs on its node.
func up(t *testing.T) (*exec.Cmd, traces) {
	t.Helper()
	program, err := binaries.Program(t.Context(), ".", "./test/cluster/cmd/testcluster")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "up", "--node", "1.36")
	var messages bytes.Buffer
	cmd.Stderr = &messages
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("%v: %s", err, messages.String())
	}
	kubeconfig := strings.TrimSpace(line)
	runPod(t, kubeconfig)
	tr := tracesOf(t, filepath.Dir(kubeconfig))
	commands := fmt.Sprint(tr.processes)
	for _, want := range []string{"etcd", "kube-apiserver", "kube-scheduler", "kubelet", "containerd", "containerd-shim", "/tool sleep"} {
		if !strings.Contains(commands, want) {
			t.Errorf("no %s among the processes, so its end would prove nothing: %s", want, commands)
		}
	}
	if len(tr.namespaces) < 3 { // of the switch, the node and the pod
		t.Errorf("only %d network namespaces", len(tr.namespaces))
	}
	return cmd, tr
}

func runPod(t *testing.T, kubeconfig string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config).CoreV1().Pods("default")
	if _, err := client.Create(t.Context(), pod("sleeper", "node-0", "sleep", "1h"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if p, err := client.Get(t.Context(), "sleeper", metav1.GetOptions{}); err == nil && p.Status.Phase == corev1.PodRunning {
			return
		}
	}
	t.Fatal("the pod does not run")
}

// However the process that runs a cluster ends, nothing of the cluster stays.
func TestNothingStays(t *testing.T) {
	needNodes(t, "the proof that nothing of a node stays")
	rules, sysctls := iptables(t), tunables(t)
	for _, end := range []struct {
		name string
		do   func(*exec.Cmd) error
	}{
		{"interrupted", func(cmd *exec.Cmd) error { return cmd.Process.Signal(os.Interrupt) }},
		{"terminated", func(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGTERM) }},
		{"killed", func(cmd *exec.Cmd) error { return cmd.Process.Kill() }},
	} {
		t.Run(end.name, func(t *testing.T) {
			cmd, tr := up(t)
			begin := time.Now()
			if err := end.do(cmd); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			if end.name != "killed" && err != nil {
				t.Errorf("%v", err)
			}
			tr.gone(t)
			t.Logf("gone after %s", time.Since(begin).Round(10*time.Millisecond))
		})
	}
	if now := iptables(t); now != rules {
		t.Errorf("iptables: before:\n%s\nafter:\n%s", rules, now)
	}
	if now := tunables(t); now != sysctls {
		t.Errorf("the kernel's settings: before %s, after %s", sysctls, now)
	}
}

func iptables(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("iptables", "-S").CombinedOutput()
	if err != nil {
		t.Logf("iptables: %v: %s", err, out)
	}
	return string(out)
}

func tunables(t *testing.T) string {
	t.Helper()
	var all []string
	for _, name := range []string{"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"} {
		value, err := os.ReadFile("/proc/sys/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, name+"="+strings.TrimSpace(string(value)))
	}
	return strings.Join(all, " ")
}

// When the keeper is killed too, the next start, or Clean, makes up for it.
func TestCleanAfterKeeperKilled(t *testing.T) {
	needNodes(t, "the proof that Clean cleans after nodes")
	cmd, tr := up(t)
	for _, proc := range glob(t, "/proc/[0-9]*") {
		_, command := identify(proc)
		if strings.HasSuffix(strings.TrimSpace(command), "keeper clean "+filepath.Base(tr.dir)) {
			pid, _ := strconv.Atoi(filepath.Base(proc))
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// The killed keeper may take a moment to let go of the slot.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		n, err := cluster.Clean()
		if err != nil {
			t.Error(err)
		}
		if n > 0 {
			break
		}
	}
	tr.gone(t)
}

// A test that panics or fails leaves nothing either.
func TestDyingTests(t *testing.T) {
	for _, how := range []string{"panic", "fatal", "exit"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestDies$")
			cmd.Env = append(os.Environ(), "TEST_DIES="+how)
			out, err := cmd.Output()
			if err == nil {
				t.Errorf("it did not die: %s", out)
			}
			dir, _, _ := strings.Cut(string(out), "\n")
			if !filepath.IsAbs(dir) {
				t.Fatalf("no cluster: %s", out)
			}
			tracesAfter(dir).gone(t)
		})
	}
}

// tracesAfter finds by name only: there is no process left to look at.
func tracesAfter(dir string) traces {
	if os.Getuid() != 0 { // no network and no nodes, and the names may be another user's
		return traces{dir: dir, link: "none"}
	}
	return traces{dir: dir, link: "ksc" + filepath.Base(dir)}
}

// TestDies is run by TestDyingTests.
func TestDies(t *testing.T) {
	how := os.Getenv("TEST_DIES")
	if how == "" {
		return
	}
	c, err := cluster.Start(context.Background(), cluster.Config{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(c.Dir())
	switch how {
	case "panic":
		panic("on purpose")
	case "exit":
		os.Exit(3)
	}
	t.Fatal("on purpose")
}
