package collect

import (
	"io"
	"strings"
	"testing"
)

// An answer may be as large as the bound, and not a byte larger.
func TestBounded(t *testing.T) {
	for left, want := range map[int64]string{5: "", 6: "", 4: "the answer is larger than 256 MB", 0: "the answer is larger than 256 MB"} {
		text, err := io.ReadAll(&bounded{io.NopCloser(strings.NewReader("12345")), left})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want || err == nil && string(text) != "12345" {
			t.Errorf("%d: %q, error %q, want error %q", left, text, got, want)
		}
	}
}
