package facts

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Uses reports whether a pod names an object of its namespace: a PersistentVolumeClaim, a ConfigMap or a Secret.
// It is for pods as they come from the API server: a trimmed one has lost most of these names.
func Uses(p *corev1.Pod, kind, name string) bool {
	switch kind {
	case "PersistentVolumeClaim":
		return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == name ||
				v.Ephemeral != nil && p.Name+"-"+v.Name == name
		})
	case "ConfigMap":
		return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return mountsConfigMap(&v, name) }) ||
			inEnv(p, func(from *corev1.EnvFromSource, ref *corev1.EnvVarSource) bool {
				return from != nil && from.ConfigMapRef != nil && from.ConfigMapRef.Name == name ||
					ref != nil && ref.ConfigMapKeyRef != nil && ref.ConfigMapKeyRef.Name == name
			})
	case "Secret":
		return slices.ContainsFunc(p.Spec.ImagePullSecrets, func(s corev1.LocalObjectReference) bool { return s.Name == name }) ||
			slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return slices.Contains(secretsOf(&v), name) }) ||
			inEnv(p, func(from *corev1.EnvFromSource, ref *corev1.EnvVarSource) bool {
				return from != nil && from.SecretRef != nil && from.SecretRef.Name == name ||
					ref != nil && ref.SecretKeyRef != nil && ref.SecretKeyRef.Name == name
			})
	}
	return false
}

func mountsConfigMap(v *corev1.Volume, name string) bool {
	return v.ConfigMap != nil && v.ConfigMap.Name == name ||
		v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
			return s.ConfigMap != nil && s.ConfigMap.Name == name
		})
}

// inEnv reports whether found finds what it looks for in where a container has its environment from. It is called
// with one of the two at a time.
func inEnv(p *corev1.Pod, found func(*corev1.EnvFromSource, *corev1.EnvVarSource) bool) bool {
	containers := slices.Concat(p.Spec.InitContainers, p.Spec.Containers)
	for _, e := range p.Spec.EphemeralContainers {
		containers = append(containers, corev1.Container(e.EphemeralContainerCommon))
	}
	return slices.ContainsFunc(containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.EnvFrom, func(f corev1.EnvFromSource) bool { return found(&f, nil) }) ||
			slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return found(nil, e.ValueFrom) })
	})
}

// secretsOf is the Secrets that a volume needs.
func secretsOf(v *corev1.Volume) []string {
	var out []string
	local := func(r *corev1.LocalObjectReference) {
		if r != nil {
			out = append(out, r.Name)
		}
	}
	switch s := v.VolumeSource; {
	case s.Secret != nil:
		out = append(out, s.Secret.SecretName)
	case s.Projected != nil:
		for i := range s.Projected.Sources {
			if from := s.Projected.Sources[i].Secret; from != nil {
				local(&from.LocalObjectReference)
			}
		}
	case s.CSI != nil:
		local(s.CSI.NodePublishSecretRef)
	case s.AzureFile != nil:
		out = append(out, s.AzureFile.SecretName)
	case s.CephFS != nil:
		local(s.CephFS.SecretRef)
	case s.Cinder != nil:
		local(s.Cinder.SecretRef)
	case s.FlexVolume != nil:
		local(s.FlexVolume.SecretRef)
	case s.ISCSI != nil:
		local(s.ISCSI.SecretRef)
	case s.RBD != nil:
		local(s.RBD.SecretRef)
	case s.ScaleIO != nil:
		local(s.ScaleIO.SecretRef)
	case s.StorageOS != nil:
		local(s.StorageOS.SecretRef)
	}
	return out
}
