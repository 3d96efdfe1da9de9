package collect

import (
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// zipped asks for a page whose rest can be skipped without decompressing it.
var zipped = http.Header{"Accept-Encoding": {"gzip"}}

// unzippers are reused, as readers are.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// unzipping asks for compressed answers and decompresses them, as net/http does where it is not told
// otherwise: a list is read in half the time with this decompressor. Whoever asks for compression
// himself decompresses himself.
type unzipping struct{ next http.RoundTripper }

func (u unzipping) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Accept-Encoding") != "" || req.Header.Get("Range") != "" || req.Method == http.MethodHead {
		return u.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := u.next.RoundTrip(req)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		return resp, err
	}
	resp.Body = &unzippingBody{ReadCloser: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
	return resp, nil
}

// unzippingBody is a body that is decompressed as it is read.
type unzippingBody struct {
	io.ReadCloser
	zip *gzip.Reader
	err error // what every further Read returns
}

func (b *unzippingBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.zip == nil {
		b.zip = unzippers.Get().(*gzip.Reader)
		if b.err = b.zip.Reset(b.ReadCloser); b.err != nil {
			return 0, b.err
		}
	}
	var n int
	// Given back only here, never by Close, which may be called while another goroutine reads.
	if n, b.err = b.zip.Read(p); b.err != nil {
		unzippers.Put(b.zip)
	}
	return n, b.err
}

// throughGzip has an answer's body read, decompressed where it is compressed.
func throughGzip(resp *http.Response, read func(io.Reader) error) error {
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return read(resp.Body)
	}
	zip := unzippers.Get().(*gzip.Reader)
	defer unzippers.Put(zip)
	if err := zip.Reset(resp.Body); err != nil {
		return brokeOff(err)
	}
	return read(zip)
}
