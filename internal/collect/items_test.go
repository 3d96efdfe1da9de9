package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

func eventsOf(n int) *corev1.EventList {
	list := &corev1.EventList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}, ListMeta: metav1.ListMeta{Continue: `a"\]{[`}}
	for i := range n {
		list.Items = append(list.Items, corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("e", i), Labels: map[string]string{"a": `{"`}, OwnerReferences: []metav1.OwnerReference{{}, {}}},
			Message:    strings.Repeat(`"[{\`, i%300),
		})
	}
	return list
}

// encodings are a list as API servers send it.
func encodings(t testing.TB, list runtime.Object) map[string][]byte {
	t.Helper()
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var binary bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(list, &binary); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"json": text, "protobuf": binary.Bytes()}
}

// TestCounted: what has more items than twenty times what was asked for is not read to its end, however it comes.
func TestCounted(t *testing.T) {
	for _, test := range []struct {
		url   string
		items int
		stops bool
	}{
		{"/api/v1/events?limit=5", 100, false},
		{"/api/v1/events?limit=5", 101, true},
		{"/api/v1/events?limit=5", 0, false},
		{"/api/v1/events", 101, false},
		{"/api/v1/events?limit=many", 101, false},
	} {
		for name, body := range encodings(t, eventsOf(test.items)) {
			for how, from := range map[string]io.Reader{"whole": bytes.NewReader(body), "bytewise": iotest.OneByteReader(bytes.NewReader(body))} {
				req, err := http.NewRequest(http.MethodGet, test.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(counted(req, io.NopCloser(from)))
				if (err != nil) != test.stops || err == nil && !bytes.Equal(got, body) {
					t.Errorf("%s, %d items, %s, %s: %v, %d of %d bytes", test.url, test.items, name, how, err, len(got), len(body))
				}
			}
		}
	}
}

// FuzzItems: nonsense does no harm, and does not depend on how it comes.
func FuzzItems(f *testing.F) {
	for _, body := range encodings(f, eventsOf(3)) {
		f.Add(body)
	}
	f.Add([]byte("k8s\x00\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		count := func(from io.Reader) error {
			_, err := io.Copy(io.Discard, &countedBody{ReadCloser: io.NopCloser(from), asked: 1})
			return err
		}
		whole, bytewise := count(bytes.NewReader(data)), count(iotest.OneByteReader(bytes.NewReader(data)))
		if (whole == nil) != (bytewise == nil) || errors.Is(whole, io.ErrUnexpectedEOF) {
			t.Errorf("as a whole: %v; byte by byte: %v", whole, bytewise)
		}
	})
}

// TestEndless: a server that never ends a list, or ignores how many were asked for, is told of, and is not an
// interruption.
func TestEndless(t *testing.T) {
	many, err := json.Marshal(eventsOf(fullPages*pageSize + 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ pods, events, want string }{
		"the same page": {`{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"x"},"items":[]}`, "", "listing pods: the server sends the same page again and again: reading was stopped"},
		"no limit":      {`{"kind":"PodList","apiVersion":"v1","items":[]}`, string(many), "500 objects were asked for, and the server sends more than 10000 at once: reading was stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case strings.HasSuffix(r.URL.Path, "/pods"):
					io.WriteString(w, test.pods)
				case strings.HasSuffix(r.URL.Path, "/events") && test.events != "":
					io.WriteString(w, test.events)
				case strings.HasSuffix(r.URL.Path, "/namespaces/shop"):
					io.WriteString(w, `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop"}}`)
				default:
					io.WriteString(w, `{"kind":"DeploymentList","apiVersion":"apps/v1","items":[]}`)
				}
			}))
			t.Cleanup(server.Close)
			r, err := NewPodReader(Options{Config: &rest.Config{Host: server.URL}}, PodQuery{Namespace: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			told := ""
			s, err := r.Read(t.Context())
			if err != nil {
				told = err.Error()
			} else if len(s.Gaps) == 1 {
				told = s.Gaps[0].Reason
			}
			if !strings.Contains(told, test.want) {
				t.Errorf("%q, %v; want %q", told, s, test.want)
			}
		})
	}
}
