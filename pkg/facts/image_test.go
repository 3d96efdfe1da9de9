package facts

import "testing"

func TestSplitImage(t *testing.T) {
	for image, want := range map[string][3]string{
		"proxy":                                {"proxy", "", "proxy"},
		"proxy:v1":                             {"proxy", "v1", "proxy"},
		"mesh/proxy:v1@sha256:0123":            {"mesh/proxy", "v1", "proxy"},
		"registry.example:5000/mesh/proxy":     {"registry.example:5000/mesh/proxy", "", "proxy"},
		"registry.example:5000/mesh/proxy:1.2": {"registry.example:5000/mesh/proxy", "1.2", "proxy"},
		"":                                     {"", "", ""},
	} {
		repository, tag := SplitImage(image)
		if got := [3]string{repository, tag, ImageName(image)}; got != want {
			t.Errorf("%q: %q, want %q", image, got, want)
		}
	}
}
