package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
)

// The two functions below are quoted in docs/webhook-authors.md, which a test compares with this file.
// oldPod is what a version of k8s.io/api before 0.28 knows of a pod, as far as it matters here.
type oldPod struct {
	Metadata struct {
		Name        string            `json:"name,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	} `json:"metadata"`
	Spec struct {
		InitContainers []oldContainer `json:"initContainers,omitempty"`
	} `json:"spec"`
}

type oldContainer struct {
	Name  string `json:"name"`
	Image string `json:"image,omitempty"`
	// No RestartPolicy: it did not exist.
}

// begin wrong
func wrong(request *admissionv1.AdmissionRequest) ([]byte, error) {
	var pod oldPod // corev1.Pod of an old k8s.io/api: what it does not know is lost here
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	if pod.Metadata.Annotations == nil {
		pod.Metadata.Annotations = map[string]string{}
	}
	pod.Metadata.Annotations["example.com/seen"] = "yes"
	changed, err := json.Marshal(pod)
	if err != nil {
		return nil, err
	}
	// The difference between what was sent and what is left of it.
	patch, err := jsonpatch.CreatePatch(request.Object.Raw, changed)
	if err != nil {
		return nil, err
	}
	return json.Marshal(patch)
}

// end wrong

// begin right
func right(request *admissionv1.AdmissionRequest) ([]byte, error) {
	var pod oldPod // an old type does no harm as long as it is only read
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	// Only what is changed: an annotation. "/" in a key is written "~1".
	patch := []operation{{"add", "/metadata/annotations/example.com~1seen", "yes"}}
	if pod.Metadata.Annotations == nil {
		patch = []operation{{"add", "/metadata/annotations", map[string]string{"example.com/seen": "yes"}}}
	}
	return json.Marshal(patch)
}

// end right

// TestAuthors: the wrong example strips, the right one does not.
func TestAuthors(t *testing.T) {
	for _, test := range []struct {
		name  string
		patch func(*admissionv1.AdmissionRequest) ([]byte, error)
		harm  bool
	}{{"wrong", wrong, true}, {"right", right, false}} {
		ask := func(_ context.Context, body []byte) ([]byte, error) {
			var review admissionv1.AdmissionReview
			if err := json.Unmarshal(body, &review); err != nil {
				return nil, err
			}
			patch, err := test.patch(review.Request)
			if err != nil {
				return nil, err
			}
			kind := admissionv1.PatchTypeJSONPatch
			review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true, Patch: patch, PatchType: &kind}
			review.Request = nil
			return json.Marshal(review)
		}
		for _, p := range admission.Probes("default", nil) {
			r, err := p.Run(t.Context(), ask, "v1")
			if err != nil {
				t.Fatal(err)
			}
			if harmed := len(r.Problems) > 0; harmed != test.harm {
				t.Errorf("%s: %s: problems %v", test.name, p.Name, r.Problems)
			}
		}
	}
}

// TestAuthorsPage: the page quotes the code that the test above has run.
func TestAuthorsPage(t *testing.T) {
	source, err := os.ReadFile("authors_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/webhook-authors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wrong", "right"} {
		_, code, _ := strings.Cut(string(source), fmt.Sprintf("// begin %s\n", name))
		code, _, _ = strings.Cut(code, fmt.Sprintf("\n// end %s\n", name))
		if code == "" || !strings.Contains(string(page), "```go\n"+code+"```") {
			t.Errorf("docs/webhook-authors.md does not quote func %s as it is here:\n%s", name, code)
		}
	}
}
