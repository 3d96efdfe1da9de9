package facts

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestVirtualNode(t *testing.T) {
	make := func(version string, labels map[string]string, taints ...corev1.Taint) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.NodeSpec{Taints: taints}}
		n.Status.NodeInfo.KubeletVersion = version
		return n
	}
	provider := func(name string) corev1.Taint {
		return corev1.Taint{Key: "virtual-kubelet.io/provider", Value: name, Effect: corev1.TaintEffectNoSchedule}
	}
	for _, test := range []struct {
		node *corev1.Node
		want string
	}{
		{make("v1.29.0-eks-5e0fdde", map[string]string{"eks.amazonaws.com/compute-type": "fargate"}), "EKS Fargate"},
		{make("v1.29.0-eks-5e0fdde", map[string]string{"eks.amazonaws.com/compute-type": "ec2"}), ""},
		{make("v1.25.0-vk-azure-aci-1.6.2", nil), "Azure Container Instances (virtual-kubelet)"},
		{make("v1.25.0-vk-azure-aci-1.6.2", map[string]string{"type": "virtual-kubelet"}, provider("azure")), "Azure Container Instances (virtual-kubelet)"},
		{make("v1.20.0", map[string]string{"type": "virtual-kubelet"}, provider("alibabacloud")), "virtual-kubelet (alibabacloud)"},
		{make("v1.20.0", nil, provider("")), "virtual-kubelet (unknown provider)"},
		{make("v1.20.0", map[string]string{"type": "virtual-kubelet"}), "virtual-kubelet"},
		{make("v1.14.3-vk-v1.2.0", nil), "virtual-kubelet"},
		{make("v1.30.0", map[string]string{"liqo.io/type": "virtual-node"}), "Liqo virtual node"},
		{make("kwok-v0.5.0", map[string]string{"type": "kwok"}), "kwok (simulated)"},
		{make("v1.30.0", map[string]string{"type": "worker"}, corev1.Taint{Key: "node-role.kubernetes.io/control-plane"}), ""},
	} {
		if kind, ok := VirtualNode(test.node); kind != test.want || ok != (test.want != "") {
			t.Errorf("%+v: got %q %t, want %q", test.node, kind, ok, test.want)
		}
	}
}

// staticPod is what kubeadm makes.
func staticPod(component string, command ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: component + "-cp", Namespace: "kube-system", Labels: map[string]string{"component": component, "tier": "control-plane"},
			Annotations: map[string]string{mirrorAnnotation: "x"},
		},
		Spec: corev1.PodSpec{NodeName: "cp", Containers: []corev1.Container{{Name: component, Image: "registry.example:5000/" + component + ":v1.29.3@sha256:1", Command: command}}},
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	return p
}

func TestStaticPod(t *testing.T) {
	kubeadm := staticPod("kube-apiserver", "kube-apiserver", "--feature-gates=A=true,SidecarContainers=false", "--feature-gates", "B=true", "--emulated-version=1.32")
	kubeadm.Annotations[advertiseAnnotation] = "10.0.0.4:6443"
	shell := staticPod("kube-scheduler", "/bin/sh", "-c", `exec /usr/local/bin/kube-scheduler --leader-elect --feature-gates="AllBeta=false" --v 2 >>/log 2>&1`)
	talos := staticPod("kube-apiserver", "kube-apiserver")
	talos.Spec.Containers[0].Args = []string{"--advertise-address=10.0.0.5", "--secure-port=7443", "--feature-gates"}
	talos.Spec.Containers = append([]corev1.Container{{Name: "proxy", Image: "x:y"}}, talos.Spec.Containers...)
	talos.Status.Conditions[0].Status = corev1.ConditionFalse
	notMirror := staticPod("kube-apiserver")
	notMirror.Annotations = nil
	empty := staticPod("kube-apiserver")
	empty.Spec.Containers = nil
	for _, test := range []struct {
		name string
		pod  *corev1.Pod
		want ControlPlanePod
	}{
		{"kubeadm", kubeadm, ControlPlanePod{Component: "kube-apiserver", Name: "kube-apiserver-cp", Node: "cp", Version: "v1.29.3", FeatureGates: "A=true,SidecarContainers=false,B=true", EmulatedVersion: "1.32", Address: "10.0.0.4:6443", Ready: true}},
		{"in a shell", shell, ControlPlanePod{Component: "kube-scheduler", Name: "kube-scheduler-cp", Node: "cp", Version: "v1.29.3", FeatureGates: "AllBeta=false", Ready: true}},
		{"address in flags, second container, flag without value, not ready", talos, ControlPlanePod{Component: "kube-apiserver", Name: "kube-apiserver-cp", Node: "cp", Version: "v1.29.3", Address: "10.0.0.5:7443"}},
		{"another component", staticPod("etcd"), ControlPlanePod{}},
		{"no mirror pod", notMirror, ControlPlanePod{}},
		{"no containers", empty, ControlPlanePod{}},
	} {
		got, ok := StaticPod(test.pod)
		if ok != (test.want.Name != "") {
			t.Errorf("%s: ok is %t", test.name, ok)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}

func TestImageTag(t *testing.T) {
	for image, want := range map[string]string{
		"registry.example/kube-apiserver:v1.29.3": "v1.29.3", "registry.example:5000/kube-apiserver": "", "a:b@sha256:c": "b", "": "",
	} {
		if got := ImageTag(image); got != want {
			t.Errorf("%s: got %q, want %q", image, got, want)
		}
	}
}

func TestAPIServerCount(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	lease := func(name string, age time.Duration) coordinationv1.Lease {
		renewed := metav1.NewMicroTime(now.Add(-age))
		return coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordinationv1.LeaseSpec{RenewTime: &renewed}}
	}
	s := &Snapshot{APIServerLeases: []coordinationv1.Lease{lease("a", 0), lease("b", 59*time.Second), lease("c", 61*time.Second), {ObjectMeta: metav1.ObjectMeta{Name: "d"}}}}
	var names []string
	for _, l := range s.LiveLeases() {
		names = append(names, l.Name)
	}
	if got := strings.Join(names, " "); got != "a b" {
		t.Errorf("live: %s, want a b", got)
	}
	if got := s.APIServerCount(); got != 2 {
		t.Errorf("count: %d, want 2", got)
	}
	s.APIServerEndpoints = []string{"1", "2", "3"}
	if got := s.APIServerCount(); got != 3 {
		t.Errorf("count with endpoints: %d, want 3", got)
	}
	if got := new(Snapshot).APIServerCount(); got != 0 {
		t.Errorf("count of nothing: %d, want 0", got)
	}
}
