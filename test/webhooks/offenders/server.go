// Package offenders serves mutating webhooks that do to pods what real ones do, good and bad, in the
// test's own process. What is done is chosen by the path. The webhook that strips for the reason for
// which real ones do, old Go types, is test/webhooks/strip; /strip here only sends its patch.
package offenders

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Server answers admission reviews over TLS.
type Server struct {
	listener net.Listener
	done     chan struct{}

	mu   sync.Mutex
	seen []Seen
}

// Seen is one admission review that was received.
type Seen struct {
	Path   string
	Review admissionv1.AdmissionReview
}

// Serve listens on address with a certificate (PEM).
func Serve(address string, cert, key []byte) (*Server, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("serve webhooks: %w", err)
	}
	l, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, fmt.Errorf("serve webhooks: %w", err)
	}
	s := &Server{listener: l, done: make(chan struct{})}
	go func() { _ = http.Serve(l, s) }()
	return s, nil
}

// Address is "host:port".
func (s *Server) Address() string { return s.listener.Addr().String() }

// URL is the webhook of a path such as "/strip".
func (s *Server) URL(path string) string { return "https://" + s.Address() + path }

// Seen is all reviews so far.
func (s *Server) Seen() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Seen(nil), s.seen...)
}

// Close ends the server and all answers that hang.
func (s *Server) Close() {
	close(s.done)
	_ = s.listener.Close()
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var review admissionv1.AdmissionReview
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, fmt.Sprintf("no admission review: %v", err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.seen = append(s.seen, Seen{r.URL.Path, review})
	s.mu.Unlock()
	var pod corev1.Pod
	if err := json.Unmarshal(review.Request.Object.Raw, &pod); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := &admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}}
	action := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if s.broken(w, r, action[0], answer) {
		return
	}
	switch action[0] {
	case "deny":
		deny(answer, "nope")
	case "deny-sidecars":
		if index(&pod, isSidecar) >= 0 {
			deny(answer, "unknown field restartPolicy")
		}
	default:
		if action[0] != "strip-for" || pod.Spec.ServiceAccountName == action[1] {
			setPatch(answer, patches[action[0]], &pod)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func deny(answer *admissionv1.AdmissionReview, why string) {
	answer.Response.Allowed = false
	answer.Response.Result = &metav1.Status{Message: why}
}

// broken gives the answers that are none, and reports whether action is one of them.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, action string, answer *admissionv1.AdmissionReview) bool {
	switch action {
	case "hang":
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
	case "garbage":
		fmt.Fprint(w, "\x00\x01{{{")
	case "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><body><h1>It works!</h1></body></html>")
	case "redirect":
		http.Redirect(w, r, "/strip", http.StatusTemporaryRedirect)
	case "error":
		http.Error(w, "boom", http.StatusInternalServerError)
	case "endless":
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				break
			}
		}
	case "wrong-uid":
		answer.Response.UID = "not-the-one"
		_ = json.NewEncoder(w).Encode(answer)
	default:
		return false
	}
	return true
}
