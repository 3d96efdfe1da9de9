package facts

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRedactWords(t *testing.T) {
	for _, test := range []struct{ in, want []string }{
		{[]string{"proxy", "--port=5432", "--quitquitquit"}, []string{"proxy", "--port=5432", "--quitquitquit"}},
		{[]string{"--token=abc", "--token-file=/run/token"}, []string{"--token=REDACTED", "--token-file=/run/token"}},
		{[]string{"--password", "hunter2", "-v"}, []string{"--password", "REDACTED", "-v"}},
		{[]string{"--token", "--other"}, []string{"--token", "--other"}},
		{[]string{"postgres://user:pw@db:5432/x?sslmode=off"}, []string{"postgres://REDACTED@db:5432/x?sslmode=off"}},
		{[]string{"sh", "-c", "export DB_PASSWORD='s3cret' && run --api-key abc"}, []string{"sh", "-c", "export DB_PASSWORD='REDACTED' && run --api-key REDACTED"}},
		{[]string{"curl", "-H", "Authorization: Bearer abc.def", "http://x/quitquitquit"}, []string{"curl", "-H", "Authorization: Bearer REDACTED", "http://x/quitquitquit"}},
		{[]string{`MountVolume.SetUp failed for volume "tls-secret" : secret "tls" not found`}, []string{`MountVolume.SetUp failed for volume "tls-secret" : secret "tls" not found`}},
		{[]string{`couldn't find key password in Secret default/db`}, []string{`couldn't find key password in Secret default/db`}},
		{[]string{"https://x/y?sig=abc&z=1"}, []string{"https://x/y?sig=REDACTED&z=1"}},
	} {
		if diff := cmp.Diff(test.want, redactWords(test.in)); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", test.in, diff)
		}
	}
}

func TestTrimPod(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	fields := `{"f:metadata":{"f:labels":{}},"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{"f:image":{}}},` +
		`"f:initContainers":{".":{},"k:{\"name\":\"proxy\"}":{".":{},"f:image":{},"f:name":{},"f:restartPolicy":{}}}}}`
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "p", Namespace: "n", ResourceVersion: "7",
			Annotations: map[string]string{
				"checksum/config":                  "abc",
				"sidecar.istio.io/nativeSidecar":   "false",
				corev1.LastAppliedConfigAnnotation: `{"spec":{"containers":[{"env":[{"name":"A","value":"secret"}]}],"initContainers":[{"name":"proxy","restartPolicy":"Always","args":["x"]}]}}`,
			},
			ManagedFields: []metav1.ManagedFieldsEntry{
				{Manager: "kubectl", Operation: "Apply", FieldsV1: metav1.NewFieldsV1(fields)},
				{Manager: "kubelet", Operation: "Update", Subresource: "status", FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`)},
			},
		},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{
				Name: "proxy", RestartPolicy: &always, SecurityContext: &corev1.SecurityContext{},
				Args: []string{"--token=x"},
				Env:  []corev1.EnvVar{{Name: "A", Value: "secret"}, {Name: "EXIT_ON_ZERO_ACTIVE_CONNECTIONS", Value: "true"}},
			}},
		},
		Status: corev1.PodStatus{PodIP: "10.0.0.1", InitContainerStatuses: []corev1.ContainerStatus{{Name: "proxy", ContainerID: "x", RestartCount: 2}}},
	}
	want := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "p", Namespace: "n",
			Annotations: map[string]string{
				"sidecar.istio.io/nativeSidecar":   "false",
				corev1.LastAppliedConfigAnnotation: `{"initContainers":[{"name":"proxy","restartPolicy":"Always"}]}`,
			},
			ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: "kubectl", Operation: "Apply",
				FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{}},"f:initContainers":{"k:{\"name\":\"proxy\"}":{"f:name":{},"f:restartPolicy":{}}}}}`),
			}},
		},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{
				Name: "proxy", RestartPolicy: &always, Args: []string{"--token=REDACTED"},
				Env: []corev1.EnvVar{{Name: "A"}, {Name: "EXIT_ON_ZERO_ACTIVE_CONNECTIONS", Value: "true"}},
			}},
		},
		Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "proxy", RestartCount: 2}}},
	}
	got := TrimPod(pod)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(got, TrimPod(&got)); diff != "" {
		t.Errorf("trimming twice is not trimming once (-once +twice)\n%s", diff)
	}
	sent := SentAlways(&got.ObjectMeta, "proxy")
	if len(sent) != 1 || sent[0].Manager != "kubectl" {
		t.Errorf("SentAlways: got %v", sent)
	}
	if sent := SentAlways(&got.ObjectMeta, "other"); sent != nil {
		t.Errorf("SentAlways of another container: got %v", sent)
	}
	if diff := cmp.Diff([]string{"proxy"}, AppliedAlways(&got.ObjectMeta)); diff != "" {
		t.Errorf("AppliedAlways (-want +got)\n%s", diff)
	}
}

