package facts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// The texts are those of real API servers (1.28 to 1.36).
func TestRefusalOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"admission webhook \"v.example.com\" denied the request: \n\nresource Pod/shop/web was blocked \n\nours:\n  ours: no":      `admission webhook "v.example.com" denied the request: resource Pod/shop/web was blocked ours: ours: no`,
		"Pod \"web\" is invalid: spec: Forbidden: pod updates may not change fields\n  core.PodSpec{\n  ... // 3 identical fields": `Pod "web" is invalid: spec: Forbidden: pod updates may not change fields`,
	} {
		if got := (&Refusal{Code: 400, Message: text}).OneLine(); got != want {
			t.Errorf("%q", got)
		}
	}
}

func TestRefusalCause(t *testing.T) {
	for _, test := range []struct {
		code  int32
		text  string
		cause Cause
		name  string
	}{
		{400, `admission webhook "legacy.facts.example.com" does not support dry run`, CauseNoDryRun, "legacy.facts.example.com"},
		{400, `Internal error occurred: failed calling webhook "x": Webhook SideEffects is nil`, CauseNoDryRun, "x"},
		{400, `admission webhook "deny.x" denied the request: nope`, CauseDenied, "deny.x"},
		{400, `admission webhook "deny.x" denied the request without explanation`, CauseDenied, "deny.x"},
		{500, `Internal error occurred: failed calling webhook "hang.x": failed to call webhook: Post "https://10.0.0.1/x?timeout=2s": context deadline exceeded`, CauseFailed, "hang.x"},
		{500, `Internal error occurred: failed calling webhook "ca.x": failed to call webhook: Post "https://x": tls: failed to verify certificate: x509: certificate signed by unknown authority`, CauseFailed, "ca.x"},
		{403, `admission webhook "a.example.com" denied the request: cannot mirror it: admission webhook "b.example.com" does not support dry run`, CauseDenied, "a.example.com"},
		{403, `pods "p" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: see admission webhook "b.example.com" denied the request`, CausePolicy, "p"},
		{422, `Pod "p" is invalid: spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always`, CauseStripped, ""},
		{403, `pods "sc" is forbidden: expression 'object.metadata.labels.x == "y"' resulted in error: no such key: foo`, CauseExpression, ""},
		{422, `pods "p" is forbidden: ValidatingAdmissionPolicy 'images.example' with binding 'all' denied request: only our registry`, CausePolicy, "images.example"},
		{403, `pods "p" is forbidden: policy 'map.example' with binding 'b' denied request: strict decoding error: unknown field "x"`, CausePolicy, "map.example"},
		{500, `Internal error occurred: remove operation does not apply: doc is missing path: "/spec/x": missing value`, CausePatch, ""},
		{403, `pods is forbidden: User "fm" cannot create resource "pods" in API group "" in the namespace "prod"`, CauseAccess, ""},
		{403, `pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`, CauseNamespace, ""},
		{403, `pods "c" is forbidden: error looking up service account x/default: serviceaccount "default" not found`, CauseNamespace, ""},
		{403, `pods "c" is forbidden: unable to create new content in namespace x because it is being terminated`, CauseNamespace, ""},
		{403, `pods "c" is forbidden: minimum cpu usage per Container is 1, but request is 10m`, CauseNamespace, ""},
		{403, `pods "c" is forbidden: violates PodSecurity "restricted:latest": seccompProfile`, CauseNamespace, ""},
		{504, `Timeout: request did not complete within the allotted timeout`, CauseNoAnswer, ""},
		{0, `EOF`, CauseNoAnswer, ""},
		{401, `Unauthorized`, CauseNoAnswer, ""},
		{429, `too many requests, please try again later`, CauseNoAnswer, ""},
		{503, `apiserver is shutting down`, CauseNoAnswer, ""},
		{500, `etcdserver: leader changed`, CauseOther, ""},
	} {
		cause, name := (&Refusal{Code: test.code, Message: test.text}).Cause()
		if cause != test.cause || name != test.name {
			t.Errorf("%s\n got %q %q, want %q %q", test.text, cause, name, test.cause, test.name)
		}
	}
}

func initPod(containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{Spec: corev1.PodSpec{InitContainers: containers}}
}

func TestChanges(t *testing.T) {
	always, never := corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever
	plain := func(name string) corev1.Container { return corev1.Container{Name: name} }
	with := func(name string, p corev1.ContainerRestartPolicy) corev1.Container {
		return corev1.Container{Name: name, RestartPolicy: &p}
	}
	sent := initPod(plain("setup"), with("sidecar", always))
	converted := initPod(plain("setup"))
	converted.Spec.Containers = []corev1.Container{plain("sidecar")}
	for _, test := range []struct {
		name     string
		returned *corev1.Pod
		want     []Change
	}{
		{"kept", initPod(plain("setup"), with("sidecar", always)), nil},
		{"kept behind an injected sidecar", initPod(with("injected", always), plain("setup"), with("sidecar", always)), nil},
		{"stripped", initPod(plain("setup"), plain("sidecar")), []Change{
			{Stripped, "sidecar", `spec.initContainers[name="sidecar"].restartPolicy: sent Always, came back (absent)`}}},
		{"moved", initPod(with("setup", always), plain("sidecar")), []Change{
			{Moved, "setup", `spec.initContainers[name="setup"].restartPolicy: sent (absent), came back Always`},
			{Stripped, "sidecar", `spec.initContainers[name="sidecar"].restartPolicy: sent Always, came back (absent)`}}},
		{"changed", initPod(plain("setup"), with("sidecar", never)), []Change{
			{Stripped, "sidecar", `spec.initContainers[name="sidecar"].restartPolicy: sent Always, came back Never`}}},
		{"another policy of what is no sidecar", initPod(with("setup", never), with("sidecar", always)), nil},
		{"removed", initPod(plain("setup")), []Change{
			{Removed, "sidecar", `init container "sidecar" (restartPolicy: Always) was sent, and came back in no container list`}}},
		{"made a regular container", converted, []Change{
			{Removed, "sidecar", `init container "sidecar" (restartPolicy: Always) was sent, and came back among the regular containers`}}},
		{"reordered", initPod(with("sidecar", always), plain("setup")), []Change{
			{Moved, "setup", `spec.initContainers: sent in the order ["setup" "sidecar"], came back as ["sidecar" "setup"]`}}},
	} {
		if diff := cmp.Diff(test.want, Changes(sent, test.returned)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
