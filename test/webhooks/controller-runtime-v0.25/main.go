// Command controller-runtime-v0.25 is a mutating webhook written with controller-runtime's
// CustomDefaulter, v0.25.2: it decodes the pod, sets an annotation, and leaves
// the patch to the library.
//
//	controller-runtime-v0.25 ADDRESS CERTIFICATE KEY
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatalf("usage: %s ADDRESS CERTIFICATE KEY", os.Args[0])
	}
	types := runtime.NewScheme()
	if err := corev1.AddToScheme(types); err != nil {
		log.Fatal(err)
	}
	webhook := admission.WithCustomDefaulter(types, &corev1.Pod{}, annotate{})
	handler, err := admission.StandaloneWebhook(webhook, admission.StandaloneOptions{})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], handler))
}

type annotate struct{}

func (annotate) Default(_ context.Context, object runtime.Object) error {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return fmt.Errorf("a %T is no pod", object)
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations["kubectl-sidecar.dev/seen-by"] = "controller-runtime"
	return nil
}
