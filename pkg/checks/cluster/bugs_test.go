package cluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/version"
)

// TestByVersion: an order in which a version came after itself would leave the result of a sort to chance.
func TestByVersion(t *testing.T) {
	older, newer := version.MustParseGeneric("1.29.0"), version.MustParseGeneric("1.29.3")
	for _, c := range []struct {
		a, b *version.Version
		want int
	}{{older, older, 0}, {older, newer, -1}, {newer, older, 1}} {
		if got := byVersion(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
