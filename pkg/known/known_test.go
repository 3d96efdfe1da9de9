package known

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestData proves that every entry is complete, founded, and can be recognized.
func TestData(t *testing.T) {
	for _, w := range Webhooks() {
		founded(t, "webhook "+w.ID, w.Software, w.Evidence, w.Sources)
		recognizable(t, w.ID, w.Recognize)
		if w.What == "" || strings.HasSuffix(w.What, ".") || strings.HasSuffix(w.Remedy, ".") || strings.HasSuffix(w.OnlyWhen, ".") {
			t.Errorf("%s: what is missing, or a text ends with a period", w.ID)
		}
		through, fixed := parses(t, w.ID, w.Through), parses(t, w.ID, w.Fixed)
		if through != nil && fixed != nil && !through.LessThan(fixed) {
			t.Errorf("%s: through %s, fixed %s", w.ID, w.Through, w.Fixed)
		}
		if w.Through != "" && w.Fixed == "" && w.Remedy == "" {
			t.Errorf("%s: no good version, and no other remedy", w.ID)
		}
	}
	for _, c := range crds() {
		founded(t, "crd "+c.CRD, c.Software, c.Evidence, c.Sources)
		if c.Through == "" || c.Fixed == "" || !strings.Contains(c.CRD, ".") {
			t.Errorf("%s: incomplete", c.CRD)
		}
	}
	for _, i := range Injectors() {
		founded(t, "injector "+i.ID, i.Software, i.Evidence, i.Sources)
		recognizable(t, i.ID, i.Recognize)
		wholeInjector(t, i)
	}
	for _, c := range Sidecars() {
		founded(t, "sidecar "+c.ID, c.Name, c.Evidence, c.Sources)
		if bad := slices.ContainsFunc(c.Containers, func(p string) bool { _, err := path.Match(p, ""); return err != nil }); bad || len(c.Containers) == 0 {
			t.Errorf("sidecar %s: containers %q", c.ID, c.Containers)
		}
		if c.Evidence == Inferred && (c.Quit != nil || c.Ready != nil || c.Native != "" || c.Bind != "" || c.Wait != "" || len(c.Exec)+len(c.Open) > 0) {
			t.Errorf("sidecar %s: states more than a customary name, and nobody confirmed it", c.ID)
		}
		for _, e := range []*Endpoint{c.Quit, c.Ready} {
			if e != nil && (e.Port <= 0 || !strings.HasPrefix(e.Path, "/")) {
				t.Errorf("sidecar %s: endpoint %+v", c.ID, *e)
			}
		}
		for _, o := range c.Open {
			if o.Port <= 0 || !strings.HasPrefix(o.Path, "/") || len(o.Args) == 0 {
				t.Errorf("sidecar %s: opening %+v", c.ID, o)
			}
		}
	}
	for _, g := range schedulingGates() {
		founded(t, "scheduling gate "+g.ID, g.Software, g.Evidence, g.Sources)
		if len(g.Gates) == 0 || !strings.HasPrefix(g.Removes, "when ") || strings.HasSuffix(g.Removes, ".") {
			t.Errorf("scheduling gate %s: incomplete, or a text ends with a period", g.ID)
		}
	}
	if SchedulingGateOf("kueue.x-k8s.io/admission") == nil || SchedulingGateOf("example.com/approval") != nil {
		t.Error("scheduling gates: the wrong ones are known")
	}
	if len(Webhooks()) < 30 || len(crds()) < 13 || len(Injectors()) < 13 || len(Sidecars()) < 26 {
		t.Errorf("only %d webhooks, %d CRDs, %d injectors, %d sidecars", len(Webhooks()), len(crds()), len(Injectors()), len(Sidecars()))
	}
}

// TestMeshes: every mesh can be recognized, and says how to do without what it does.
func TestMeshes(t *testing.T) {
	for _, m := range Meshes() {
		founded(t, "mesh "+m.ID, m.Name, m.Evidence, m.Sources)
		if len(m.Proxies) == 0 || len(m.Inits) == 0 || m.UID == 0 || m.Bypass == "" || len(m.Bypasses) == 0 || m.Skip == "" || m.OS == "" {
			t.Errorf("mesh %s is not complete: %+v", m.ID, m)
		}
		if len(m.Checks) > 0 && (m.Code == 0 || m.Means == "" || m.Agent == "") {
			t.Errorf("mesh %s: what do %s say?", m.ID, m.Checks)
		}
		for _, name := range slices.Concat(m.Inits, m.Checks) {
			if got := MeshOfInit(name); got == nil || got.ID != m.ID {
				t.Errorf("%s is of %v, want %s", name, got, m.ID)
			}
		}
		for _, name := range m.Proxies {
			if got := MeshOfProxy(name); got == nil || got.ID != m.ID || SidecarOf(name, "") == nil {
				t.Errorf("%s is of %v, want %s", name, got, m.ID)
			}
		}
	}
	if len(Meshes()) < 2 || MeshOfInit("istio-proxy") != nil || MeshOfProxy("istio-init") != nil {
		t.Errorf("%d meshes, or an init container is a proxy", len(Meshes()))
	}
}

