package collect

import (
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// zipped asks for a compressed page. Go's client would do so, too, but with a new decompressor for each
// of thousands of pages, and then the rest of a page could not be skipped without decompressing it.
var zipped = http.Header{"Accept-Encoding": {"gzip"}}

// unzippers are reused, as readers are.
var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

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
