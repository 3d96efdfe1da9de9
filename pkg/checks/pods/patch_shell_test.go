package pods

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// hostileWords are what whoever makes an object could have others' shells do.
var hostileWords = []string{
	"$(touch owned)", "`touch owned`", "x; touch owned", "x\ntouch owned", "'; touch owned; '", `"; touch owned; "`,
	"x && touch owned", "x | touch owned", "> owned", `\`, "", "~", "*", "#", "${HOME}", "!!",
}

// inShell runs commands in which kubectl prints its arguments, one in a line, and returns those.
func inShell(t *testing.T, dir, commands string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "kubectl() { printf '<%s>\\n' \"$@\"; }\n"+commands)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, commands, out)
	}
	return string(out)
}

func TestShell(t *testing.T) {
	dir := t.TempDir()
	for _, text := range hostileWords {
		got := inShell(t, dir, prose.Shell("kubectl get pod %s -n %s", text, "shop"))
		if want := "<get>\n<pod>\n<" + text + ">\n<-n>\n<shop>\n"; got != want {
			t.Errorf("%q: a shell reads\n%s", text, got)
		}
	}
	if got, want := prose.Shell("kubectl label node %s %s", "worker-1.example.com", "a.b/c=d"), "kubectl label node worker-1.example.com a.b/c=d"; got != want {
		t.Errorf("quotes that nobody needs: %s", got)
	}
	nothingIn(t, dir)
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a shell obeyed: %v (%v)", left, err)
	}
}

// The API server checks neither the names in owner references nor those in messages. Whoever copies a
// fix does what its words say, and nothing that they quote.
func TestFixesQuote(t *testing.T) {
	always, controller, long := corev1.ContainerRestartPolicyAlways, true, metav1.Now()
	long.Time = long.Add(-3600e9)
	dir := t.TempDir()
	for _, text := range hostileWords {
		running := &corev1.ContainerStateRunning{StartedAt: long}
		waiting := &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: "couldn't find key k in ConfigMap shop/" + text}
		pod := func(name string, sidecar *corev1.ContainerRestartPolicy, init, main corev1.ContainerState) corev1.Pod {
			return corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Name: name, Namespace: "shop", CreationTimestamp: long,
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment" + text, Name: text, UID: "u", Controller: &controller}},
				},
				Spec: corev1.PodSpec{
					NodeName:       "node",
					InitContainers: []corev1.Container{{Name: "proxy", Image: "envoy:1", RestartPolicy: sidecar}},
					Containers:     []corev1.Container{{Name: "app", Image: text}},
				},
				Status: corev1.PodStatus{
					Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{{Name: "proxy", State: init}},
					ContainerStatuses: []corev1.ContainerStatus{{Name: "app", State: main}},
				},
			}
		}
		s := &facts.Snapshot{
			TakenAt: metav1.Now(), Seen: facts.Kinds(),
			Pods: []corev1.Pod{
				pod("never-ends", nil, corev1.ContainerState{Running: running}, corev1.ContainerState{}),
				pod("no-key", &always, corev1.ContainerState{Running: running}, corev1.ContainerState{Waiting: waiting}),
			},
			Events: []corev1.Event{{
				InvolvedObject: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: "shop", Name: text},
				Reason:         failedCreate, Message: `Error creating: admission webhook "` + strings.ReplaceAll(text, `"`, "") + `" denied the request: no`,
			}},
		}
		found := 0
		for _, r := range Judge(s, nil).Results {
			for _, f := range r.Outcome.Findings {
				found++
				for command := range commandsOf(f.Fix) {
					inShell(t, dir, command)
				}
			}
		}
		if found < 2 {
			t.Errorf("%q: only %d findings", text, found)
		}
	}
	nothingIn(t, dir)
	if left, _ := filepath.Glob("owned*"); len(left) > 0 {
		t.Errorf("a shell obeyed: %v", left)
	}
}

// commandsOf yields the indented blocks of a fix.
func commandsOf(fix string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(fix, "\n\n") {
			if strings.HasPrefix(part, "  ") && strings.Contains(part, "kubectl ") && !yield(part) {
				return
			}
		}
	}
}
