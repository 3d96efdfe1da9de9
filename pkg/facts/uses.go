package facts

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// A Reference is what a pod names in its namespace: a PersistentVolumeClaim, a ConfigMap, a Secret or a ServiceAccount.
type Reference struct{ Kind, Name string }

// Uses reports whether a pod names an object of its namespace. It is for pods as they come from the API server: a
// trimmed one has lost most of these names.
func Uses(p *corev1.Pod, kind, name string) bool {
	return name != "" && slices.Contains(References(p), Reference{kind, name})
}

// References are what a pod names, as it comes from the API server.
func References(p *corev1.Pod) []Reference {
	var out []Reference
	add := func(kind string, names ...string) {
		for _, name := range names {
			if r := (Reference{kind, name}); name != "" && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		if v.PersistentVolumeClaim != nil {
			add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName)
		}
		if v.Ephemeral != nil {
			add("PersistentVolumeClaim", p.Name+"-"+v.Name)
		}
		add("ConfigMap", configMapsOf(v)...)
		add("Secret", secretsOf(v)...)
	}
	for _, s := range p.Spec.ImagePullSecrets {
		add("Secret", s.Name)
	}
	add("ConfigMap", inEnv(p, envConfigMap)...)
	add("Secret", inEnv(p, envSecret)...)
	add("ServiceAccount", p.Spec.ServiceAccountName)
	return out
}

// configMapsOf is the ConfigMaps that a volume needs.
func configMapsOf(v *corev1.Volume) []string {
	var out []string
	if v.ConfigMap != nil {
		out = append(out, v.ConfigMap.Name)
	}
	if v.Projected != nil {
		for i := range v.Projected.Sources {
			if from := v.Projected.Sources[i].ConfigMap; from != nil {
				out = append(out, from.Name)
			}
		}
	}
	return out
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

// inEnv is what containers of a pod have some of their environment from, by name.
func inEnv(p *corev1.Pod, source envSource) []string {
	var out []string
	containers := slices.Concat(p.Spec.InitContainers, p.Spec.Containers)
	for _, e := range p.Spec.EphemeralContainers {
		containers = append(containers, corev1.Container(e.EphemeralContainerCommon))
	}
	for i := range containers {
		for j := range containers[i].EnvFrom {
			out = append(out, source(&containers[i].EnvFrom[j], nil))
		}
		for j := range containers[i].Env {
			out = append(out, source(nil, containers[i].Env[j].ValueFrom))
		}
	}
	return out
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
