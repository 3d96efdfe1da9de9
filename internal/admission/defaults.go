package admission

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// setDefaults fills in what the API server fills in before it calls anybody (k8s.io/kubernetes pkg/apis/core/v1/defaults.go),
// as far as a condition may ask for it: the same in all versions.
func setDefaults(spec *corev1.PodSpec) {
	setDefault(&spec.RestartPolicy, corev1.RestartPolicyAlways)
	setDefault(&spec.DNSPolicy, corev1.DNSClusterFirst)
	setDefault(&spec.SchedulerName, corev1.DefaultSchedulerName)
	setDefaultTo(&spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	setDefaultTo(&spec.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	setDefaultTo(&spec.SecurityContext, corev1.PodSecurityContext{})
	// The ServiceAccount plug-in has run before any webhook.
	setDefault(&spec.ServiceAccountName, "default")
	setDefault(&spec.DeprecatedServiceAccount, spec.ServiceAccountName)
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			setContainerDefaults(&list[i])
		}
	}
}

func setContainerDefaults(c *corev1.Container) {
	setDefault(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	setDefault(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	pull := corev1.PullIfNotPresent
	if latest(c.Image) {
		pull = corev1.PullAlways
	}
	setDefault(&c.ImagePullPolicy, pull)
	for i := range c.Ports {
		setDefault(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if p != nil {
			setProbeDefaults(p)
		}
	}
}

func setProbeDefaults(p *corev1.Probe) {
	setDefault(&p.TimeoutSeconds, 1)
	setDefault(&p.PeriodSeconds, 10)
	setDefault(&p.SuccessThreshold, 1)
	setDefault(&p.FailureThreshold, 3)
	if p.HTTPGet != nil {
		setDefault(&p.HTTPGet.Path, "/")
		setDefault(&p.HTTPGet.Scheme, corev1.URISchemeHTTP)
	}
}

// latest reports whether an image has no digest, and no tag or latest.
func latest(image string) bool {
	if strings.Contains(image, "@") {
		return false
	}
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return tag == "" || tag == "latest"
}

// addedByPlugins is the pod with what plug-ins of the API server add that are on by default: not everywhere, and not to
// every pod. A pod that has them already is left as it is.
func addedByPlugins(pod *corev1.Pod) *corev1.Pod {
	out := pod.DeepCopy()
	setDefaultTo(&out.Spec.Priority, 0)
	setDefaultTo(&out.Spec.PreemptionPolicy, corev1.PreemptLowerPriority)
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		seconds := int64(300)
		out.Spec.Tolerations = append(out.Spec.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds,
		})
	}
	const name = tokenVolume + "canry"
	out.Spec.Volumes = append(out.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}},
	}}})
	for _, list := range [][]corev1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount"})
		}
	}
	return out
}

func setDefault[T comparable](field *T, value T) {
	var none T
	if *field == none {
		*field = value
	}
}

func setDefaultTo[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
