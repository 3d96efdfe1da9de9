package collect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// pageSize is how many objects are asked for at once, as kubectl does.
const pageSize = 500

// mostPages is how many pages a list may have: a million objects.
const mostPages = 2000

var errEndless = fmt.Errorf("the server goes on after %d pages: reading was stopped", mostPages)

// pages lists everything page by page, each with its own deadline. A list that grew too old to be
// continued starts over once; restart then drops what was taken.
func (c *collector) pages(ctx context.Context, list func(context.Context, metav1.ListOptions) (metav1.ListInterface, error), restart func()) error {
	opts := metav1.ListOptions{Limit: pageSize}
	for restarted, read := false, 0; ; read++ {
		if read >= 2*mostPages || !restarted && read >= mostPages {
			return errEndless
		}
		pageCtx, cancel := c.reading(ctx)
		got, err := list(pageCtx, opts)
		cancel()
		switch {
		case err != nil && expired(err) && !restarted:
			restarted = true
			opts.Continue = ""
			restart()
			continue
		case err != nil:
			return err
		}
		before := opts.Continue
		if opts.Continue = got.GetContinue(); opts.Continue == "" {
			return nil
		}
		if opts.Continue == before {
			return errors.New("the server sends the same page again and again: reading was stopped")
		}
	}
}

// expired reports whether a list cannot be continued because it is too old.
func expired(err error) bool {
	a, ok := answered(err)
	return ok && a.Code == http.StatusGone
}

// listOf is what a client decodes into.
type listOf[L any] interface {
	*L
	runtime.Object
	metav1.ListInterface
}

// A listRequest is for a type of core/v1 of which a cluster may have very many.
type listRequest struct {
	namespace, resource string
	opts                metav1.ListOptions
	// limit is how many are asked for at once; 0 is pageSize.
	limit int64
	// unwanted is the way to a field that is left out before the list is decoded, as field numbers of
	// the list in protobuf; nil leaves out nothing.
	unwanted []protowire.Number
}

// longList lists like pages, and hands each page to take, one after the other. The next page is asked for
// while one is decoded, so that neither the API server nor this program waits for the other.
func longList[L any, P listOf[L]](ctx context.Context, c *collector, list listRequest, take func(P), restart func()) error {
	decode := func(into func(runtime.Object) error) (P, error) {
		page := P(new(L))
		err := into(page)
		if err == nil {
			take(page)
		}
		return page, err
	}
	before := func() error { return nil } // waits for the page before, and says what became of it
	err := c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		list.opts.Limit, list.opts.Continue = cmp.Or(list.limit, page.Limit), page.Continue
		request := c.rest.Get().NamespaceIfScoped(list.namespace, list.namespace != "").Resource(list.resource)
		answer := request.VersionedParams(&list.opts, scheme.ParameterCodec).Do(ctx)
		body, err := answer.Raw()
		if err != nil {
			return nil, answer.Error()
		}
		if err := before(); err != nil {
			return nil, err
		}
		meta := listMeta(body)
		if meta == nil {
			return decode(answer.Into)
		}
		body = leaveOut(body, list.unwanted) // the whole of it can be freed
		done := make(chan error, 1)
		before = sync.OnceValue(func() error { return <-done })
		go func() {
			page, err := decode(decoderOf(body))
			if err == nil && page.GetContinue() != meta.Continue {
				err = errors.New("the answer has its continue token twice") // and what comes after it would be missed
			}
			done <- err
		}()
		return meta, nil
	}, func() {
		_ = before() // all of it is read again
		restart()
	})
	if failed := before(); failed != nil {
		return failed
	}
	return err
}

// decoderOf decodes what an API server sent, as client-go does, except that what is something else is an
// error.
func decoderOf(body []byte) func(runtime.Object) error {
	return func(into runtime.Object) error {
		got, kind, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, into)
		if status, ok := got.(*metav1.Status); ok && err == nil {
			return apierrors.FromObject(status)
		}
		if err == nil && got != into {
			return fmt.Errorf("the answer is a %s", kind.Kind)
		}
		return err
	}
}

// protobufMagic begins what API servers encode as protobuf (k8s.io/apimachinery
// pkg/runtime/serializer/protobuf). A [runtime.Unknown] follows, whose second field is the object.
var protobufMagic = []byte("k8s\x00")

// rawField is that field.
const rawField = 2

// listMeta is what a list in protobuf begins with, nil if that is not what body is: a list of any
// type has its metadata as the first field.
func listMeta(body []byte) *metav1.ListMeta {
	envelope, ok := bytes.CutPrefix(body, protobufMagic)
	if !ok {
		return nil
	}
	list := protobufField(envelope, rawField)
	number, _, n := protowire.ConsumeTag(list)
	if n < 0 || number != 1 {
		return nil
	}
	var meta metav1.ListMeta
	if meta.Unmarshal(protobufField(list, 1)) != nil {
		return nil
	}
	return &meta
}

// protobufField is the first field of a message that has the number and holds bytes; nil if there is none.
func protobufField(message []byte, number protowire.Number) []byte {
	for len(message) > 0 {
		got, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		if got == number {
			if kind != protowire.BytesType {
				return nil
			}
			field, n := protowire.ConsumeBytes(message[n:])
			if n < 0 {
				return nil
			}
			return field
		}
		rest := protowire.ConsumeFieldValue(got, kind, message[n:])
		if rest < 0 {
			return nil
		}
		message = message[n+rest:]
	}
	return nil
}

// leaveOut leaves a field out of a list in protobuf. What is not understood stays as it is, for the decoder
// to judge.
func leaveOut(body []byte, field []protowire.Number) []byte {
	if field == nil {
		return body
	}
	path := append([]protowire.Number{rawField}, field...) // through the envelope
	return append(bytes.Clone(protobufMagic), withoutField(body[len(protobufMagic):], path)...)
}

// withoutField returns a message without the field at the end of path, a way through nested messages.
func withoutField(message []byte, path []protowire.Number) []byte {
	var out []byte
	for rest := message; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return message
		}
		size := protowire.ConsumeFieldValue(number, kind, rest[tag:])
		switch {
		case size < 0:
			return message
		case number == path[0] && len(path) == 1:
		case number == path[0] && kind == protowire.BytesType:
			inner, _ := protowire.ConsumeBytes(rest[tag:])
			out = protowire.AppendBytes(protowire.AppendTag(out, number, kind), withoutField(inner, path[1:]))
		default:
			out = append(out, rest[:tag+size]...)
		}
		rest = rest[tag+size:]
	}
	return out
}

// remaining is how many items come after a page, as far as the API server says: not where a selector is used.
func remaining(page metav1.ListInterface) int {
	if n := page.GetRemainingItemCount(); n != nil {
		return int(*n)
	}
	return 0
}
