package collect

import (
	"fmt"
	"io"
)

// maxBody is the most that is read of one answer. Clients read answers as a whole, into memory, and
// an answer without an end must not take all of it; 500 objects, a page, have far less. Metrics pages
// are read as a stream, and have a bound of their own.
const maxBody = 256 << 20

// bounded is a body that fails when it is larger than it may be.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer is larger than %d MB", maxBody>>20)
	}
	return n, err
}
