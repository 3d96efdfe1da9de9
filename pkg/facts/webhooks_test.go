package facts

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

func TestMatchesPods(t *testing.T) {
	const pods = `{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}`
	for _, test := range []struct {
		name, constraints string
		want              bool
	}{
		{"pods", `{resourceRules: [` + pods + `]}`, true},
		{"everything", `{resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"], scope: "*"}]}`, true},
		{"everything and all subresources", `{resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"], scope: Namespaced}]}`, true},
		{"pods of some names", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], resourceNames: [a]}]}`, true},
		{"behind another rule", `{resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}, ` + pods + `]}`, true},
		{"updates", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}]}`, false},
		{"pods and all subresources", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: ["pods/*"]}]}`, true},
		{"a subresource", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: ["pods/binding"]}]}`, false},
		{"another group", `{resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}`, false},
		{"cluster scope", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Cluster}]}`, false},
		{"excluded", `{resourceRules: [` + pods + `], excludeResourceRules: [` + pods + `]}`, false},
		{"some excluded", `{resourceRules: [` + pods + `], excludeResourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], resourceNames: [a]}]}`, true},
		{"no rules", `{}`, false},
	} {
		var m admissionregistrationv1.MatchResources
		if err := yaml.UnmarshalStrict([]byte(test.constraints), &m); err != nil {
			t.Fatal(err)
		}
		if got := matchesPods(&m); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
	if matchesPods(nil) {
		t.Error("no constraints match pods")
	}
}

func TestRedactURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://10.0.0.1:6443/x": "https://10.0.0.1:6443/x", "https://a:b@c/d?e=f&e=g#h": "https://REDACTED@c/d?e=REDACTED&e=REDACTED",
		"https://c/hook/4f9a8c7d6e5b4a39?x": "https://c/hook/REDACTED?x=REDACTED", "https://c/mutate-core-v1-pod": "https://c/mutate-core-v1-pod",
		"https://c/%zz": "(a URL that cannot be read)", "": "",
	} {
		if got := RedactURL(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
