package facts

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// keptEnv are the variables whose values are kept: they switch on a workaround for the lack of
// native sidecars and are no secrets. Of all others only the name and the reference are.
var keptEnv = []string{
	"EXIT_ON_ZERO_ACTIVE_CONNECTIONS", "TERMINATION_DRAIN_DURATION_SECONDS", "MINIMUM_DRAIN_DURATION",
	"ISTIO_QUIT_API", "NEVER_KILL_ISTIO", "NEVER_KILL_ISTIO_ON_FAILURE", "ENVOY_ADMIN_API", "START_WITHOUT_ENVOY",
	"LINKERD_AWAIT_DISABLED", "LINKERD_DISABLED", "CSQL_PROXY_QUITQUITQUIT", "CSQL_PROXY_EXIT_ZERO_ON_SIGTERM",
}

func trimEnv(in []corev1.EnvVar) []corev1.EnvVar {
	var out []corev1.EnvVar
	for _, e := range in {
		kept := corev1.EnvVar{Name: e.Name, ValueFrom: e.ValueFrom}
		if slices.Contains(keptEnv, e.Name) || listens(e) {
			kept.Value = e.Value
		}
		out = append(out, kept)
	}
	return out
}

// listens reports whether a variable says on which address of its pod a program listens, which is no secret.
func listens(e corev1.EnvVar) bool {
	return listenName.MatchString(e.Name) && listenValue.MatchString(e.Value)
}

var (
	listenName  = pattern.New(`(?i)listen|bind|addr`)
	listenValue = pattern.New(`^(?:[a-z]{2,5}://)?(?:127(?:\.\d{1,3}){3}|localhost|0\.0\.0\.0|\*|\[?::1?\]?)?(?::\d{2,5})?$`)
)

// trimVolumes drops the parameters of drivers, which may hold credentials; names stay.
func trimVolumes(in []corev1.Volume) []corev1.Volume {
	var out []corev1.Volume
	for _, v := range in {
		if v.CSI != nil {
			v.CSI = &corev1.CSIVolumeSource{Driver: v.CSI.Driver, ReadOnly: v.CSI.ReadOnly, NodePublishSecretRef: v.CSI.NodePublishSecretRef}
		}
		if v.GitRepo != nil {
			repository := *v.GitRepo
			repository.Repository = redactText(repository.Repository)
			v.GitRepo = &repository
		}
		if v.FlexVolume != nil {
			v.FlexVolume = &corev1.FlexVolumeSource{Driver: v.FlexVolume.Driver, SecretRef: v.FlexVolume.SecretRef}
		}
		out = append(out, v)
	}
	return out
}
