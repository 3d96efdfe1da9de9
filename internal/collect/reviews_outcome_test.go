package collect

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// What became of a review is data, whatever the words are.
func TestReviewOutcome(t *testing.T) {
	const proxy = "POST /api/v1/namespaces/hooks/services/https:hook:443/proxy/"
	answer := func(patch string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var review admissionv1.AdmissionReview
			decode(r, &review)
			kind := admissionv1.PatchTypeJSONPatch
			review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
			if patch != "" {
				review.Response.PatchType, review.Response.Patch = &kind, []byte(patch)
			}
			reply(w, 200, review)
		}
	}
	full := func(config admissionregistrationv1.WebhookClientConfig) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, admissionregistrationv1.MutatingWebhookConfiguration{
				TypeMeta: metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingWebhookConfiguration"},
				Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "hook", ClientConfig: config}},
			})
		}
	}
	const read = "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/config"
	service := admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "hooks", Name: "hook"}}
	url := func(s string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{URL: &s}
	}
	some, outside, loopback := admissionregistrationv1.SideEffectClassSome, url("https://hook.invalid/mutate"), url("https://127.0.0.1:1/mutate")
	for name, c := range map[string]struct {
		config admissionregistrationv1.WebhookClientConfig
		set    func(*fakeAPI, *Options, *admissionregistrationv1.MutatingWebhook)
		want   facts.ReviewOutcome
	}{
		"answered": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = answer("")
		}, facts.ReviewAnswered},
		"a patch": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = answer(`[]`)
		}, facts.ReviewAnswered},
		"a wrong patch": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = answer(`[{"op":"remove","path":"/x"}]`)
		}, facts.ReviewBadPatch},
		"no patch": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = answer(`{}`)
		}, facts.ReviewBadPatch},
		"a web page": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = plain(200, "<html>")
		}, facts.ReviewBadAnswer},
		"an error": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = plain(500, "boom")
		}, facts.ReviewBadAnswer},
		"a redirect": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = plain(302, "")
		}, facts.ReviewBadAnswer},
		"no endpoints": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = refusing(503, "ServiceUnavailable", "no endpoints available")
		}, facts.ReviewUnreachable},
		"forbidden": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy] = refusing(403, "Forbidden", "no")
		}, facts.ReviewNotAllowed},
		"no right": {service, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.denied[proxyServices.String()], f.denied[proxyServices.In("hooks").String()] = "", ""
		}, facts.ReviewNotAllowed},
		"no answer": {service, func(f *fakeAPI, _ *Options, w *admissionregistrationv1.MutatingWebhook) {
			f.handlers[proxy], w.TimeoutSeconds = hang(), new(int32)
		}, facts.ReviewUnreachable},
		"side effects": {service, func(_ *fakeAPI, _ *Options, w *admissionregistrationv1.MutatingWebhook) { w.SideEffects = &some }, facts.ReviewNoDryRun},
		"no address":   {admissionregistrationv1.WebhookClientConfig{}, func(*fakeAPI, *Options, *admissionregistrationv1.MutatingWebhook) {}, facts.ReviewNotCallable},
		"no URLs":      {outside, func(_ *fakeAPI, o *Options, _ *admissionregistrationv1.MutatingWebhook) { o.NoURLs = true }, facts.ReviewNotAsked},
		"URL forbidden": {outside, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read] = refusing(403, "Forbidden", "no")
		}, facts.ReviewNotAllowed},
		"URL unread": {outside, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read] = refusing(500, "InternalError", "no")
		}, facts.ReviewNotAsked},
		"loopback": {loopback, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read] = full(loopback)
		}, facts.ReviewNotCallable},
		"not public": {url("https://hook.svc/mutate"), func(*fakeAPI, *Options, *admissionregistrationv1.MutatingWebhook) {}, facts.ReviewNotAsked},
		"became private": {outside, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read] = full(url("https://10.0.0.1/mutate"))
		}, facts.ReviewNotAsked},
		"this machine, though named": {url("https://0.0.0.0:1/mutate"), func(f *fakeAPI, o *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read], o.AskHosts = full(url("https://0.0.0.0:1/mutate")), []string{"0.0.0.0"}
		}, facts.ReviewNotAsked},
		"no such host": {outside, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read] = full(outside)
		}, facts.ReviewUnreachable},
		"changed": {outside, func(f *fakeAPI, _ *Options, _ *admissionregistrationv1.MutatingWebhook) {
			f.handlers[read] = full(service)
		}, facts.ReviewNotAsked},
	} {
		t.Run(name, func(t *testing.T) {
			f, none := newFakeAPI(t), admissionregistrationv1.SideEffectClassNone
			w := admissionregistrationv1.MutatingWebhook{Name: "hook", ClientConfig: c.config, SideEffects: &none, AdmissionReviewVersions: []string{"v1"}}
			o := f.options(facts.Canaries)
			c.set(f, &o, &w)
			run, err := newCollector(o)
			if err != nil {
				t.Fatal(err)
			}
			run.snapshot.MutatingWebhooks = []admissionregistrationv1.MutatingWebhookConfiguration{{
				ObjectMeta: metav1.ObjectMeta{Name: "config"}, Webhooks: []admissionregistrationv1.MutatingWebhook{w},
			}}
			asked := run.replay(t.Context(), &class{webhooks: []admission.Call{{Configuration: "config", Webhook: "hook"}}}, admission.Canary("shop"))
			reviews := asked.reviews
			if len(reviews) != 1 || reviews[0].Outcome != c.want || (reviews[0].Error == "") != (c.want == facts.ReviewAnswered) {
				t.Fatalf("got %+v, want outcome %s", reviews, c.want)
			}
			text, err := json.Marshal(reviews[0])
			var kept facts.Review
			if err != nil || json.Unmarshal(text, &kept) != nil || kept.Outcome != c.want {
				t.Errorf("a snapshot has %s (%v)", text, err)
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		run, err := newCollector(newFakeAPI(t).options(facts.Canaries))
		if err != nil {
			t.Fatal(err)
		}
		asked := run.replay(ctx, &class{webhooks: []admission.Call{{Configuration: "config", Webhook: "hook"}}}, admission.Canary("shop"))
		reviews := asked.reviews
		if len(reviews) != 1 || reviews[0].Outcome != facts.ReviewNotAsked {
			t.Errorf("got %+v", reviews)
		}
	})
}
