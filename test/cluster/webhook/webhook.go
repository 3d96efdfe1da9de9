// Package webhook answers admission reviews well and badly, as the path says:
//
//	/annotate    adds an annotation and nothing else, as a webhook should
//	/allow       changes nothing
//	/remove      removes every sidecar, an init container with restartPolicy Always
//	/strip       removes the field restartPolicy from every init container
//	/app-armor   removes the newer field appArmorProfile
//	/move        moves the first sidecar's restartPolicy to another init container
//	/inject      adds a sidecar before the other init containers
//	/deny        denies
//	/error       answers 500
//	/hang        does not answer
//	/garbage     answers 200 with something that is not JSON
//	/html        answers 200 with a web page
//	/huge        answers with a review of 64 MB
//	/redirect    redirects to /allow
//	/wrong-uid   answers for another request
//	/promote     makes a sidecar of the first other init container
//	/bad-patch   answers with a patch that cannot be applied
//
// and what odd.go has.
//
// With /service-accounts/NAME... behind it, a path concerns only pods of these
// service accounts; others are allowed as they are. Of an object that has a pod template the patches are about
// that.
//
// With /when/WORD/VALUE... behind it, a path concerns only pods of which all of that is true: see conditions.
//
// A webhook that strips because of what it was built with, rather than on
// purpose as /strip does, is a module of its own, test/webhooks/strip.
package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// review is what this package needs of an admission.k8s.io/v1 AdmissionReview.
// The package does without the Kubernetes modules to be a small program.
type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID    string          `json:"uid"`
	DryRun bool            `json:"dryRun"`
	Object json.RawMessage `json:"object"`

	Namespace string `json:"namespace"`
	Operation string `json:"operation"`
	UserInfo  struct {
		Username string `json:"username"`
	} `json:"userInfo"`
}

type response struct {
	UID       string         `json:"uid"`
	Allowed   bool           `json:"allowed"`
	Patch     []byte         `json:"patch,omitempty"`
	PatchType string         `json:"patchType,omitempty"`
	Status    map[string]any `json:"status,omitempty"`
}

// Handler serves all behaviors and remembers what it was asked.
type Handler struct {
	mu       sync.Mutex
	requests []Request
}

// Request is one admission review that was received.
type Request struct {
	Path   string
	DryRun bool
	Body   []byte // the whole review
}

// Requests returns what was received so far.
func (h *Handler) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet { // a readiness probe
		fmt.Fprintln(w, "ok")
		return
	}
	body, err := io.ReadAll(r.Body)
	var asked review
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil || asked.Request == nil {
		http.Error(w, fmt.Sprintf("no admission review: %v", err), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.requests = append(h.requests, Request{Path: r.URL.Path, DryRun: asked.Request.DryRun, Body: body})
	h.mu.Unlock()
	behavior, accounts := parse(r.URL.Path)
	if accounts != nil && !slices.Contains(accounts, serviceAccount(asked.Request.Object)) {
		behavior = "allow"
	}
	if !concerned(r.URL.Path, *asked.Request) {
		behavior = "allow"
	}
	answer(w, r, behavior, asked)
}

func parse(path string) (behavior string, accounts []string) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 2 && parts[1] == "service-accounts" {
		accounts = parts[2:]
	}
	return parts[0], accounts
}

// answer deals with what goes wrong before there is a review to answer with.
func answer(w http.ResponseWriter, r *http.Request, behavior string, asked review) {
	switch behavior {
	case "error":
		http.Error(w, "boom", http.StatusInternalServerError)
	case "hang":
		<-r.Context().Done()
	case "garbage":
		fmt.Fprint(w, "\x00\x01{{{ not json")
	case "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><body>Please log in</body></html>")
	case "redirect":
		http.Redirect(w, r, "/allow", http.StatusTemporaryRedirect)
	default:
		respond(w, behavior, asked)
	}
}

func respond(w http.ResponseWriter, behavior string, asked review) {
	given := &response{UID: asked.Request.UID, Allowed: true}
	behavior, how := mannered(behavior, asked.Request.DryRun)
	switch behavior {
	case "allow":
	case "deny":
		given.Allowed, given.Status = false, map[string]any{"message": "no pods today", "code": http.StatusForbidden}
	case "wrong-uid":
		given.UID = "00000000-0000-0000-0000-000000000000"
	case "huge":
		given.Status = map[string]any{"message": strings.Repeat("x", 64<<20)}
	default:
		patch, ok := patches[behavior]
		if !ok {
			patch, ok = oddPatches[behavior]
		}
		if !ok {
			http.Error(w, "no such behavior: "+behavior, http.StatusNotFound)
			return
		}
		operations, err := patch(asked.Request.Object)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if given.Patch, err = json.Marshal(operations); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		given.PatchType = "JSONPatch"
	}
	if how.bare {
		asked.APIVersion, asked.Kind, given.UID = "", "", ""
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review{APIVersion: asked.APIVersion, Kind: asked.Kind, Response: given})
}

// Server is an http.Server for the handler; the caller gives it certificates.
func Server(h *Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
}
