package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A fakeServer is as much of an API server as the command line can tell apart: one that answers,
// one that does not, one that refuses. What is made of a real one's answers is tested elsewhere.
type fakeServer struct {
	mode string
	held chan struct{} // gets a value for each request that hangs
	over chan struct{} // is closed at the end of the script
}

var fakeModes = []string{
	"answers", // 1.33, one node, everything allowed, pods come back as sent
	"hangs",   // tells its version and then nothing more
	"silent",  // accepts connections only
	"denies",  // 401
	"website", // 200 and HTML
}

// apiserver MODE starts a fake API server and points KUBECONFIG at it.
func apiserver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || !strings.Contains(strings.Join(fakeModes, " "), args[0]) {
		ts.Fatalf("usage: apiserver %s", strings.Join(fakeModes, "|"))
	}
	f := &fakeServer{mode: args[0], held: make(chan struct{}, 100), over: make(chan struct{})}
	server := httptest.NewServer(f)
	ts.Defer(func() {
		close(f.over)
		server.Close()
	})
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: staging
contexts:
- {name: staging, context: {cluster: c, user: u, namespace: other}}
- {name: production, context: {cluster: c, user: u}}
clusters:
- {name: c, cluster: {server: %q}}
users:
- {name: u, user: {token: t}}
`, server.URL)
	file := ts.MkAbs("kubeconfig")
	ts.Check(os.WriteFile(file, []byte(kubeconfig), 0o600))
	ts.Setenv("KUBECONFIG", file)
	ts.Setenv("SERVER", server.URL)
	ts.Value(serverKey{}).(*current).server = f
}

// current is the server that a script started last.
type current struct{ server *fakeServer }

type serverKey struct{}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.mode == "website":
		fmt.Fprint(w, "<html>It works!</html>")
	case f.mode == "denies":
		status(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	case f.mode == "silent", f.mode == "hangs" && r.URL.Path != "/version":
		io.Copy(io.Discard, r.Body) // only then is the caller's going away noticed
		select {
		case f.held <- struct{}{}:
		default: // nobody waits for that many
		}
		select {
		case <-r.Context().Done():
		case <-f.over:
		}
	default:
		f.answer(w, r)
	}
}

func (f *fakeServer) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	list := func(apiVersion, kind string, items ...string) {
		fmt.Fprintf(w, `{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":"1"},"items":[%s]}`, apiVersion, kind, strings.Join(items, ","))
	}
	switch path := r.URL.Path; {
	case path == "/version":
		fmt.Fprint(w, `{"major":"1","minor":"33","gitVersion":"v1.33.1","platform":"linux/amd64"}`)
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/selfsubjectaccessreviews"):
		fmt.Fprint(w, `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{},"status":{"allowed":true}}`)
	case r.Method == http.MethodPost && r.URL.Query().Get("dryRun") == "All":
		body, _ := io.ReadAll(r.Body) // whole: what is not read when the answer begins is lost
		w.WriteHeader(http.StatusCreated)
		w.Write(body)
	case path == "/metrics":
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		w.Header().Set("Process-Start-Time-Unix", "1767225600")
		fmt.Fprint(w, "# TYPE kubernetes_feature_enabled gauge\nkubernetes_feature_enabled{name=\"SidecarContainers\",stage=\"\"} 1\n")
	case strings.HasSuffix(path, "/nodes"):
		list("v1", "NodeList", `{"metadata":{"name":"worker-1"},"status":{"nodeInfo":{"kubeletVersion":"v1.33.6"}}}`)
	case strings.HasSuffix(path, "/namespaces"):
		list("v1", "NamespaceList", `{"metadata":{"name":"default","labels":{"kubernetes.io/metadata.name":"default"}}}`)
	case strings.HasSuffix(path, "/pods"):
		list("v1", "PodList")
	case strings.HasSuffix(path, "/serviceaccounts"):
		list("v1", "ServiceAccountList")
	case strings.Contains(path, "/serviceaccounts/"):
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":%q,"namespace":"kube-system","uid":"1"}}`, path[strings.LastIndex(path, "/")+1:])
	case strings.HasSuffix(path, "/leases"):
		list("coordination.k8s.io/v1", "LeaseList", fmt.Sprintf(
			`{"metadata":{"name":"apiserver-a","labels":{"apiserver.kubernetes.io/identity":"kube-apiserver"}},"spec":{"holderIdentity":"a","renewTime":%q}}`,
			time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))
	case strings.HasSuffix(path, "/endpointslices"):
		list("discovery.k8s.io/v1", "EndpointSliceList",
			`{"metadata":{"name":"kubernetes"},"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.4"]}],"ports":[{"name":"https","port":6443}]}`)
	case strings.HasSuffix(path, "/mutatingwebhookconfigurations"):
		list("admissionregistration.k8s.io/v1", "MutatingWebhookConfigurationList")
	case strings.HasSuffix(path, "/validatingwebhookconfigurations"):
		list("admissionregistration.k8s.io/v1", "ValidatingWebhookConfigurationList")
	case path == "/api/v1/namespaces/other":
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}}`)
	case strings.Contains(path, "/pods/"):
		name := path[strings.LastIndex(path, "/")+1:]
		status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("pods %q not found", name), map[string]any{"kind": "pods", "name": name})
	default:
		status(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	}
}

// status answers with an error; what it is about, if anything, stands in the details.
func status(w http.ResponseWriter, code int, reason, message string, details ...map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	answer := map[string]any{
		"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message,
	}
	for _, d := range details {
		answer["details"] = d
	}
	json.NewEncoder(w).Encode(answer)
}

// interrupts CODE SIGNAL COMMAND... sends a signal to a command as soon as the fake API server
// holds one of its requests, and asserts its exit code.
func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}
	if neg || len(args) < 3 || signals[args[1]] == nil {
		ts.Fatalf("usage: interrupts CODE INT|TERM COMMAND [ARG...]")
	}
	held := ts.Value(serverKey{}).(*current).server.held
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	program, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(program, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "KUBECONFIG", "LC_ALL", "TERM", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	for len(held) > 0 {
		<-held // of a command before this one
	}
	ts.Check(cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-held:
		ts.Check(cmd.Process.Signal(signals[args[1]]))
	case err := <-done:
		ts.Fatalf("ended before it was interrupted: %v\n%s%s", err, &stdout, &stderr)
	}
	select {
	case err = <-done:
	case <-time.After(2 * time.Minute):
		cmd.Process.Kill()
		ts.Fatalf("still running two minutes after the signal")
	}
	io.Copy(ts.Stdout(), &stdout)
	io.Copy(ts.Stderr(), &stderr)
	if got := exitCode(ts, err); got != want {
		ts.Fatalf("exit code %d, want %d\n%s", got, want, &stderr)
	}
}
