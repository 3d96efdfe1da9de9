package collect

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// inProtobuf encodes as API servers do.
func inProtobuf(t testing.TB, object runtime.Object) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(object, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// nodePage is a page of a list of nodes, each with images; more is how many pages come after it.
func nodePage(next string, more int64, names ...string) *corev1.NodeList {
	list := &corev1.NodeList{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"},
		ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: next},
	}
	if next != "" {
		list.RemainingItemCount = &more
	}
	for _, name := range names {
		node := readyNode(name, "v1.30.1")
		node.Labels = map[string]string{"a": "b"}
		node.Status.Images = []corev1.ContainerImage{{Names: []string{"registry.example/x:1"}, SizeBytes: 1 << 40}, {Names: []string{"y"}}}
		node.Status.VolumesInUse = []corev1.UniqueVolumeName{"v"} // comes after the images
		list.Items = append(list.Items, node)
	}
	return list
}

func TestLeaveOut(t *testing.T) {
	list := nodePage("next", 3, "a", "b")
	body := inProtobuf(t, list)
	if diff := cmp.Diff(&list.ListMeta, listMeta(body)); diff != "" {
		t.Errorf("metadata (-want +got)\n%s", diff)
	}
	want := list.DeepCopy()
	for i := range want.Items {
		want.Items[i].Status.Images = nil
	}
	for _, test := range []struct {
		body []byte
		want *corev1.NodeList
	}{{leaveOut(body, imagesOfNodes), want}, {leaveOut(body, nil), list}} {
		var got corev1.NodeList
		if err := decoderOf(test.body)(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, &got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestLeaveOutOfNonsense: what is no list in protobuf is left to the decoder, which does not take it.
func TestLeaveOutOfNonsense(t *testing.T) {
	whole := inProtobuf(t, nodePage("", 0, "a", "b"))
	bodies := [][]byte{nil, []byte("{}"), []byte("k8s\x00"), []byte("k8s\x00\x12\x05ab"), inProtobuf(t, &apierrors.NewNotFound(corev1.Resource("nodes"), "x").ErrStatus)}
	for cut := range len(whole) - len("\x1a\x00\x22\x00") { // what comes after the list says nothing
		bodies = append(bodies, whole[:cut])
	}
	for _, body := range bodies {
		if listMeta(body) == nil {
			continue // client-go decodes it
		}
		if err := decoderOf(leaveOut(body, imagesOfNodes))(&corev1.NodeList{}); err == nil {
			t.Errorf("%q was taken for a list", body)
		}
	}
}

// FuzzLeaveOut: whatever the decoder takes is the same without images when they were left out before.
func FuzzLeaveOut(f *testing.F) {
	for _, list := range []*corev1.NodeList{nodePage("", 0), nodePage("2", 3, "a"), nodePage("", 0, "a", "b")} {
		f.Add(inProtobuf(f, list))
	}
	f.Add(twice(f))
	f.Fuzz(func(t *testing.T, body []byte) {
		meta := listMeta(body)
		if meta == nil {
			return // client-go decodes it
		}
		var whole, less corev1.NodeList
		errWhole, errLess := decoderOf(body)(&whole), decoderOf(leaveOut(body, imagesOfNodes))(&less)
		if errWhole != nil {
			return // in an image, perhaps
		}
		for _, list := range []corev1.NodeList{whole, less} { // less has those in what was not understood
			for i := range list.Items {
				list.Items[i].Status.Images = nil
			}
		}
		if diff := cmp.Diff(&whole, &less); errLess != nil || diff != "" {
			t.Errorf("%v (-whole +less)\n%s", errLess, diff)
		}
	})
}

// twice is an envelope with two lists, of which decoders take the second.
func twice(tb testing.TB) []byte {
	envelope := func(list *corev1.NodeList) []byte { return inProtobuf(tb, list)[len(protobufMagic):] }
	return slices.Concat(protobufMagic, envelope(nodePage("", 0, "a")), envelope(nodePage("2", 1, "b")))
}

// A pager serves pages in protobuf, by their continue token.
type pager struct {
	pages map[string][]byte
	codes map[string][]int32 // to answer with before the page

	mu    sync.Mutex
	asked []string
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	token := r.URL.Query().Get("continue")
	p.asked = append(p.asked, token)
	if codes := p.codes[token]; len(codes) > 0 {
		p.codes[token] = codes[1:]
		status(w, codes[0], metav1.StatusReasonUnknown, fmt.Sprint("code ", codes[0]))
		return
	}
	w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
	_, _ = w.Write(p.pages[token])
}

func TestLongList(t *testing.T) {
	three := map[string][]byte{
		"":  inProtobuf(t, nodePage("2", 3, "a", "b")),
		"2": inProtobuf(t, nodePage("3", 1, "c", "d")),
		"3": inProtobuf(t, nodePage("", 0, "e")),
	}
	garbled := func(token string, body []byte) map[string][]byte {
		out := map[string][]byte{"": three[""], "2": three["2"], "3": three["3"]}
		out[token] = body
		return out
	}
	for name, test := range map[string]struct {
		pages map[string][]byte
		codes map[string][]int32
		want  []string
		asked []string
		err   string
	}{
		"whole":             {three, nil, []string{"a", "b", "c", "d", "e"}, []string{"", "2", "3"}, ""},
		"too old once":      {three, map[string][]int32{"3": {410}}, []string{"a", "b", "c", "d", "e"}, []string{"", "2", "3", "", "2", "3"}, ""},
		"too old twice":     {three, map[string][]int32{"2": {410, 410}}, []string{"a", "b"}, []string{"", "2", "", "2"}, "code 410"},
		"refused":           {three, map[string][]int32{"3": {403}}, []string{"a", "b", "c", "d"}, []string{"", "2", "3"}, "code 403"},
		"cut off":           {garbled("2", three["2"][:200]), nil, []string{"a", "b"}, []string{"", "2"}, "unexpected EOF"},
		"another type":      {garbled("3", inProtobuf(t, &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}})), nil, []string{"a", "b", "c", "d"}, []string{"", "2", "3"}, "the answer is a PodList"},
		"garbled in a page": {garbled("2", bytes.Replace(three["2"], []byte("v1.30.1"), []byte("\xff\xff\xff\xff\xff\xff\xff"), 1)), nil, []string{"a", "b", "c", "d", "e"}, []string{"", "2", "3"}, ""},
		"two lists":         {map[string][]byte{"": twice(t)}, nil, []string{"b"}, []string{""}, "continue token twice"},
	} {
		t.Run(name, func(t *testing.T) {
			server := &pager{pages: test.pages, codes: test.codes}
			api := httptest.NewServer(server)
			defer api.Close()
			c, err := newCollector(Options{Config: &rest.Config{Host: api.URL}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			err = longList(t.Context(), c, listRequest{resource: "nodes", unwanted: imagesOfNodes}, func(page *corev1.NodeList) {
				for _, n := range page.Items {
					got = append(got, n.Name)
				}
			}, func() { got = nil })
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("nodes (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.asked, server.asked); diff != "" {
				t.Errorf("pages asked for (-want +got)\n%s", diff)
			}
		})
	}
}
