package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Field is a field of pods that is newer than many webhooks. A webhook that was compiled against an
// older k8s.io/api and re-encodes pods strips it.
type Field struct {
	// Path says where it is, for people.
	Path string
	// API is the minor version of k8s.io/api that first has it (struct diff of core/v1 types.go).
	API int
	// Served is the minor version of API servers that first keep it without a feature gate being set.
	Served int
	// Set puts it into a canary, where it is harmless: neither with nor without it is the pod
	// refused. Setting it twice is like setting it once.
	Set func(*corev1.Pod)
	// Has is whether it is there.
	Has func(*corev1.Pod) bool
}

// NewerFields are the fields that a canary carries beside restartPolicy, the oldest first. Left out
// are those whose loss makes a pod invalid, so it would be refused instead of showing the loss
// (lifecycle.preStop.sleep, volumes of new kinds, env from files), those whose gate is off by default
// (lifecycle.stopSignal), and those that injected containers would make invalid (spec.resources).
func NewerFields() []Field {
	return slices.Clone(newerFields)
}

var newerFields = []Field{
	{
		Path: "spec.schedulingGates", API: 26, Served: 27,
		Set: func(p *corev1.Pod) {
			p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "kubectl-sidecar.dev/canary"}}
		},
		Has: func(p *corev1.Pod) bool { return len(p.Spec.SchedulingGates) > 0 },
	},
	{
		Path: "spec.containers[].resizePolicy", API: 27, Served: 33,
		Set: func(p *corev1.Pod) {
			first(p).ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.NotRequired}}
		},
		Has: func(p *corev1.Pod) bool { return len(first(p).ResizePolicy) > 0 },
	},
	{
		Path: "spec.affinity.podAffinity[].matchLabelKeys", API: 29, Served: 31,
		Set: func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
				PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: corev1.PodAffinityTerm{
					TopologyKey:    corev1.LabelHostname,
					LabelSelector:  &metav1.LabelSelector{MatchLabels: map[string]string{"kubectl-sidecar.dev/canary": "affinity"}},
					MatchLabelKeys: []string{"kubectl-sidecar.dev/no-such-label"},
				}}},
			}}
		},
		Has: func(p *corev1.Pod) bool {
			return p.Spec.Affinity != nil && p.Spec.Affinity.PodAffinity != nil && slices.ContainsFunc(
				p.Spec.Affinity.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution,
				func(t corev1.WeightedPodAffinityTerm) bool { return len(t.PodAffinityTerm.MatchLabelKeys) > 0 })
		},
	},
	{
		Path: "spec.securityContext.appArmorProfile", API: 30, Served: 30,
		Set: func(p *corev1.Pod) {
			security(p).AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
		},
		Has: func(p *corev1.Pod) bool {
			return p.Spec.SecurityContext != nil && p.Spec.SecurityContext.AppArmorProfile != nil
		},
	},
	{
		Path: "spec.securityContext.supplementalGroupsPolicy", API: 31, Served: 33,
		Set: func(p *corev1.Pod) {
			merge := corev1.SupplementalGroupsPolicyMerge
			security(p).SupplementalGroupsPolicy = &merge
		},
		Has: func(p *corev1.Pod) bool {
			return p.Spec.SecurityContext != nil && p.Spec.SecurityContext.SupplementalGroupsPolicy != nil
		},
	},
	{
		Path: "spec.securityContext.seLinuxChangePolicy", API: 32, Served: 33,
		Set: func(p *corev1.Pod) {
			recursive := corev1.SELinuxChangePolicyRecursive
			security(p).SELinuxChangePolicy = &recursive
		},
		Has: func(p *corev1.Pod) bool {
			return p.Spec.SecurityContext != nil && p.Spec.SecurityContext.SELinuxChangePolicy != nil
		},
	},
	{
		Path: "spec.containers[].restartPolicyRules", API: 34, Served: 35,
		Set: func(p *corev1.Pod) {
			always := corev1.ContainerRestartPolicyNever
			first(p).RestartPolicy = &always
			first(p).RestartPolicyRules = []corev1.ContainerRestartRule{{
				Action:    corev1.ContainerRestartRuleActionRestart,
				ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}},
			}}
		},
		Has: func(p *corev1.Pod) bool { return len(first(p).RestartPolicyRules) > 0 },
	},
	{
		Path: "spec.hostnameOverride", API: 34, Served: 35,
		Set: func(p *corev1.Pod) {
			name := "canary"
			p.Spec.HostnameOverride = &name
		},
		Has: func(p *corev1.Pod) bool { return p.Spec.HostnameOverride != nil },
	},
}

// mainContainer is the canary's regular container; webhooks may have put others before it.
const mainContainer = "canary-main"

// first is the canary's own regular container; an empty one when there is none.
func first(p *corev1.Pod) *corev1.Container {
	if i := indexOf(p.Spec.Containers, mainContainer); i >= 0 {
		return &p.Spec.Containers[i]
	}
	return &corev1.Container{}
}

func security(p *corev1.Pod) *corev1.PodSecurityContext {
	if p.Spec.SecurityContext == nil {
		p.Spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	return p.Spec.SecurityContext
}

// SetNewerFields puts every field that an API server of the minor version keeps into a canary.
func SetNewerFields(p *corev1.Pod, minor int) {
	for _, f := range newerFields {
		if f.Served <= minor {
			f.Set(p)
		}
	}
}

// AddNewerFields puts those into the pod of a workload that replace nothing which it has.
func AddNewerFields(p *corev1.Pod, minor int) {
	if p.Spec.OS != nil && p.Spec.OS.Name == corev1.Windows {
		return
	}
	for _, f := range newerFields {
		if strings.HasPrefix(f.Path, "spec.securityContext.") && f.Served <= minor && !f.Has(p) {
			f.Set(p)
		}
	}
}

// FieldsOf lists the newer fields that a pod has, by path.
func FieldsOf(p *corev1.Pod) []string {
	var out []string
	for _, f := range newerFields {
		if f.Has(p) {
			out = append(out, f.Path)
		}
	}
	return out
}

// LostFields lists the newer fields that sent has and returned has not.
func LostFields(sent, returned *corev1.Pod) []string {
	var out []string
	for _, f := range newerFields {
		if f.Has(sent) && !f.Has(returned) {
			out = append(out, f.Path)
		}
	}
	return out
}

// RestoreFields puts back what sent has and pod has lost.
func RestoreFields(sent, pod *corev1.Pod) {
	for _, f := range newerFields {
		if f.Has(sent) && !f.Has(pod) {
			f.Set(pod)
		}
	}
}