// TestSent: what managedFields tell of containers and gates, also after they were trimmed.
func TestSent(t *testing.T) {
	fields := `{"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{"f:image":{},"f:restartPolicy":{}}},` +
		`"f:schedulingGates":{".":{},"k:{\"name\":\"example.com/approval\"}":{".":{},"f:name":{}}}}}`
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "operator", Operation: "Update", FieldsV1: metav1.NewFieldsV1(fields)},
		{Manager: "kubelet", Operation: "Update", Subresource: "status", FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`)},
	}}}
	trimmed := TrimPod(pod)
	for _, m := range []*metav1.ObjectMeta{&pod.ObjectMeta, &trimmed.ObjectMeta} {
		if NotSent(m, "main") || !NotSent(m, "proxy") {
			t.Errorf("NotSent: main %v, proxy %v", NotSent(m, "main"), NotSent(m, "proxy"))
		}
		if got := SentRegularPolicy(m, "main"); len(got) != 1 || len(SentAlways(m, "main")) != 0 {
			t.Errorf("SentRegularPolicy: %v", got)
		}
		if got := GateManagers(m, "example.com/approval"); len(got) != 1 || got[0].Manager != "operator" || len(GateManagers(m, "example.com/other")) != 0 {
			t.Errorf("GateManagers: %v", got)
		}
	}
	if NotSent(&metav1.ObjectMeta{}, "proxy") {
		t.Error("NotSent: true without managedFields")
	}
}

func TestCustomWorkloadOf(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want CustomWorkload
		ok   bool
	}{
		{`{"apiVersion":"argoproj.io/v1alpha1","kind":"Rollout","metadata":{"name":"r","namespace":"n","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"template\":{\"spec\":{\"initContainers\":[{\"name\":\"p\",\"restartPolicy\":\"Always\"}]}}}}"}},` +
			`"spec":{"template":{"spec":{"initContainers":[{"name":"p","args":["--token=x"]}]}}}}`,
			CustomWorkload{
				APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Namespace: "n", Name: "r", Path: "spec.template", Applied: []string{"p"},
				Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "p", Args: []string{"--token=REDACTED"}}}}},
			}, true},
		{`{"apiVersion":"keda.sh/v1alpha1","kind":"ScaledJob","metadata":{"name":"j"},"spec":{"jobTargetRef":{"template":{"spec":{}}}}}`,
			CustomWorkload{APIVersion: "keda.sh/v1alpha1", Kind: "ScaledJob", Name: "j", Path: "spec.jobTargetRef.template"}, true},
		{`{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"t"},"spec":{"template":"a string"}}`, CustomWorkload{}, false},
		{`{"apiVersion":"apps/v1","kind":"Other","metadata":{"name":"t"},"spec":{"template":{"spec":{}}}}`, CustomWorkload{}, false},
		{`{"apiVersion":"policy.k8s.io/v1","kind":"Other","spec":{"template":{"spec":{}}}}`, CustomWorkload{}, false},
	} {
		got, ok := CustomWorkloadOf([]byte(test.raw))
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("%s: ok %v, (-want +got)\n%s", test.raw, ok, diff)
		}
	}
}

// TestTrimListens: where a program listens is kept, and that a probe has headers, not what they say.
func TestTrimListens(t *testing.T) {
	in := []corev1.EnvVar{
		{Name: "LISTEN_ADDR", Value: "127.0.0.1:8080"}, {Name: "CSQL_PROXY_ADDRESS", Value: "0.0.0.0"},
		{Name: "BIND_PASSWORD", Value: "hunter2"}, {Name: "PIN", Value: "12345"}, {Name: "ADDRESS", Value: "somebody's home"},
	}
	var got []string
	for _, e := range trimEnv(in) {
		got = append(got, e.Value)
	}
	if want := []string{"127.0.0.1:8080", "0.0.0.0", "", "", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	probe := trimHTTPGet(&corev1.HTTPGetAction{HTTPHeaders: []corev1.HTTPHeader{{Name: "Authorization", Value: "hunter2"}}})
	if len(probe.HTTPHeaders) != 1 || probe.HTTPHeaders[0].Value != redacted {
		t.Errorf("%+v", probe.HTTPHeaders)
	}
}