// TestIDs: an entry is named once; the same software may be in two lists.
func TestIDs(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	lists := map[string][]string{}
	for _, w := range Webhooks() {
		lists["webhooks"] = append(lists["webhooks"], w.ID)
	}
	for _, i := range Injectors() {
		lists["injectors"] = append(lists["injectors"], i.ID)
	}
	for _, c := range Sidecars() {
		lists["sidecars"] = append(lists["sidecars"], c.ID)
	}
	for name, ids := range lists {
		for i, id := range ids {
			if !kebab.MatchString(id) || slices.Contains(ids[:i], id) {
				t.Errorf("%s: %q is not kebab-case, or is there twice", name, id)
			}
		}
	}
	for i, c := range crds() {
		if slices.ContainsFunc(crds()[:i], func(other CRD) bool { return other.CRD == c.CRD }) {
			t.Errorf("%s is there twice", c.CRD)
		}
	}
}

func founded(t *testing.T, entry, software string, e Evidence, sources []Source) {
	t.Helper()
	if software == "" || len(sources) == 0 {
		t.Errorf("%s: no software or no source", entry)
	}
	if !slices.Contains([]Evidence{Reported, VendorDoc, Code, Inferred}, e) {
		t.Errorf("%s: evidence %q", entry, e)
	}
	for i, s := range sources {
		if u, err := url.Parse(s.URL); err != nil || u.Scheme != "https" || u.Host == "" {
			t.Errorf("%s: source %q is no https URL", entry, s.URL)
		}
		if slices.ContainsFunc(sources[:i], func(other Source) bool { return other.URL == s.URL }) {
			t.Errorf("%s: source %s is there twice", entry, s.URL)
		}
		if !isDate(s.Date) {
			t.Errorf("%s: source %s: date %q", entry, s.URL, s.Date)
		}
	}
}

func isDate(s string) bool {
	return slices.ContainsFunc([]string{"2006", "2006-01", time.DateOnly}, func(layout string) bool {
		_, err := time.Parse(layout, s)
		return err == nil
	})
}

// registry is the first part of an image reference that names a host.
var registry = regexp.MustCompile(`^[^/]*[.:][^/]*/`)

func recognizable(t *testing.T, id string, r Recognize) {
	t.Helper()
	if len(r.Webhooks)+len(r.Configurations)+len(r.Services)+len(r.Images) == 0 {
		t.Errorf("%s: nothing to recognize it by", id)
	}
	for _, image := range r.Images {
		if registry.MatchString(image) || strings.Contains(image, ":") {
			t.Errorf("%s: image %q names a registry or a tag", id, image)
		}
	}
	for _, name := range slices.Concat(r.Webhooks, r.Configurations, r.Services) {
		if _, err := path.Match(name, "x"); err != nil || strings.ContainsAny(name, " ()<>/") || strings.Trim(name, "*") == "" {
			t.Errorf("%s: %q is neither a name nor a pattern (%v)", id, name, err)
		}
		// Names that generators of code give to webhooks of anybody.
		if strings.HasPrefix(name, "mpod.kb.io") {
			t.Errorf("%s: %q says nothing about the software", id, name)
		}
	}
}

