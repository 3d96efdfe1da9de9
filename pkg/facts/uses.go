package facts

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Uses reports whether a pod names an object of its namespace: a PersistentVolumeClaim, a ConfigMap or a Secret.
// It is for pods as they come from the API server: a trimmed one has lost most of these names.
func Uses(p *corev1.Pod, kind, name string) bool {
	if name == "" {
		return false
	}
	switch kind {
	case "PersistentVolumeClaim":
		return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == name ||
				v.Ephemeral != nil && p.Name+"-"+v.Name == name
		})
	case "ConfigMap":
		return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return mountsConfigMap(&v, name) }) ||
			inEnv(p, name, envConfigMap)
	case "Secret":
		return slices.ContainsFunc(p.Spec.ImagePullSecrets, func(s corev1.LocalObjectReference) bool { return s.Name == name }) ||
			slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return slices.Contains(secretsOf(&v), name) }) ||
			inEnv(p, name, envSecret)
	}
	return false
}

func mountsConfigMap(v *corev1.Volume, name string) bool {
	return v.ConfigMap != nil && v.ConfigMap.Name == name ||
		v.Projected != nil && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
			return s.ConfigMap != nil && s.ConfigMap.Name == name
		})
}

// An envSource is where a container has its environment from: one of the two is nil.
type envSource func(*corev1.EnvFromSource, *corev1.EnvVarSource) string

func envConfigMap(from *corev1.EnvFromSource, ref *corev1.EnvVarSource) string {
	switch {
	case from != nil && from.ConfigMapRef != nil:
		return from.ConfigMapRef.Name
	case ref != nil && ref.ConfigMapKeyRef != nil:
		return ref.ConfigMapKeyRef.Name
	}
	return ""
}

func envSecret(from *corev1.EnvFromSource, ref *corev1.EnvVarSource) string {
	switch {
	case from != nil && from.SecretRef != nil:
		return from.SecretRef.Name
	case ref != nil && ref.SecretKeyRef != nil:
		return ref.SecretKeyRef.Name
	}
	return ""
}

// inEnv reports whether a container of a pod has some of its environment from a source of that name.
func inEnv(p *corev1.Pod, name string, source envSource) bool {
	containers := slices.Concat(p.Spec.InitContainers, p.Spec.Containers)
	for _, e := range p.Spec.EphemeralContainers {
		containers = append(containers, corev1.Container(e.EphemeralContainerCommon))
	}
	return slices.ContainsFunc(containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.EnvFrom, func(f corev1.EnvFromSource) bool { return source(&f, nil) == name }) ||
			slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return source(nil, e.ValueFrom) == name })
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
