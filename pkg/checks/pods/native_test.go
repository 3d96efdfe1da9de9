package pods

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func nodeWith(name, kubelet string, edits ...func(*corev1.Node)) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}}
	n.Status.NodeInfo.KubeletVersion = kubelet
	for _, edit := range edits {
		edit(&n)
	}
	return n
}

func tainted(key string) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	}
}

// TestNative: yes, no because, or not known because; by API servers and by the nodes that the next pod can go to.
func TestNative(t *testing.T) {
	off := facts.FeatureReading{Component: "kubelet", Instance: "b", Enabled: ptr.To(false), Source: facts.SourceMetrics, Evidence: "0"}
	for name, test := range map[string]struct {
		nodes []corev1.Node
		edit  func(*facts.Snapshot, *corev1.Pod)
		lacks string
		open  string
	}{
		"nothing seen":        {open: "the version of this cluster was not seen"},
		"new enough for all":  {nodes: []corev1.Node{nodeWith("a", "v1.32.2")}},
		"others may be older": {nodes: []corev1.Node{nodeWith("a", "v1.30.2")}, open: "node a has v1.30.2, other nodes were not seen"},
		"all nodes listed":    {nodes: []corev1.Node{nodeWith("a", "v1.30.2"), nodeWith("b", "v1.29.1-eks-1")}},
		"alpha":               {nodes: []corev1.Node{nodeWith("a", "v1.28.4")}, lacks: "kubelet v1.28.4 of node a has the SidecarContainers gate off by default"},
		"too old":             {nodes: []corev1.Node{nodeWith("a", "v1.27.4")}, lacks: "kubelet v1.27.4 of node a does not know them"},
		"one of two too old":  {nodes: []corev1.Node{nodeWith("a", "v1.34.1"), nodeWith("b", "v1.27.4")}, lacks: "kubelet v1.27.4 of node b does not know them"},
		"gate off":            {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.32.2")}, edit: func(s *facts.Snapshot, _ *corev1.Pod) { s.Kubelets = []facts.FeatureReading{off} }, lacks: "kubelet v1.32.2 of node b has the SidecarContainers gate off"},
		"no version":          {nodes: []corev1.Node{nodeWith("a", "none")}, open: "the version of node a was not seen"},
		"selected": {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.27.4")}, edit: func(_ *facts.Snapshot, p *corev1.Pod) {
			p.Spec.NodeSelector = map[string]string{"kubernetes.io/hostname": "a"}
		}},
		"tainted": {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.27.4", tainted("old"))}},
		"tolerated": {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.27.4", tainted("old"))}, edit: func(_ *facts.Snapshot, p *corev1.Pod) {
			p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		}, lacks: "kubelet v1.27.4 of node b does not know them"},
		"cordoned for now":         {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.27.4", tainted("node.kubernetes.io/unschedulable"))}, lacks: "kubelet v1.27.4 of node b does not know them"},
		"virtual, not for it":      {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.25.0-vk-azure-aci-1", tainted("virtual-kubelet.io/provider"))}},
		"API server":               {edit: func(s *facts.Snapshot, _ *corev1.Pod) { s.ServerVersion = &version.Info{GitVersion: "v1.27.9"} }, lacks: "API server v1.27.9 does not know them"},
		"API server, nodes unseen": {edit: func(s *facts.Snapshot, _ *corev1.Pod) { s.ServerVersion = &version.Info{GitVersion: "v1.30.1"} }, open: "the nodes were not seen"},
		"affinity": {nodes: []corev1.Node{nodeWith("a", "v1.32.2"), nodeWith("b", "v1.27.4")}, edit: func(_ *facts.Snapshot, p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"b"}}}}},
			}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &facts.Snapshot{Nodes: test.nodes, Pods: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: corev1.PodSpec{NodeName: "a"}}}}
			if test.edit != nil {
				test.edit(s, &s.Pods[0])
			}
			got := sceneOf(s).subjects()[0].native()
			if whats(got.lacks) != test.lacks || got.open != test.open {
				t.Errorf("lacks %q, open %q; want %q, %q", whats(got.lacks), got.open, test.lacks, test.open)
			}
		})
	}
}

