package minimize

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReplacer(t *testing.T) {
	r := newReplacer([]name{
		{"namespace", "shop", "namespace-1"}, {"pod", "web-7d4b9c6f5-x2k8p", "pod-1"}, {"replicaset", "web-7d4b9c6f5", "replicaset-1"}, {"deployment", "web", "deployment-1"},
		{"node", "ip-10-0-0-1.ec2.internal", "node-1"}, {"image", "registry.corp/team/web:1", "registry.example/image-1:1"}, {"webhook", "inject.corp.example.com", "webhook-1.example.com"},
	})
	for in, want := range map[string]string{
		"shop": "namespace-1", "Shop": "Shop", "workshop": "workshop", "shopping": "shopping",
		"pod/shop/web-7d4b9c6f5-x2k8p":             "pod/namespace-1/pod-1",
		"web-7d4b9c6f5":                            "replicaset-1",
		"web-7d4b9c6f5-":                           "replicaset-1-",
		"web-config in web.shop.svc.cluster.local": "deployment-1-config in deployment-1.namespace-1.svc.cluster.local",
		"webhook web":                              "webhook deployment-1",
		"on ip-10-0-0-1.ec2.internal.":             "on node-1.",
		`pulling "registry.corp/team/web:1"`:       `pulling "registry.example/image-1:1"`,
		"inject.corp.example.com: über shop":       "webhook-1.example.com: über namespace-1",
		"":                                         "",
	} {
		if got := r.text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestNeutralRecordings: of every recorded snapshot that is minimized and made neutral, the answer is the same but for
// the names, and no name of the original is left but those that are returned.
func TestNeutralRecordings(t *testing.T) {
	kinds := map[string]int{}
	for file, s := range recordings(t) {
		small, answer := minimized(t, file, s)
		clean, kept, err := Neutral(small, s, answer)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		again, err := copied(clean)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if diff := cmp.Diff(answer(small, false), answer(again, false)); diff != "" {
			t.Errorf("%s: -before +after\n%s", file, diff)
		}
		out := text(t, again)
		for _, n := range namesOf(s) {
			kinds[n.class]++
			is := slices.ContainsFunc(kept, func(k Kept) bool { return k.Name == n.old })
			if strings.ContainsAny(n.old, `'"\`) || is {
				continue
			}
			if m := regexp.MustCompile(`(?m)^.*(?:^|[^A-Za-z0-9])` + regexp.QuoteMeta(n.old) + `(?:[^A-Za-z0-9]|$).*$`).FindString(out); m != "" {
				t.Errorf("%s: %s %q is left: %s", file, n.class, n.old, m)
				break
			}
		}
		for _, k := range kept {
			kinds["kept "+k.Class+" "+k.Name]++
		}
	}
	for _, class := range []string{"namespace", "node", "pod", "container", "image", "uid"} {
		if kinds[class] == 0 {
			t.Errorf("no %s was replaced", class)
		}
	}
	t.Log(kinds)
}
