package known

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

// TestBugs proves that every bug is complete, and that its versions are in order.
func TestBugs(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range bugs() {
		founded(t, "bug "+b.Ref, b.Component, Reported, b.Sources)
		if b.Ref == "" || b.Text == "" || len(b.Fixed) == 0 || seen[b.Ref] {
			t.Errorf("%+v: incomplete, or there twice", b)
			continue
		}
		seen[b.Ref] = true
		last := version.MajorMinor(1, uint(b.Since))
		for _, f := range b.Fixed {
			fix := parses(t, b.Ref, f)
			if fix == nil || !last.LessThan(fix) {
				t.Errorf("%s: fixed in %s, after %s", b.Ref, f, last)
				continue
			}
			if b.In(fix) {
				t.Errorf("%s: is in %s, which repairs it", b.Ref, f)
			}
			last = fix
		}
		if b.Gone().Patch() != 0 {
			t.Errorf("%s: gone from %s on, which is no minor version", b.Ref, b.Gone())
		}
	}
	for _, component := range []string{"kubelet", "kube-controller-manager", "kube-scheduler"} {
		if len(Bugs(component)) == 0 {
			t.Errorf("no bug of %s", component)
		}
	}
}

// TestVersions: patches of older minor versions, minor versions that were never repaired, and a first that is the last.
func TestVersions(t *testing.T) {
	for want, b := range map[string]Bug{
		"1.29.0 to 1.29.7, 1.30.0 to 1.30.3": {Since: 29, Fixed: []string{"1.29.8", "1.30.4", "1.31.0"}},
		"1.28, 1.29, 1.30.0 to 1.30.3":       {Since: 28, Fixed: []string{"1.30.4", "1.31.0"}},
		"1.28.0 to 1.28.1":                   {Since: 28, Fixed: []string{"1.28.2", "1.29.0"}},
		"1.28":                               {Since: 28, Fixed: []string{"1.29.0"}},
	} {
		if got := b.Versions(); got != want {
			t.Errorf("%v: %q, want %q", b.Fixed, got, want)
		}
	}
}
