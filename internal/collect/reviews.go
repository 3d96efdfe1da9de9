package collect

import (
	"context"
	"errors"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// proxyServices is the right to call a webhook directly.
var proxyServices = Rule{
	PolicyRule: rule("create", "", "services/proxy"), Optional: true,
	Kind: facts.Canaries,
	Why:  "call each webhook directly, after a canary was changed, to find the one that did it; a powerful right",
}

// getWebhook is the right to read where a webhook outside the cluster is, and who signed its
// certificate: the list of all keeps neither.
var getWebhook = Rule{
	PolicyRule: rule("get", admissionGroup, "mutatingwebhookconfigurations"), Optional: true,
	Kind: facts.Canaries,
	Why:  "the same for webhooks outside the cluster: read their URL and their authority",
}

// asSeen is the canary as a webhook sees it: with the API server's defaults, which a PodTemplate
// shows, and a service account. What other admission plug-ins add (volumes, tolerations) is missing.
func (c *collector) asSeen(ctx context.Context, sent *corev1.Pod) *corev1.Pod {
	pod := sent.DeepCopy()
	if spec, err := c.defaulted(ctx, sent); err == nil && len(facts.Changes(sent, &corev1.Pod{Spec: spec})) == 0 {
		pod.Spec = spec
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount = "default", "default"
	}
	return pod
}

// webhook is the configuration of a call, from the snapshot.
func (c *collector) webhook(call admission.Call) *admissionregistrationv1.MutatingWebhook {
	for i := range c.snapshot.MutatingWebhooks {
		if c.snapshot.MutatingWebhooks[i].Name != call.Configuration {
			continue
		}
		webhooks := c.snapshot.MutatingWebhooks[i].Webhooks
		if j := slices.IndexFunc(webhooks, func(w admissionregistrationv1.MutatingWebhook) bool { return w.Name == call.Webhook }); j >= 0 {
			return &webhooks[j]
		}
	}
	return nil
}

// reviewed is what a webhook is asked about: a new pod, or about says what else, and the user that creates it, if that
// is not any controller.
type reviewed struct {
	namespace string
	object    []byte
	user, uid string
	about     *admission.Target
}

// question is the one that is put to a webhook. An update leaves the object as it was.
func (r reviewed) question(w *admissionregistrationv1.MutatingWebhook) admission.Question {
	q := admission.Question{
		UID: uuid.NewUUID(), About: r.about, Pod: r.object, Namespace: r.namespace, User: r.user, UserUID: r.uid,
		Version: admission.ReviewVersion(w.AdmissionReviewVersions),
	}
	if r.about != nil && r.about.Update {
		q.Old = r.object
	}
	return q
}

// askWebhook sends one AdmissionReview with dryRun: true. A webhook that does not declare that it has
// no side effects then is not asked, as the API server would not.
func (c *collector) askWebhook(ctx context.Context, call admission.Call, w *admissionregistrationv1.MutatingWebhook, about reviewed) (*admission.Answer, facts.Method, error) {
	if !admission.DryRunnable(w) {
		return nil, "", &unanswered{facts.ReviewNoDryRun, errors.New("it does not support dry run, and was not asked")}
	}
	question := about.question(w)
	body, err := question.Body()
	if err != nil {
		return nil, "", err
	}
	raw, method, err := c.postReview(ctx, call, w, body)
	if errors.Is(err, errNotAsked) {
		return nil, "", err
	}
	if err != nil {
		return nil, method, err
	}
	answer, err := question.Understand(raw)
	return answer, method, err
}