// TestNativeAsksOnce: no step makes a native sidecar but by the functions that ask whether it would run.
func TestNativeAsksOnce(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	makes := regexp.MustCompile(`fixMove\(|fixContainers\(setAlways|ContainerRestartPolicyAlways\b|"restartPolicy": *"Always"|/restartPolicy"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || slices.Contains([]string{"patch.go", "steps.go", "native.go"}, file) {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range makes.FindAllString(string(text), -1) {
			t.Errorf("%s: %s: make native sidecars with nativeSteps, moveSteps or editSteps, which ask whether they run", file, found)
		}
	}
}

// TestNativeNotes: what a container does differently as a native sidecar is named where it does.
func TestNativeNotes(t *testing.T) {
	exec := func(words ...string) *corev1.LifecycleHandler {
		return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: words}}
	}
	rules := func(on batchv1.PodFailurePolicyOnExitCodesRequirement) *batchv1.PodFailurePolicy {
		return &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{Action: batchv1.PodFailurePolicyActionIgnore, OnExitCodes: &on}}}
	}
	for name, test := range map[string]struct {
		kubelet string
		preStop *corev1.LifecycleHandler
		port    string
		policy  *batchv1.PodFailurePolicy
		want    []string
	}{
		"nothing": {},
		"quits":   {preStop: exec("curl", "-X", "POST", "http://127.0.0.1:9091/quitquitquit"), want: []string{"it would stop proxy under them, so remove it"}},
		"kills":   {preStop: exec("sh", "-c", "sleep 20; kill 1"), want: []string{"it would stop proxy under them"}},
		"sleeps":  {preStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 20}}, want: []string{"it only uses up the grace period"}},
		"shell sleeps": {
			preStop: exec("/bin/sh", "-c", "sleep 20"), want: []string{"it only uses up the grace period"},
		},
		"writes":             {preStop: exec("flush"), want: []string{"only SIGTERM comes after them"}},
		"named port":         {port: "http", want: []string{"Before 1.33 a Service does not find", "http (80)"}},
		"named port, 1.32":   {port: "http", kubelet: "v1.32.2", want: []string{"needs the number"}},
		"named port, 1.34":   {port: "http", kubelet: "v1.34.0"},
		"policy, in":         {policy: rules(batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: "In", Values: []int32{143, 42}}), want: []string{"rules[0] (Ignore) also matches exit code 143 of proxy"}},
		"policy, not in":     {policy: rules(batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: "NotIn", Values: []int32{42}}), want: []string{"exit code 137 or 143"}},
		"policy, other code": {policy: rules(batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: "In", Values: []int32{42}})},
		"policy, other container": {
			policy: rules(batchv1.PodFailurePolicyOnExitCodesRequirement{ContainerName: ptr.To("main"), Operator: "In", Values: []int32{143}}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := corev1.Container{Name: "proxy"}
			if test.preStop != nil {
				c.Lifecycle = &corev1.Lifecycle{PreStop: test.preStop}
			}
			if test.port != "" {
				c.Ports = []corev1.ContainerPort{{Name: test.port, ContainerPort: 80}}
			}
			owner := metav1.OwnerReference{APIVersion: "batch/v1", Kind: "Job", Name: "j", Controller: ptr.To(true)}
			s := &facts.Snapshot{
				Pods: []corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "p", OwnerReferences: []metav1.OwnerReference{owner}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}, c}}}},
				Jobs: []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Name: "j"}, Spec: batchv1.JobSpec{PodFailurePolicy: test.policy}}},
			}
			if test.kubelet != "" {
				s.Nodes = []corev1.Node{nodeWith("a", test.kubelet)}
			}
			p := sceneOf(s).subjects()[0]
			got := strings.Join(p.nativeNotes(p.mains[1]), "\n")
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			if len(test.want) == 0 && got != "" {
				t.Errorf("says %s", got)
			}
		})
	}
}
