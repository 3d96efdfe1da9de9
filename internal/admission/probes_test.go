package admission

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

// answering is a webhook that answers with a patch.
func answering(patch func(pod *corev1.Pod, update bool) string) Asker {
	return func(_ context.Context, body []byte) ([]byte, error) {
		var review admissionv1.AdmissionReview
		if err := json.Unmarshal(body, &review); err != nil {
			return nil, err
		}
		if review.Request.DryRun == nil || !*review.Request.DryRun {
			return nil, errors.New("not a dry run")
		}
		var pod corev1.Pod
		if err := json.Unmarshal(review.Request.Object.Raw, &pod); err != nil {
			return nil, err
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		if p := patch(&pod, review.Request.Operation == admissionv1.Update); p != "" {
			kind := admissionv1.PatchTypeJSONPatch
			review.Response.Patch, review.Response.PatchType = []byte(p), &kind
		}
		review.Request = nil
		return json.Marshal(review)
	}
}

func kinds(t *testing.T, ask Asker) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, p := range Probes("default", nil) {
		r, err := p.Run(context.Background(), ask, "v1")
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range r.Problems {
			out[r.Name] = append(out[r.Name], problem.Kind)
		}
	}
	return out
}

func TestProbes(t *testing.T) {
	const (
		between = "create: a sidecar between two init containers, with probes and a lifecycle"
		two     = "create: two sidecars and no other init container"
		only    = "create: one sidecar without probes"
		newer   = "create: fields that are newer than restartPolicy or as old"
		changed = "update: a label of a pod with a sidecar"
	)
	for _, test := range []struct {
		name  string
		patch func(*corev1.Pod, bool) string
		want  map[string][]string
	}{
		{"says nothing", func(*corev1.Pod, bool) string { return "" }, map[string][]string{}},
		{"adds an annotation", func(*corev1.Pod, bool) string {
			return `[{"op":"add","path":"/metadata/annotations","value":{"a":"b"}}]`
		}, map[string][]string{}},
		{"strips by index", func(*corev1.Pod, bool) string {
			return `[{"op":"remove","path":"/spec/initContainers/0/restartPolicy"}]`
		}, map[string][]string{two: {"stripped"}, only: {"stripped"}, between: {"invalid"}, newer: {"invalid"}, changed: {"invalid"}}},
		{"moves on update", func(_ *corev1.Pod, update bool) string {
			if !update {
				return ""
			}
			return `[{"op":"move","from":"/spec/initContainers/1/restartPolicy","path":"/spec/initContainers/0/restartPolicy"}]`
		}, map[string][]string{changed: {"moved", "stripped"}}},
		{"removes all", func(*corev1.Pod, bool) string { return `[{"op":"remove","path":"/spec/initContainers"}]` },
			map[string][]string{between: {"removed", "removed", "removed"}, two: {"removed", "removed"}, only: {"removed"}, newer: {"removed", "removed"}, changed: {"removed", "removed", "removed"}}},
		{"strips a newer field", func(pod *corev1.Pod, _ bool) string {
			if pod.Spec.HostnameOverride == nil {
				return ""
			}
			return `[{"op":"remove","path":"/spec/hostnameOverride"}]`
		}, map[string][]string{newer: {"stripped-field"}}},
	} {
		if diff := cmp.Diff(test.want, kinds(t, answering(test.patch))); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}

func TestProbesWithYourPod(t *testing.T) {
	own := &corev1.Pod{}
	own.Spec.InitContainers = []corev1.Container{{Name: "mine"}}
	list := Probes("default", own)
	if got := list[len(list)-1]; got.Old == nil || got.Pod.Namespace != "default" || got.Pod.Labels["changed"] != "yes" || got.Old.Labels["changed"] == "yes" {
		t.Errorf("the last probe is not an update of the own pod: %+v", got)
	}
}

// TestUnderstandBadAnswers: bad input is a named error, never a crash.
func TestUnderstandBadAnswers(t *testing.T) {
	q := Question{UID: "u", Pod: []byte(`{"spec":{"initContainers":[{"name":"a"}]}}`), Version: "v1"}
	review := func(response string) string {
		return `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":` + response + `}`
	}
	for body, want := range map[string]string{
		"":                           "it is empty",
		"\x00\x01":                   "it begins with",
		"<html><body>Log in":         "it is HTML",
		`[]`:                         "not an AdmissionReview",
		`{"kind":"Status"}`:          `of kind "Status"`,
		`{"kind":"AdmissionReview"}`: `apiVersion ""`,
		review(`null`):               "no response",
		review(`{"uid":"v"}`):        `uid "v"`,
		review(`{"uid":"u","allowed":true,"patch":"W10="}`):                                                                         "without patchType",
		review(`{"uid":"u","allowed":true,"patchType":"Merge","patch":"W10="}`):                                                     `patchType "Merge"`,
		review(`{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"e30="}`):                                                 "cannot be read",
		review(`{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL3gifV0="}`):             "does not apply",
		review(`{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL3NwZWMiLCJ2YWx1ZSI6MX1d"}`): "makes no pod",
	} {
		if _, err := q.Understand([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", body, err, want)
		}
	}
}

func TestExempt(t *testing.T) {
	chain := NewChain(Config{Webhooks: webhooksOf(t, `
- metadata: {name: a}
  webhooks:
  - {name: plain.example, rules: `+pods+`}
- metadata: {name: b}
  webhooks:
  - {name: skip.example, rules: `+pods+`, objectSelector: {matchExpressions: [{key: skip, operator: DoesNotExist}]}}
  - {name: shared.example, rules: `+pods+`, objectSelector: {matchExpressions: [{key: both, operator: DoesNotExist}]}}
  - {name: also.example, rules: `+pods+`, objectSelector: {matchExpressions: [{key: both, operator: DoesNotExist}]}}
  - {name: not.example, rules: `+pods+`, objectSelector: {matchExpressions: [{key: mesh, operator: NotIn, values: ["off"]}]}}
`)})
	ns := namespaceOf("x")
	for name, want := range map[string]map[string]string{
		"a/plain.example":  nil,
		"b/skip.example":   {"app": "web", "skip": "kubectl-sidecar-canary"},
		"b/shared.example": nil,
		"b/not.example":    {"app": "web", "mesh": "off"},
	} {
		pod, ok := chain.Exempt(name, &ns, podOf("app", "web"))
		if ok != (want != nil) {
			t.Errorf("%s: %v", name, ok)
			continue
		}
		if ok {
			if diff := cmp.Diff(want, pod.Labels); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}
