package collect

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAbsent tells an API server's word that an object does not exist from every other 404.
func TestAbsent(t *testing.T) {
	nodes := corev1.Resource("nodes")
	gone := apierrors.NewNotFound(nodes, "node-a")
	for _, c := range []struct {
		what string
		err  error
		want bool
	}{
		{"an object that does not exist", gone, true},
		{"the same, wrapped", fmt.Errorf("get node node-a: %w", gone), true},
		{"the page of a load balancer", apierrors.NewGenericServerResponse(http.StatusNotFound, "GET", nodes, "node-a", "404 page not found", 0, true), false},
		{"a path that is not served", &apierrors.StatusError{ErrStatus: metav1.Status{
			Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: "the server could not find the requested resource"}}, false},
		{"no right to it", apierrors.NewForbidden(nodes, "node-a", errors.New("no")), false},
		{"no answer", errors.New("connection refused"), false},
		{"an answer", nil, false},
	} {
		if got := absent(c.err); got != c.want {
			t.Errorf("%s: absent = %t, want %t", c.what, got, c.want)
		}
	}
}
