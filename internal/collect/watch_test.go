package collect

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// A watched is an API server of one pod that can be watched: each watch of pods is answered by the next of answers, the
// last one again and again; events are never told.
type watched struct {
	mu      sync.Mutex
	answers []http.HandlerFunc
	version int
	asked   []string // the resource versions from which pods were watched
	denied  bool     // events must not be watched
	over    chan struct{}
}

func (f *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	switch events := strings.HasSuffix(r.URL.Path, "/events"); {
	case query.Get("watch") == "true" && events && f.denied:
		status(w, 403, "Forbidden", "events is forbidden")
	case query.Get("watch") == "true" && events:
		f.hang(w, r)
	case query.Get("watch") == "true":
		f.mu.Lock()
		f.asked = append(f.asked, query.Get("resourceVersion"))
		answer := f.answers[0]
		if len(f.answers) > 1 {
			f.answers = f.answers[1:]
		}
		f.mu.Unlock()
		answer(w, r)
	case query.Get("limit") == "1":
		f.mu.Lock()
		f.version += 10
		kind := map[bool]string{true: "EventList", false: "PodList"}[events]
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":%q,"metadata":{"resourceVersion":"%d"},"items":[]}`, kind, f.version)
		f.mu.Unlock()
	default:
		if body, ok := objects[r.URL.Path]; ok {
			fmt.Fprint(w, body)
			return
		}
		status(w, 404, "NotFound", "no")
	}
}

func (f *watched) hang(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	select {
	case <-r.Context().Done():
	case <-f.over:
	}
}

// telling answers a watch with events, given as TYPE VERSION, and then ends it, or not.
func (f *watched) telling(stays bool, events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, e := range events {
			kind, version, _ := strings.Cut(e, " ")
			object := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-c5c688f8b-6h4cn","namespace":"shop","uid":"p","resourceVersion":%q}}`, version)
			if kind == "ERROR" {
				object = fmt.Sprintf(`{"apiVersion":"v1","kind":"Status","status":"Failure","code":%s,"reason":"Expired","message":"too old"}`, version)
			}
			fmt.Fprintf(w, "{\"type\":%q,\"object\":%s}\n", kind, object)
		}
		w.(http.Flusher).Flush()
		if stays {
			f.hang(w, r)
		}
	}
}