func wholeInjector(t *testing.T, i Injector) {
	t.Helper()
	parses(t, i.ID, i.Minimum)
	parses(t, i.ID, i.DefaultSince)
	parses(t, i.ID, i.Needs.Server)
	parses(t, i.ID, i.Needs.Kubelets)
	if i.Enable == "" || len(i.Containers) == 0 || (i.Minimum == "") != i.Unsupported {
		t.Errorf("%s: incomplete", i.ID)
	}
	if i.DefaultSince == "" && i.Needs != (Needs{}) {
		t.Errorf("%s: needs something, but for what?", i.ID)
	}
	if !i.Unsupported && i.DefaultSince == "" && i.Overridden == "" && i.Config == nil && len(i.Settings) == 0 {
		t.Errorf("%s: what switches it on?", i.ID)
	}
	for _, c := range i.Containers {
		if _, err := path.Match(c, "x"); err != nil {
			t.Errorf("%s: %q: %v", i.ID, c, err)
		}
	}
	settings := i.Settings
	if i.Config != nil {
		if i.Config.ConfigMap == "" || i.Config.Key == "" {
			t.Errorf("%s: where is its setting?", i.ID)
		}
		settings = append(slices.Clone(settings), i.Config.Setting)
	}
	for _, s := range settings {
		if s.Name == "" || len(s.Native) == 0 || len(s.NotNative) == 0 {
			t.Errorf("%s: setting %q is incomplete", i.ID, s.Name)
		}
		for _, word := range slices.Concat(s.Native, s.NotNative, s.Automatic) {
			if word != strings.ToLower(word) || strings.Contains(word, ",") {
				t.Errorf("%s: setting %s: value %q", i.ID, s.Name, word)
			}
		}
	}
}

func parses(t *testing.T, id, v string) *version.Version {
	t.Helper()
	if v == "" {
		return nil
	}
	parsed, err := version.ParseGeneric(v)
	if err != nil {
		t.Errorf("%s: %v", id, err)
	}
	return parsed
}

func TestMatches(t *testing.T) {
	r := Recognize{Webhooks: []string{"*.w.example.com"}, Configurations: []string{"c"}, Services: []string{"hook"}, Images: []string{"team/hook"}}
	for _, test := range []struct {
		seen    Seen
		matches bool
		own     string
	}{
		{Seen{Webhook: "a.w.example.com"}, true, ""},
		{Seen{Webhook: "w.example.com"}, false, ""},
		{Seen{Configuration: "c"}, true, ""},
		{Seen{Service: "any/hook"}, true, ""},
		{Seen{Service: "hook/any"}, false, ""},
		{Seen{Images: []string{"proxy:v9", "registry.example/team/hook:v1.2.3@sha256:aa"}}, true, "v1.2.3"},
		{Seen{Images: []string{"registry.example:5000/team/hook"}}, true, ""},
		{Seen{Images: []string{"team/hook:v1"}}, true, "v1"},
		{Seen{Images: []string{"registry.example/team/not-hook:v1"}}, false, ""},
		{Seen{Images: []string{"registry.example/superteam/hook:v1"}}, false, ""},
	} {
		if got := r.Matches(test.seen); got != test.matches {
			t.Errorf("%+v: %v", test.seen, got)
		}
		tag := ""
		for _, image := range r.Own(test.seen.Images) {
			tag = facts.ImageTag(image)
		}
		if tag != test.own {
			t.Errorf("%+v: tag %q", test.seen, tag)
		}
	}
}

func TestKeepSetting(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"ENABLE_NATIVE_SIDECARS", "true", "ENABLE_NATIVE_SIDECARS=true"},
		{"ENABLE_NATIVE_SIDECARS", "Auto", "ENABLE_NATIVE_SIDECARS=auto"},
		{"ENABLE_NATIVE_SIDECARS", "s3cret", "ENABLE_NATIVE_SIDECARS=(another value)"},
		{"TOKEN", "s3cret", ""},
		{"--feature-gates", "a=s3cret,-operator.sidecarcontainers.native", "--feature-gates=-operator.sidecarcontainers.native"},
		{"--feature-gates", "a=s3cret", ""},
	} {
		got, ok := KeepSetting(test.name, test.value)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s=%s: %q, %v", test.name, test.value, got, ok)
		}
	}
}

func TestTold(t *testing.T) {
	i := Injector{Settings: []Setting{{Name: "NATIVE", Native: []string{"true"}, NotNative: []string{"false"}, Automatic: []string{"auto"}}}}
	for _, test := range []struct {
		kept  []string
		mode  Mode
		found bool
	}{
		{[]string{"OTHER=true", "NATIVE=true"}, Native, true},
		{[]string{"NATIVE=false"}, NotNative, true},
		{[]string{"NATIVE=auto"}, Automatic, true},
		{[]string{"NATIVE=" + hidden}, Undecided, true},
		{[]string{"NATIVE=false", "NATIVE=true"}, Undecided, true},
		{[]string{"OTHER=true"}, Undecided, false},
	} {
		if mode, _, found := i.Told(test.kept); mode != test.mode || found != test.found {
			t.Errorf("%q: %q, %v", test.kept, mode, found)
		}
	}
}
