package pods

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func TestWorkarounds(t *testing.T) {
	yes := true
	sh := func(name, script string) corev1.Container {
		return corev1.Container{Name: name, Command: []string{"sh", "-c", script}, VolumeMounts: []corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}}}
	}
	hooked := sh("proxy", "proxy")
	hooked.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"pilot-agent", "wait"}}}}
	env := sh("istio-proxy", "proxy")
	env.Env = []corev1.EnvVar{{Name: "EXIT_ON_ZERO_ACTIVE_CONNECTIONS", Value: "true"}}
	for _, test := range []struct {
		name string
		pod  corev1.Pod
		want []string // beginnings
	}{
		{"none", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "run"), sh("proxy", "proxy")}}}, nil},
		{"hook", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{hooked, sh("app", "run")}}}, []string{"postStart hook of proxy holds back app (exec: pilot-agent wait)"}},
		{"hook of the last", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "run"), hooked}}}, nil},
		{"kill", corev1.Pod{Spec: corev1.PodSpec{ShareProcessNamespace: &yes, Containers: []corev1.Container{sh("app", "run; pkill -TERM proxy"), sh("proxy", "proxy")}}}, []string{"shareProcessNamespace, which lets app kill"}},
		{"kill alone", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "run; kill 1")}}}, nil},
		{"file", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "run; touch /shared/done"), sh("proxy", "proxy & while [ ! -f /shared/done ]; do sleep 1; done")}}}, []string{"marker file /shared/done in a shared emptyDir, written by app and waited for by proxy"}},
		{"call", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "run; curl -XPOST http://127.0.0.1:15020/quitquitquit"), sh("istio-proxy", "proxy")}}}, []string{"command of app calls quitquitquit"}},
		{"await", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "linkerd-await --shutdown -- run"), sh("linkerd-proxy", "proxy")}}}, []string{"linkerd-await in app"}},
		{"scuttle", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("app", "scuttle run")}}}, []string{"a wrapper (scuttle) in app"}},
		{"idle", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{env}}}, []string{"EXIT_ON_ZERO_ACTIVE_CONNECTIONS in istio-proxy"}},
		{"sigterm", corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{sh("proxy", "cloud-sql-proxy --exit-zero-on-sigterm")}}}, []string{"--exit-zero-on-sigterm of proxy"}},
	} {
		test.pod.Spec.Volumes = []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		got := sceneOf(&facts.Snapshot{}).subject(&test.pod).workarounds()
		for i := range got {
			if i < len(test.want) && strings.HasPrefix(got[i], test.want[i]) {
				got[i] = test.want[i]
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
	held := corev1.Pod{}
	held.Annotations = map[string]string{"proxy.istio.io/config": `{ "holdApplicationUntilProxyStarts": true }`}
	if got := sceneOf(&facts.Snapshot{}).subject(&held).workarounds(); len(got) != 1 || !strings.Contains(got[0], "holdApplicationUntilProxyStarts") {
		t.Errorf("holdApplicationUntilProxyStarts: %q", got)
	}
}
