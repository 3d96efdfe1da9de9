package admission

import (
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
)

// verify says what an API server would have against an answer (k8s.io/apiserver
// pkg/admission/plugin/webhook/request, VerifyAdmissionResponse). Of v1beta1 it checks neither kind, apiVersion,
// uid nor patchType: webhooks of that time leave them out.
func (q Question) verify(review *admissionv1.AdmissionReview) error {
	if q.Version != admissionv1.SchemeGroupVersion.Version {
		return q.verifyBeta(review)
	}
	r := review.Response
	switch {
	case review.Kind != reviewKind:
		return fmt.Errorf("its answer is of kind %q, not AdmissionReview", shortened(review.Kind))
	case review.APIVersion != q.apiVersion():
		return q.otherVersion(review)
	case r == nil:
		return errNoResponse
	case r.UID != q.UID:
		return fmt.Errorf("its answer has uid %q, the question had %q", shortened(string(r.UID)), q.UID)
	case r.PatchType != nil && len(r.Patch) == 0:
		return errors.New("its answer has a patchType without a patch")
	case len(r.Patch) > 0 && r.PatchType == nil:
		return errors.New("its answer has a patch without patchType")
	case r.Allowed && r.PatchType != nil && *r.PatchType != admissionv1.PatchTypeJSONPatch:
		return fmt.Errorf("its answer has patchType %q, only JSONPatch is allowed", shortened(string(*r.PatchType)))
	}
	return nil
}

// verifyBeta: what has another kind or version is decoded into nothing, so it has no response for the API server.
func (q Question) verifyBeta(review *admissionv1.AdmissionReview) error {
	switch {
	case review.Kind != "" && review.Kind != reviewKind:
		return fmt.Errorf("its answer is of kind %q, not AdmissionReview", shortened(review.Kind))
	case review.APIVersion != "" && review.APIVersion != q.apiVersion():
		return q.otherVersion(review)
	case review.Response == nil:
		return errNoResponse
	}
	return nil
}

const reviewKind = "AdmissionReview"

var errNoResponse = errors.New("its answer has no response")

func (q Question) otherVersion(review *admissionv1.AdmissionReview) error {
	return fmt.Errorf("its answer has apiVersion %q, the question had %s", shortened(review.APIVersion), q.apiVersion())
}

// apiVersion is that of the AdmissionReview.
func (q Question) apiVersion() string { return admissionv1.GroupName + "/" + q.Version }
