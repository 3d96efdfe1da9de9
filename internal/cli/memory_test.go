package cli

import "testing"

func TestPercentFor(t *testing.T) {
	for _, test := range []struct {
		live, bytes uint64
		want        int
	}{
		{0, 40 << 20, 3900}, {10 << 20, 40 << 20, 300}, {20 << 20, 40 << 20, 100}, {30 << 20, 40 << 20, leastPercent}, {1 << 30, 40 << 20, leastPercent},
	} {
		if got := percentFor(test.live, test.bytes); got != test.want {
			t.Errorf("%d of %d: %d, want %d", test.live, test.bytes, got, test.want)
		}
	}
}
