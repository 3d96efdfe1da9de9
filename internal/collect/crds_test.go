package collect

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func TestReduceCRD(t *testing.T) {
	with := func(fields, more string) string {
		return `{"type":"array","items":{"properties":{"image":{}` + fields + `}` + more + `}}`
	}
	schema := `{"properties":{
		"old":{"properties":{"initContainers":` + with("", "") + `}},
		"new":{"properties":{"initContainers":` + with(`,"restartPolicy":{}`, "") + `}},
		"kept":{"properties":{"initContainers":` + with("", `,"x-kubernetes-preserve-unknown-fields":true`) + `}},
		"around":{"x-kubernetes-preserve-unknown-fields":true,"properties":{"initContainers":` + with("", "") + `}},
		"deep":{"items":{"additionalProperties":{"properties":{"template":{"properties":{"initContainers":` + with("", "") + `}}}}}},
		"open":{"additionalProperties":true},
		"more":{"properties":{"extraInitContainers":` + with(`,"env":{}`, "") + `,"initPlugins":` + with("", "") + `,"sidecars":` + with(`,"env":{}`, "") + `,
			"initContainerStatuses":` + with(`,"env":{},"imageID":{}`, "") + `}},
		"anything":{"properties":{"initContainers":{"type":"array","items":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}},
		"names":{"properties":{"initContainers":{"type":"array","items":{"type":"string"}}}}
	}}`
	for _, test := range []struct {
		preserve string
		want     facts.CRDVersion
	}{
		{"false", facts.CRDVersion{Name: "v1", Served: true, Storage: true,
			Keeps:  []string{"anything.initContainers", "kept.initContainers", "new.initContainers"},
			Prunes: []string{"around.initContainers", "deep[].*.template.initContainers", "more.extraInitContainers", "old.initContainers"}}},
		{"true", facts.CRDVersion{Name: "v1", Served: true, Storage: true,
			Keeps: []string{"anything.initContainers", "kept.initContainers", "new.initContainers",
				"around.initContainers", "deep[].*.template.initContainers", "more.extraInitContainers", "old.initContainers"}}},
	} {
		var d crd
		text := `{"metadata":{"name":"g.example.com"},"spec":{"group":"example.com","names":{"kind":"G"},"preserveUnknownFields":` + test.preserve + `,
			"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":` + schema + `}},{"name":"v0","schema":{}}]}}`
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		want := facts.CRD{Name: "g.example.com", Group: "example.com", Kind: "G", Versions: []facts.CRDVersion{test.want}}
		if diff := cmp.Diff(want, reduceCRD(&d)); diff != "" {
			t.Errorf("preserveUnknownFields %s: -want +got\n%s", test.preserve, diff)
		}
	}
}

// TestConverts: a webhook converts between all versions in which objects are read, written or stored, served or not.
func TestConverts(t *testing.T) {
	for _, c := range []struct {
		versions, status string
		want             bool
	}{
		{`{"name":"v1","served":true,"storage":true}`, `{}`, false},
		{`{"name":"v1","served":true,"storage":true},{"name":"v0"}`, `{"storedVersions":["v1"]}`, false},
		{`{"name":"v1","served":true,"storage":true},{"name":"v0"}`, `{"storedVersions":["v0","v1"]}`, true},
		{`{"name":"v1","served":true},{"name":"v0","storage":true}`, `{}`, true},
		{`{"name":"v1","served":true,"storage":true},{"name":"v0","served":true}`, `{}`, true},
	} {
		var d crd
		if err := json.Unmarshal([]byte(`{"spec":{"conversion":{"strategy":"Webhook"},"versions":[`+c.versions+`]},"status":`+c.status+`}`), &d); err != nil {
			t.Fatal(err)
		}
		if got := reduceCRD(&d).Converts; got != c.want {
			t.Errorf("%s %s: converts %v", c.versions, c.status, got)
		}
	}
}
