package admission

import (
	"encoding/json"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	webhookrequest "k8s.io/apiserver/pkg/admission/plugin/webhook/request"
)

// An answer is accepted exactly where the API server's own code accepts it, decoder included.
func TestVerifyAsAPIServersDo(t *testing.T) {
	scheme := runtime.NewScheme()
	utilruntime.Must(admissionv1.AddToScheme(scheme))
	utilruntime.Must(admissionv1beta1.AddToScheme(scheme))
	codec := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	accepted := 0
	for _, version := range []string{"v1", "v1beta1"} {
		into := func() runtime.Object { return &admissionv1.AdmissionReview{} }
		if version == "v1beta1" {
			into = func() runtime.Object { return &admissionv1beta1.AdmissionReview{} }
		}
		for _, head := range []string{
			``, `"kind":"AdmissionReview",`, `"apiVersion":"admission.k8s.io/v1beta1",`, `"apiVersion":"admission.k8s.io/v1",`,
			`"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1",`, `"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1",`,
			`"kind":"Status","apiVersion":"v1",`, `"kind":"Pod",`, `"kind":"AdmissionReview","apiVersion":"v1",`,
		} {
			for _, response := range []string{
				`null`, `{"uid":"u","allowed":true}`, `{"allowed":true}`, `{"uid":"x","allowed":false}`,
				`{"uid":"u","allowed":true,"patch":"W10="}`, `{"uid":"u","allowed":true,"patch":"W10=","patchType":"JSONPatch"}`,
				`{"uid":"u","allowed":true,"patchType":"JSONPatch"}`, `{"uid":"u","allowed":false,"patch":"W10="}`, `{"allowed":true,"patch":"W10="}`,
				`{"uid":"u","allowed":true,"patch":"W10=","patchType":""}`,
			} {
				body := `{` + head + `"response":` + response + `}`
				_, got := Question{UID: "u", Pod: json.RawMessage(`{}`), Version: version}.Understand([]byte(body))
				review := into()
				decoded, _, want := codec.Decode([]byte(body), nil, review)
				// The API server's client ignores what was decoded into something else.
				if want == nil && decoded != review {
					review = into()
				}
				if want == nil {
					_, want = webhookrequest.VerifyAdmissionResponse("u", true, review)
				}
				if (got == nil) != (want == nil) {
					t.Errorf("%s: %s: %v, the API server: %v", version, body, got, want)
				}
				if got == nil {
					accepted++
				}
			}
		}
	}
	if accepted < 10 {
		t.Errorf("only %d answers were accepted", accepted)
	}
}
