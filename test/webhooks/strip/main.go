// Command strip is a mutating webhook as thousands were written and as it
// must not be done any more: it decodes the pod into the Go type of the
// Kubernetes version that it was built with, changes something, and answers
// with the difference between what it was sent and its own encoding. It was
// built with v0.27, whose containers have no restartPolicy of their own, so
// the difference removes that field, and every other field that is newer.
//
//	strip ADDRESS CERTIFICATE KEY
//
// It serves any path. /strip/service-accounts/a/b leaves pods of other
// service accounts than a and b alone.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatalf("usage: %s ADDRESS CERTIFICATE KEY", os.Args[0])
	}
	log.Fatal(http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], http.HandlerFunc(serve)))
}

func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var review admissionv1.AdmissionReview
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, fmt.Sprintf("no admission review: %v", err), http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	patch, err := mutate(review.Request, only(r.URL.Path))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if patch != nil {
		kind := admissionv1.PatchTypeJSONPatch
		review.Response.Patch, review.Response.PatchType = patch, &kind
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review)
}

// mutate is the mistake.
func mutate(request *admissionv1.AdmissionRequest, accounts []string) ([]byte, error) {
	if request.Kind.Kind != "Pod" || len(request.Object.Raw) == 0 {
		return nil, nil
	}
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return nil, fmt.Errorf("decode the pod: %w", err)
	}
	if accounts != nil && !slices.Contains(accounts, pod.Spec.ServiceAccountName) {
		return nil, nil
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations["kubectl-sidecar.dev/seen-by"] = "strip"
	mutated, err := json.Marshal(&pod)
	if err != nil {
		return nil, fmt.Errorf("encode the pod: %w", err)
	}
	operations, err := jsonpatch.CreatePatch(request.Object.Raw, mutated)
	if err != nil {
		return nil, fmt.Errorf("compare the pods: %w", err)
	}
	return json.Marshal(operations)
}

// only reads the service accounts out of the path; nil means all.
func only(path string) []string {
	_, accounts, found := strings.Cut(path, "/service-accounts/")
	if !found {
		return nil
	}
	return strings.Split(strings.Trim(accounts, "/"), "/")
}
