// Command kubewebhook-v2.6 is a mutating webhook written with kubewebhook v2.6.0 as its
// documentation shows it: it decodes the pod, sets an annotation, and leaves
// the patch to the library.
//
//	kubewebhook-v2.6 ADDRESS CERTIFICATE KEY
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	kwhhttp "github.com/slok/kubewebhook/v2/pkg/http"
	kwhmodel "github.com/slok/kubewebhook/v2/pkg/model"
	kwhmutating "github.com/slok/kubewebhook/v2/pkg/webhook/mutating"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatalf("usage: %s ADDRESS CERTIFICATE KEY", os.Args[0])
	}
	webhook, err := kwhmutating.NewWebhook(kwhmutating.WebhookConfig{
		ID: "annotate", Obj: &corev1.Pod{}, Mutator: kwhmutating.MutatorFunc(annotate),
	})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := kwhhttp.HandlerFor(kwhhttp.HandlerConfig{Webhook: webhook})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], handler))
}

func annotate(_ context.Context, _ *kwhmodel.AdmissionReview, object metav1.Object) (*kwhmutating.MutatorResult, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return &kwhmutating.MutatorResult{}, nil
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations["kubectl-sidecar.dev/seen-by"] = "kubewebhook"
	return &kwhmutating.MutatorResult{MutatedObject: pod}, nil
}
