package admission

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// MaxAnswer bounds the body of a webhook's answer, in bytes. An API server takes objects of 3 MiB at
// most; a patch that replaces all of one, in base64, is still below this.
const MaxAnswer = 6 << 20

// A Question is what is asked of a webhook about one pod, or about one object of another kind.
type Question struct {
	UID types.UID
	// About is what kind of object it is, where it is not a pod.
	About *Target
	// Pod is the object as JSON; Old is the one before an update, nil for a create.
	Pod, Old  json.RawMessage
	Namespace string
	// User is the service account that creates the pod; "" is a controller. UserUID is its UID, where it is known.
	User, UserUID string
	// Version is v1 or v1beta1 of admission.k8s.io.
	Version string
}

// Body is the AdmissionReview as the API server would send it in a dry run, with a controller as
// the user.
func (q Question) Body() ([]byte, error) {
	yes := true
	kind, resource := metav1.GroupVersionKind(podKind), metav1.GroupVersionResource(podResource)
	if q.About != nil {
		kind, resource = metav1.GroupVersionKind(q.About.Kind), metav1.GroupVersionResource(q.About.Resource)
	}
	request := admissionv1.AdmissionRequest{
		UID: q.UID, Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
		Namespace: q.Namespace,
		Operation: admissionv1.Create,
		UserInfo:  q.userInfo(),
		Object:    runtime.RawExtension{Raw: q.Pod},
		DryRun:    &yes,
		Options:   runtime.RawExtension{Raw: []byte(`{"apiVersion":"meta.k8s.io/v1","kind":"CreateOptions","dryRun":["All"]}`)},
	}
	if q.Old != nil || q.About != nil {
		var object struct {
			Metadata metav1.ObjectMeta `json:"metadata"`
		}
		if err := json.Unmarshal(q.Pod, &object); err != nil {
			return nil, fmt.Errorf("read the object's name: %w", err)
		}
		request.Name = object.Metadata.Name
	}
	if q.Old != nil {
		request.Operation = admissionv1.Update
		request.OldObject = runtime.RawExtension{Raw: q.Old}
		request.Options = runtime.RawExtension{Raw: []byte(`{"apiVersion":"meta.k8s.io/v1","kind":"UpdateOptions","dryRun":["All"]}`)}
	}
	return json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/" + q.Version, Kind: "AdmissionReview"},
		Request:  &request,
	})
}

func (q Question) userInfo() authenticationv1.UserInfo {
	if q.User == "" {
		return creators[0]
	}
	out := accountUser(q.User)
	out.UID = q.UserUID
	return out
}

// ReviewVersion is the version of AdmissionReview that the API server would choose of those that the
// webhook says it understands: the first that both know.
func ReviewVersion(understood []string) string {
	for _, v := range understood {
		if v == admissionv1.SchemeGroupVersion.Version || v == admissionv1beta1.SchemeGroupVersion.Version {
			return v
		}
	}
	return admissionv1.SchemeGroupVersion.Version
}

// An Answer is what a webhook said, understood.
type Answer struct {
	Allowed bool
	// Message is the webhook's explanation of a denial.
	Message string
	// Warnings are for whoever creates the pod.
	Warnings []string
	// Patch is the JSON patch, operation by operation, as sent.
	Patch []json.RawMessage
	// Pod is the pod with the patch applied.
	Pod json.RawMessage
}

// A PatchError is a patch that cannot be applied. Of all that may be wrong with an answer this is what an API
// server reports without the name of the webhook (k8s.io/apiserver mutating/dispatcher.go).
type PatchError struct{ problem string }

func (e *PatchError) Error() string { return "its patch " + e.problem }

// Understand reads the body of an answer as strictly as the API server does, and applies the patch
// with the library that the API server uses.
func (q Question) Understand(body []byte) (*Answer, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, fmt.Errorf("its answer is not an AdmissionReview: %s", beginning(body))
	}
	if err := q.verify(&review); err != nil {
		return nil, err
	}
	r := review.Response
	a := &Answer{Allowed: r.Allowed, Warnings: r.Warnings, Pod: q.Pod}
	if r.Result != nil {
		a.Message = shortened(r.Result.Message)
	}
	if len(r.Patch) == 0 || !r.Allowed {
		return a, nil
	}
	if err := a.apply(r.Patch, q.About == nil); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Answer) apply(patch []byte, toPod bool) error {
	operations, err := jsonpatch.DecodePatch(patch)
	if err == nil {
		err = json.Unmarshal(patch, &a.Patch)
	}
	if err != nil {
		return &PatchError{"cannot be read: " + err.Error()}
	}
	patched, err := applied(operations, a.Pod)
	if err != nil {
		return &PatchError{"does not apply: " + shortened(err.Error())}
	}
	var pod corev1.Pod
	if err := json.Unmarshal(patched, &pod); err != nil && toPod {
		return &PatchError{"makes no pod: " + shortened(err.Error())}
	}
	a.Pod = patched
	return nil
}

// applied is pod after the operations. The library panics on some of what a webhook may send, such as
// a replacement of the whole document without a value; that is the webhook's fault, not a crash.
func applied(operations jsonpatch.Patch, pod []byte) (patched []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("it is malformed (%v)", fault)
		}
	}()
	return operations.Apply(pod)
}

// Touching are the operations of the patch that reach what is at or below path, or around it: the
// evidence for a change there. They are bounded in number and length.
func (a *Answer) Touching(path string) []string {
	const most = 8
	var out []string
	for _, raw := range a.Patch {
		var op struct{ Path, From string }
		if json.Unmarshal(raw, &op) != nil || !reaches(op.Path, path) && !reaches(op.From, path) {
			continue
		}
		if len(out) == most {
			return append(out, "...")
		}
		out = append(out, redacted(raw))
	}
	return out
}

func reaches(at, path string) bool {
	return at != "" && (at == path || strings.HasPrefix(at, path+"/") || strings.HasPrefix(path, at+"/"))
}

// redacted leaves values out that are more than a word: they may hold other people's secrets.
func redacted(raw json.RawMessage) string {
	var op map[string]json.RawMessage
	if json.Unmarshal(raw, &op) != nil {
		return "(an operation that cannot be read)"
	}
	text := fmt.Sprintf(`{"op":%s,"path":%s`, op["op"], op["path"])
	if op["from"] != nil {
		text += fmt.Sprintf(`,"from":%s`, op["from"])
	}
	switch value := op["value"]; {
	case value == nil:
	case string(value) == `"Always"` || string(value) == "null":
		text += `,"value":` + string(value)
	default:
		text += fmt.Sprintf(`,"value":(%d bytes)`, len(value))
	}
	return shortened(text + "}")
}

func shortened(s string) string {
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// beginning shows what came instead of an answer.
func beginning(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 120)]), "")), " ")
	lower := strings.ToLower(text)
	switch {
	case len(body) == 0:
		return "it is empty"
	case strings.HasPrefix(lower, "<!doctype"), strings.HasPrefix(lower, "<html"):
		return fmt.Sprintf("it is HTML, %q", text)
	}
	return fmt.Sprintf("it begins with %q", text)
}
