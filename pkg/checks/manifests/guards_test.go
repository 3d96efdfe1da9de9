package manifests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGuards: a guard without -0 is false in most managed clusters, and is named in a template that is not judged.
func TestGuards(t *testing.T) {
	for line, want := range map[string]string{
		`{{- if semverCompare ">=1.29" .Capabilities.KubeVersion.Version }}`:                          ">=1.29",
		`{{- if and .Values.native (semverCompare ">= 1.29.0" $.Capabilities.KubeVersion.Version) }}`: ">= 1.29.0",
		`{{- if semverCompare ">=1.29-0" .Capabilities.KubeVersion.Version }}`:                        "",
		`{{- if semverCompare ">=1.19" .Capabilities.KubeVersion.Version }}`:                          "",
		`{{- if semverCompare ">=1.29" .Values.appVersion }}`:                                         "",
		`{{- if .Values.native }}`: "",
	} {
		f := Parse("web.yaml", []byte("kind: Pod\nspec:\n  initContainers:\n  - name: proxy\n    "+line+"\n    restartPolicy: Always\n    {{- end }}\n"))
		var got []Skip
		for _, s := range (Input{Files: []File{f}}).Skipped() {
			if s.Place.Line > 0 {
				got = append(got, s)
			}
		}
		var wanted []Skip
		if want != "" {
			wanted = []Skip{guard{5, want}.skip("web.yaml")}
		}
		if diff := cmp.Diff(wanted, got); !f.Template || diff != "" {
			t.Errorf("%s: template %v (-want +got):\n%s", line, f.Template, diff)
		}
	}
	if got := guardsIn([]byte("{{ if semverCompare \">=1.29\" .Capabilities.KubeVersion.Version }}\nkind: Ingress\n")); got != nil {
		t.Errorf("%v is not about sidecars", got)
	}
}
