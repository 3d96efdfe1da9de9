package cli

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// A watchServer has one pod, web of the namespace shop, whose states are told one after the other by a watch.
type watchServer struct {
	now    string // the state of the pod when it is read
	states []string
	faults []func(http.ResponseWriter) bool // each for one watch of pods; true goes on
	over   chan struct{}
}

const (
	waitingPod = `"status":{"phase":"Pending","initContainerStatuses":[{"name":"proxy","state":{"waiting":{"reason":"PodInitializing"}}}]}`
	gonePod    = `"status":{"phase":"Running"}`
	runningPod = `"status":{"phase":"Pending","initContainerStatuses":[{"name":"proxy","started":false,"state":{"running":{"startedAt":"NOW"}}}]}`
	readyPod   = `"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"NOW"},{"type":"Initialized","status":"True"}],
		"initContainerStatuses":[{"name":"proxy","started":true,"ready":true,"state":{"running":{"startedAt":"NOW"}}}],
		"containerStatuses":[{"name":"app","started":true,"ready":true,"state":{"running":{"startedAt":"NOW"}}}]}`
)

func watchedPod(state string, version int) string {
	now := time.Now().UTC().Format(time.RFC3339)
	return strings.ReplaceAll(fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","uid":"a-1","resourceVersion":"%d","creationTimestamp":"NOW"},
		"spec":{"nodeName":"worker-1","restartPolicy":"Always","initContainers":[{"name":"proxy","restartPolicy":"Always","startupProbe":{"periodSeconds":1,"failureThreshold":60,"tcpSocket":{"port":1}}}],
		"containers":[{"name":"app"}]},%s}`, version, state), "NOW", now)
}

func (f *watchServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch pods := strings.HasSuffix(r.URL.Path, "/pods"); {
	case r.URL.Query().Get("watch") == "true" && pods:
		if len(f.faults) > 0 {
			fault := f.faults[0]
			if f.faults = f.faults[1:]; !fault(w) {
				return
			}
		}
		for i, state := range f.states {
			kind := "MODIFIED"
			if f.now = state; state == gonePod {
				kind = "DELETED"
			}
			fmt.Fprintf(w, "{\"type\":%q,\"object\":%s}\n", kind, strings.ReplaceAll(watchedPod(state, 20+i), "\n", ""))
			w.(http.Flusher).Flush()
			time.Sleep(2 * gather)
		}
		f.hang(w, r)
	case r.URL.Query().Get("watch") == "true":
		f.hang(w, r)
	case strings.HasSuffix(r.URL.Path, "/pods/web") && f.now == gonePod:
		refused(404, "NotFound")(w)
	case strings.HasSuffix(r.URL.Path, "/pods/web"):
		fmt.Fprint(w, watchedPod(f.now, 10))
	case pods:
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"10"},"items":[]}`)
	case strings.HasSuffix(r.URL.Path, "/events"):
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"EventList","metadata":{"resourceVersion":"10"},"items":[]}`)
	case strings.HasSuffix(r.URL.Path, "/nodes/worker-1"):
		fmt.Fprint(w, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker-1"},"status":{"nodeInfo":{"kubeletVersion":"v1.35.0"}}}`)
	default:
		http.NotFound(w, r)
	}
}

func (f *watchServer) hang(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	select {
	case <-r.Context().Done():
	case <-f.over:
	}
}

// refused answers a watch with an error of the API server.
func refused(code int, reason string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"Status","status":"Failure","code":%d,"reason":%q,"message":"as the test wants"}`, code, reason)
		return false
	}
}

func runWatch(t *testing.T, f *watchServer, args ...string) (out string, exit int) {
	t.Helper()
	f.over = make(chan struct{})
	server := httptest.NewServer(f)
	defer server.Close()
	defer close(f.over)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u, namespace: shop}}],
clusters: [{name: c, cluster: {server: %q}}], users: [{name: u, user: {}}]}`, server.URL)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
	t.Setenv("LC_ALL", "C.UTF-8")
	var stdout, stderr bytes.Buffer
	exit = Main(append([]string{"kubectl-sidecar", "why", "web", "--watch"}, args...), genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr})
	if stderr.Len() > 0 {
		t.Errorf("stderr: %s", &stderr)
	}
	return stdout.String(), exit
}

