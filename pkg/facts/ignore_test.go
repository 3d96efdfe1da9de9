package facts

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIgnoreAnnotation: of all annotations this one is kept, on whatever a finding of doctor can be
// about, also in a file, and also after writing and reading a snapshot.
func TestIgnoreAnnotation(t *testing.T) {
	const objects = `
apiVersion: v1
kind: Node
metadata: {name: node-1, annotations: {kubectl-sidecar.dev/ignore: "kubelet-gate-off reason=token=hunter2 until=2027-01-31", planted: secret}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ns, annotations: {kubectl-sidecar.dev/ignore: "x", planted: secret}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: w, annotations: {kubectl-sidecar.dev/ignore: "", planted: secret}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: p, annotations: {kubectl-sidecar.dev/ignore: "y", planted: secret}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: b, annotations: {kubectl-sidecar.dev/ignore: "z", planted: secret}}
spec: {policyName: p}
---
apiVersion: v1
kind: Pod
metadata:
  {name: kube-scheduler-a, namespace: kube-system, labels: {component: kube-scheduler, tier: control-plane},
  annotations: {kubernetes.io/config.mirror: "1", kubectl-sidecar.dev/ignore: "s", planted: secret}}
spec: {containers: [{name: kube-scheduler, image: "registry.example/kube-scheduler:v1.30.1"}]}
`
	s, err := Read(strings.NewReader(objects), "objects")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := s.Write(&file); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(file.String(), "secret") || strings.Contains(file.String(), "hunter2") {
		t.Errorf("the snapshot has what was planted:\n%s", &file)
	}
	again, err := Read(&file, "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"node": again.Nodes[0].Annotations[IgnoreAnnotation], "namespace": again.Namespaces[0].Annotations[IgnoreAnnotation],
		"webhooks": again.MutatingWebhooks[0].Annotations[IgnoreAnnotation], "policy": again.MutatingPolicies[0].Ignore,
		"static pod": again.ControlPlane[0].Ignore,
	}
	want := map[string]string{
		"node": "kubelet-gate-off reason=token=REDACTED until=2027-01-31", "namespace": "x", "webhooks": " ", "policy": "y", "static pod": "s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, annotations := range []map[string]string{
		again.Nodes[0].Annotations, again.Namespaces[0].Annotations, again.MutatingWebhooks[0].Annotations,
	} {
		if len(annotations) != 1 {
			t.Errorf("more than the one annotation: %v", annotations)
		}
	}
}

func TestIgnoreOfBounds(t *testing.T) {
	long := "kubelet-gate-off reason=" + strings.Repeat("x", maxIgnore) + " until=2027-01-31"
	got := []string{IgnoreOf(nil), IgnoreOf(map[string]string{IgnoreAnnotation: long}), IgnoreOf(map[string]string{"other": "x"})}
	if want := []string{"", "(4137 bytes, more than the 4096 that are read)", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
