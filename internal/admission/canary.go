package admission

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names in a canary.
const (
	// CanaryPrefix begins the name of every canary. It is sent as generateName, as ReplicaSets and
	// Jobs do it, so webhooks see it as they see most pods: without a name.
	CanaryPrefix = "kubectl-sidecar-canary-"
	// CanarySetup is an ordinary init container: a field that lands on it was moved.
	CanarySetup = "canary-setup"
	// CanarySidecar is the native sidecar.
	CanarySidecar = "canary-sidecar"
	// CanaryMain is the regular container.
	CanaryMain = "canary-main"
)

// canaryImage is any valid reference: a dry run ends before anybody pulls it. It names no
// registry, so nobody is tempted to look for it there.
const canaryImage = "pause:3.10"

// Canary is a pod with a native sidecar that is created with dryRun=All only.
//
// It passes Pod Security "restricted", and carries small requests equal to its limits, so
// quotas and limit ranges accept it where they accept a normal pod. It has no probes: a pod whose
// field was stripped is then accepted, and the loss shows in the answer. Its only label is the
// recommended one for an application's name, as most pods have one; it lets an objectSelector
// exempt or select canaries on purpose.
func Canary(namespace string) *corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	setup, sidecar, main := canaryContainer(CanarySetup), canaryContainer(CanarySidecar), canaryContainer(CanaryMain)
	sidecar.RestartPolicy = &always
	pod := skeleton(namespace)
	pod.Spec.InitContainers = []corev1.Container{setup, sidecar}
	pod.Spec.Containers = []corev1.Container{main}
	return pod
}

// ControlOf is a canary without a native sidecar: the same containers, none of them restartable. Those of a
// workload are left out, which may have probes that only a sidecar has.
func ControlOf(canary *corev1.Pod) *corev1.Pod {
	pod := canary.DeepCopy()
	pod.Spec.InitContainers = slices.DeleteFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.RestartPolicy != nil && !strings.HasPrefix(c.Name, ownContainers)
	})
	for i := range pod.Spec.InitContainers {
		pod.Spec.InitContainers[i].RestartPolicy = nil
	}
	return pod
}

func skeleton(namespace string) *corev1.Pod {
	yes, user := true, int64(65534)
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: CanaryPrefix,
			Namespace:    namespace,
			Labels:       map[string]string{"app.kubernetes.io/name": "kubectl-sidecar-canary"},
		},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   &yes,
				RunAsUser:      &user,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
		},
	}
}

func canaryContainer(name string) corev1.Container {
	yes, no := true, false
	// Requests equal limits, so the pod passes a limit range's ratio as well.
	resources := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("10m"),
		corev1.ResourceMemory:           resource.MustParse("16Mi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Mi"),
	}
	return corev1.Container{
		Name:      name,
		Image:     canaryImage,
		Resources: corev1.ResourceRequirements{Requests: resources, Limits: resources.DeepCopy()},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: &no,
			ReadOnlyRootFilesystem:   &yes,
			RunAsNonRoot:             &yes,
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}
