package admission

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// FuzzAnswer reads answers of webhooks, whoever wrote those: answer is a whole one, and patch the
// patch of one that is well-formed.
func FuzzAnswer(f *testing.F) {
	for _, patch := range []string{
		`[{"op":"remove","path":"/spec/initContainers/0/restartPolicy"}]`,
		`[{"op":"add","path":"/spec/initContainers/-","value":{"name":"x"}},{"op":"move","from":"/spec/containers/0","path":"/spec/initContainers/0"}]`,
		`[{"op":"replace","path":"","value":null}]`, `[{"op":"remove","path":"/spec"}]`, `[{"op":"copy","from":"","path":"/spec/x"}]`,
		`[{"op":"add","path":"/spec/containers/99999999999999999999","value":1}]`, `[null]`, `[{"op":"test","path":"/~2","value":{}}]`,
		`[{"op":"add","path":"/spec/initContainers","value":[null,{"name":null},7]}]`,
	} {
		f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true}}`), []byte(patch))
	}
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":false,"status":{"message":"`+"\u202e"+`no"}}}`), []byte(nil))
	f.Fuzz(func(t *testing.T, answer, patch []byte) {
		sent := Canary("default")
		pod, err := json.Marshal(sent)
		if err != nil {
			t.Fatal(err)
		}
		q := Question{UID: "u", Pod: pod, Namespace: "default", Version: "v1"}
		patched := fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u","allowed":true,"patchType":"JSONPatch","patch":%q}}`,
			base64.StdEncoding.EncodeToString(patch))
		for _, body := range [][]byte{answer, []byte(patched)} {
			a, err := q.Understand(body)
			if err != nil {
				continue
			}
			a.Touching("/spec/initContainers")
			if _, err := Restore(sent, a.Pod); err == nil && !json.Valid(a.Pod) {
				t.Errorf("not JSON: %s", a.Pod)
			}
		}
	})
}

// FuzzMatching compiles and asks webhook configurations, whoever wrote those.
func FuzzMatching(f *testing.F) {
	f.Add([]byte(chainYAML), "team", "a")
	f.Add([]byte("- webhooks:\n  - {name: x, matchConditions: [{name: a, expression: 'object.spec.x[0] == 1/0'}]}\n"), "", "")
	f.Add([]byte("- webhooks:\n  - {namespaceSelector: {matchExpressions: [{key: '', operator: In}, {key: a, operator: Nope, values: [b]}]}, rules: [{}]}\n"), "a", "b")
	f.Fuzz(func(t *testing.T, text []byte, key, value string) {
		var configs []admissionregistrationv1.MutatingWebhookConfiguration
		if err := yaml.Unmarshal(text, &configs); err != nil {
			return
		}
		chain, ns := NewChain(Config{Webhooks: configs}), namespaceOf("default", key, value)
		for _, pod := range []*corev1.Pod{podOf(key, value), Canary("default")} {
			first, second := chain.Webhooks(&ns, pod), chain.Webhooks(&ns, pod)
			if fmt.Sprint(first) != fmt.Sprint(second) {
				t.Errorf("%v, then %v", first, second)
			}
		}
	})
}