// TestWhyWatchFaults: a watch that is cut, expired or refused is named, and neither ends it too early nor too late.
func TestWhyWatchFaults(t *testing.T) {
	well := []string{runningPod, readyPod}
	for _, test := range []struct {
		name   string
		server *watchServer
		args   []string
		exit   int
		told   []string
	}{
		{"gets well", &watchServer{now: waitingPod, states: well}, nil, 0,
			[]string{"in progress: sidecar proxy has not been started", "proxy: started\n", "startup probe succeeded\n", "\n\n√ nothing is wrong with pod/shop/web"}},
		{"cut", &watchServer{now: waitingPod, states: well, faults: []func(http.ResponseWriter) bool{refused(500, "InternalError")}}, nil, 0,
			[]string{"the watch of pods was cut: ", "the watch of pods goes on\n", "√ nothing is wrong"}},
		{"expired", &watchServer{now: waitingPod, states: well, faults: []func(http.ResponseWriter) bool{refused(410, "Expired")}}, nil, 0,
			[]string{"√ nothing is wrong"}},
		{"deleted, and nobody makes it again", &watchServer{now: waitingPod, states: []string{runningPod, gonePod}}, nil, 4,
			[]string{"pod/shop/web: is gone", "\n\n? could not tell what is wrong with pod/shop/web", "why: it is not there anymore: "}},
		{"refused", &watchServer{now: waitingPod, states: well, faults: []func(http.ResponseWriter) bool{refused(403, "Forbidden")}}, nil, 4,
			[]string{"pods are not watched: ", "… pod/shop/web: in progress: ", "limited: pods were not watched: "}},
		{"time is up", &watchServer{now: waitingPod}, []string{"--timeout", "2s"}, 4,
			[]string{"… pod/shop/web: in progress: ", "limited: stopped watching after 2s: allow more with --timeout"}},
		{"cut until the time is up", &watchServer{now: waitingPod, faults: []func(http.ResponseWriter) bool{
			refused(500, "InternalError"), refused(500, "InternalError"), refused(500, "InternalError"), refused(500, "InternalError"),
		}}, []string{"--timeout", "3s"}, 4, []string{"the watch of pods was cut: ", "limited: pods were not watched: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, exit := runWatch(t, test.server, test.args...)
			rest := out
			for _, want := range test.told {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("no %q, or not in its place:\n%s", want, out)
					break
				}
				rest = after
			}
			if exit != test.exit {
				t.Errorf("exit %d, want %d:\n%s", exit, test.exit, out)
			}
		})
	}
}

// TestWhyWatchJSON: each line is a report, the last one the answer.
func TestWhyWatchJSON(t *testing.T) {
	out, exit := runWatch(t, &watchServer{now: waitingPod, states: []string{runningPod, readyPod}}, "-o", "json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if exit != 0 || len(lines) != 3 || !strings.Contains(lines[0], `"verdict":"in-progress"`) || !strings.Contains(lines[1], `"what":"container-started"`) ||
		!strings.Contains(lines[2], `"verdict":"ready"`) {
		t.Errorf("exit %d, %d lines\n%s", exit, len(lines), out)
	}
}

// TestFit: what stands below the changes never takes more lines than the terminal has, however they wrap.
func TestFit(t *testing.T) {
	for _, test := range []struct {
		page          string
		width, height int
		want          string
		lines         int
	}{
		{"a\nb\n", 80, 24, "a\nb\n", 2},
		{"a\nb\nc\n", 80, 2, "a\nb\n", 2},
		{"\x1b[31m" + strings.Repeat("x", 80) + "\x1b[0m\nb\n", 80, 24, "\x1b[31m" + strings.Repeat("x", 80) + "\x1b[0m\nb\n", 2},
		{strings.Repeat("x", 81) + "\nb\n", 80, 24, strings.Repeat("x", 81) + "\nb\n", 3},
		{"\n\n", 80, 24, "\n\n", 2},
	} {
		got, lines := fit(test.page, test.width, test.height)
		if diff := cmp.Diff(test.want, got); diff != "" || lines != test.lines {
			t.Errorf("%q: %d lines, want %d\n%s", test.page, lines, test.lines, diff)
		}
	}
}