// TestWatch: what happens is told whatever becomes of single requests: a watch that ends goes on where it ended, one
// whose versions are gone begins again, one that cannot be had is told of once and tried again.
func TestWatch(t *testing.T) {
	f := &watched{}
	for _, test := range []struct {
		name    string
		answers []http.HandlerFunc
		denied  bool
		want    []string // the notices
		asked   []string
	}{
		{"told", []http.HandlerFunc{f.telling(true, "ADDED 11", "BOOKMARK 12", "MODIFIED 13", "DELETED 14")}, false,
			[]string{"new pod", "pod", "gone pod"}, []string{"10"}},
		{"the server ends it", []http.HandlerFunc{f.telling(false, "ADDED 11", "BOOKMARK 15"), f.telling(true, "MODIFIED 16")}, false,
			[]string{"new pod", "pod"}, []string{"10", "15"}},
		{"it ends without a word", []http.HandlerFunc{f.telling(false), f.telling(true, "MODIFIED 16")}, false,
			[]string{"pod"}, []string{"10", "10"}},
		{"410 while it goes on", []http.HandlerFunc{f.telling(false, "ERROR 410"), f.telling(true, "MODIFIED 35")}, false,
			[]string{"again", "pod"}, []string{"10", "30"}},
		{"410 at once", []http.HandlerFunc{refusing(410, "Expired", "too old"), f.telling(true, "MODIFIED 35")}, false,
			[]string{"again", "pod"}, []string{"10", "30"}},
		{"broken for a while", []http.HandlerFunc{refusing(500, "InternalError", "no"), refusing(500, "InternalError", "no"), f.telling(true, "MODIFIED 11")}, false,
			[]string{"lost pods", "back pods", "pod"}, []string{"10", "10", "10"}},
		{"garbage", []http.HandlerFunc{plain(200, "{"), f.telling(true, "MODIFIED 11")}, false, []string{"pod"}, []string{"10", "10"}},
		{"pods are refused", []http.HandlerFunc{refusing(403, "Forbidden", "no")}, false, []string{"refused pods"}, []string{"10"}},
		{"both are refused", []http.HandlerFunc{refusing(403, "Forbidden", "no")}, true, []string{"refused events", "refused pods"}, []string{"10"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &watched{answers: test.answers, denied: test.denied, over: make(chan struct{})}
			server := httptest.NewServer(f)
			defer server.Close()
			defer close(f.over)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			notices := watchWeb(ctx, t, server.URL)
			var got []string
			for range test.want {
				got = append(got, told(<-notices))
			}
			if test.denied { // nothing is left to watch
				if n, open := <-notices; open {
					t.Errorf("%+v after all was refused", n)
				}
				got = []string{min(got[0], got[1]), max(got[0], got[1])}
			}
			cancel()
			for n := range notices {
				t.Errorf("%s, too", told(n))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(test.asked, f.asked); diff != "" {
				t.Errorf("versions: -want +got\n%s", diff)
			}
		})
	}
}

func watchWeb(ctx context.Context, t *testing.T, host string) <-chan Notice {
	t.Helper()
	names, err := ParseNames([]string{"web-c5c688f8b-6h4cn"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewPodReader(Options{Config: &rest.Config{Host: host}, RequestTimeout: time.Second}, PodQuery{Namespace: "shop", Names: names})
	if err != nil {
		t.Fatal(err)
	}
	marks, err := r.Mark(ctx)
	if err != nil {
		t.Fatal(err)
	}
	marks.pods = "10"
	if _, err := r.Read(ctx); err != nil {
		t.Fatal(err)
	}
	return r.Watch(ctx, marks)
}

func told(n Notice) string {
	switch {
	case n.Again:
		return "again"
	case n.Kind != "" && n.Refused:
		return "refused " + string(n.Kind)
	case n.Kind != "" && n.Lost != nil:
		return "lost " + string(n.Kind)
	case n.Kind != "":
		return "back " + string(n.Kind)
	case n.New:
		return "new pod"
	case n.Gone:
		return "gone pod"
	case n.Event != nil:
		return "event"
	}
	return "pod"
}

// TestWatchEnds: a watch ends with its context, also where the server never answers.
func TestWatchEnds(t *testing.T) {
	f := &watched{answers: []http.HandlerFunc{hang()}, over: make(chan struct{})}
	server := httptest.NewServer(f)
	defer server.Close()
	defer close(f.over)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for n := range watchWeb(ctx, t, server.URL) {
		t.Errorf("%+v", n)
	}
	if ctx.Err() == nil {
		t.Error("it ended before its time")
	}
}

// TestWatchTargets: as little is watched as tells of what was asked about.
func TestWatchTargets(t *testing.T) {
	named := func(words ...string) []Name {
		names, err := ParseNames(words)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	for _, test := range []struct {
		query  PodQuery
		chosen []string
		want   []string
	}{
		{PodQuery{Names: named("a")}, nil, []string{"pods metadata.name=a ", "events involvedObject.kind=Pod,involvedObject.name=a "}},
		{PodQuery{Names: named("deploy/web")}, []string{"app=web"}, []string{"pods  app=web", "events  "}},
		{PodQuery{Selector: "app=web"}, nil, []string{"pods  app=web", "events  "}},
		{PodQuery{Names: named("cronjob/nightly")}, nil, []string{"pods  ", "events  "}},
		{PodQuery{Names: named("deploy/web", "cronjob/nightly")}, []string{"app=web"}, []string{"pods  ", "events  "}},
		{PodQuery{Names: named("a", "deploy/web")}, []string{"app=web"}, []string{"pods metadata.name=a ", "pods  app=web", "events  "}},
		{PodQuery{Names: named("a", "b", "c", "d", "e", "f")}, nil, []string{"pods  ", "events  "}},
	} {
		r := podReader(nil, test.query)
		r.chosen = test.chosen
		if diff := cmp.Diff(test.want, keys(r.targets())); diff != "" {
			t.Errorf("%+v: -want +got\n%s", test.query, diff)
		}
	}
	if node := (Name{"no", "worker-1"}); !node.OutsideNamespaces() {
		t.Error("a node is in no namespace")
	}
}
