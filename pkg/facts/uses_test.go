package facts

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestUses(t *testing.T) {
	var spec corev1.PodSpec
	if err := yaml.UnmarshalStrict([]byte(`
imagePullSecrets: [{name: pull}]
volumes:
- {name: claim, persistentVolumeClaim: {claimName: data}}
- {name: scratch, ephemeral: {volumeClaimTemplate: {spec: {}}}}
- {name: conf, configMap: {name: conf}}
- {name: secret, secret: {secretName: key}}
- {name: both, projected: {sources: [{configMap: {name: ca}}, {secret: {name: token}}, {serviceAccountToken: {path: a}}]}}
- {name: driver, csi: {driver: d, nodePublishSecretRef: {name: publish}}}
- {name: empty, emptyDir: {}}
initContainers:
- {name: i, envFrom: [{configMapRef: {name: init}}, {secretRef: {name: all}}]}
containers:
- {name: a, env: [{name: A, value: plain}, {name: B, valueFrom: {configMapKeyRef: {name: one, key: k}}}, {name: C, valueFrom: {secretKeyRef: {name: single, key: k}}}, {name: D, valueFrom: {fieldRef: {fieldPath: a}}}]}
`), &spec); err != nil {
		t.Fatal(err)
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: spec}
	for kind, names := range map[string][]string{
		"PersistentVolumeClaim": {"data", "web-scratch"},
		"ConfigMap":             {"conf", "ca", "init", "one"},
		"Secret":                {"pull", "key", "token", "publish", "all", "single"},
	} {
		for _, name := range names {
			if !Uses(p, kind, name) {
				t.Errorf("%s %s is not used", kind, name)
			}
		}
		for _, name := range []string{"", "other", "plain", "scratch", "empty"} {
			if Uses(p, kind, name) {
				t.Errorf("%s %q is used", kind, name)
			}
		}
	}
}
