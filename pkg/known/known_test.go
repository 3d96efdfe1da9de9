package known

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"
)

// TestData proves that every entry is complete, founded, and can be recognised.
func TestData(t *testing.T) {
	ids := map[string]bool{}
	check := func(kind, id, software string, e Evidence, sources []string) {
		t.Helper()
		if id == "" || ids[kind+id] {
			t.Errorf("%s %q: empty or twice", kind, id)
		}
		ids[kind+id] = true
		if software == "" {
			t.Errorf("%s %s: no software", kind, id)
		}
		if !slices.Contains([]Evidence{Reported, VendorDoc, Code, Inferred}, e) {
			t.Errorf("%s %s: evidence %q", kind, id, e)
		}
		if len(sources) == 0 {
			t.Errorf("%s %s: no source", kind, id)
		}
		for _, s := range sources {
			if u, err := url.Parse(s); err != nil || u.Scheme != "https" || u.Host == "" {
				t.Errorf("%s %s: source %q is no https URL", kind, id, s)
			}
		}
	}
	for _, w := range Webhooks() {
		check("webhook", w.ID, w.Software, w.Evidence, w.Sources)
		recognisable(t, w.ID, w.Recognise)
		if (w.Fixed == "") != w.Unfixed {
			t.Errorf("%s: either fixed or unfixed", w.ID)
		}
		parses(t, w.ID, w.Fixed)
	}
	for _, c := range crds() {
		check("crd", c.CRD, c.Software, c.Evidence, c.Sources)
		if c.Fixed == "" || !strings.Contains(c.CRD, ".") {
			t.Errorf("%s: incomplete", c.CRD)
		}
	}
	for _, i := range Injectors() {
		check("injector", i.ID, i.Software, i.Evidence, i.Sources)
		recognisable(t, i.ID, i.Recognise)
		parses(t, i.ID, i.Minimum)
		parses(t, i.ID, i.DefaultSince)
		if i.Enable == "" || (i.DefaultSince == "") != (i.ByDefault == "") {
			t.Errorf("%s: incomplete", i.ID)
		}
	}
	if len(Webhooks()) < 20 || len(crds()) < 10 || len(Injectors()) < 8 {
		t.Errorf("only %d webhooks, %d CRDs, %d injectors", len(Webhooks()), len(crds()), len(Injectors()))
	}
}

// registry is the first part of an image reference that names a host.
var registry = regexp.MustCompile(`^[^/]*[.:][^/]*/`)

func recognisable(t *testing.T, id string, r Recognise) {
	t.Helper()
	if len(r.Webhooks)+len(r.Services)+len(r.Images) == 0 {
		t.Errorf("%s: nothing to recognise it by", id)
	}
	for _, image := range r.Images {
		if registry.MatchString(image) || strings.Contains(image, ":") {
			t.Errorf("%s: image %q names a registry or a tag", id, image)
		}
	}
	for _, name := range append(slices.Clone(r.Webhooks), r.Services...) {
		if strings.ContainsAny(name, " ()<>*") {
			t.Errorf("%s: %q is no name", id, name)
		}
	}
}

func parses(t *testing.T, id, v string) {
	t.Helper()
	if v == "" {
		return
	}
	if _, err := version.ParseGeneric(v); err != nil {
		t.Errorf("%s: %v", id, err)
	}
}

func TestMatches(t *testing.T) {
	r := Recognise{Webhooks: []string{"w.example.com"}, Services: []string{"hook"}, Images: []string{"team/hook"}}
	for _, test := range []struct {
		webhook, service string
		images           []string
		matches          bool
		tag              string
	}{
		{"w.example.com", "", nil, true, ""},
		{"other", "any/hook", nil, true, ""},
		{"other", "any/other", []string{"registry.example/team/hook:v1.2.3@sha256:aa"}, true, "v1.2.3"},
		{"other", "", []string{"registry.example:5000/team/hook"}, true, ""},
		{"other", "", []string{"team/hook:v1"}, true, "v1"},
		{"other", "", []string{"registry.example/team/not-hook:v1"}, false, ""},
		{"other", "", []string{"registry.example/superteam/hook:v1"}, false, ""},
	} {
		if got := r.Matches(test.webhook, test.service, test.images); got != test.matches {
			t.Errorf("%+v: %v", test, got)
		}
		if tag, _ := r.Version(test.images); tag != test.tag {
			t.Errorf("%+v: tag %q", test, tag)
		}
	}
}
