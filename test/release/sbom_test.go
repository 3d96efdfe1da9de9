package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSBOM: each bill of materials is one by CycloneDX's own schema, and lists what is in the binary,
// neither more nor less.
func TestSBOM(t *testing.T) {
	schema := cycloneDX(t)
	for _, r := range released {
		t.Run(r.os+"/"+r.arch, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dist(t), fmt.Sprintf("kubectl-sidecar_%s_%s.sbom.json", r.os, r.arch)))
			if err != nil {
				t.Fatal(err)
			}
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(document); err != nil {
				t.Errorf("%#v", err)
			}
			var bill struct {
				SerialNumber string `json:"serialNumber"`
				Metadata     struct {
					Timestamp string `json:"timestamp"`
					Component struct{ Name, Version, PURL string }
				} `json:"metadata"`
				Components []struct{ Name, Version string } `json:"components"`
			}
			if err := json.Unmarshal(text, &bill); err != nil {
				t.Fatal(err)
			}
			if bill.SerialNumber != "" || bill.Metadata.Timestamp != "" {
				t.Errorf("serial number %q and time %q are of one build only", bill.SerialNumber, bill.Metadata.Timestamp)
			}
			const module = "github.com/kubectl-sidecar/kubectl-sidecar"
			want := struct{ Name, Version, PURL string }{module, version,
				fmt.Sprintf("pkg:golang/%s@%s?goarch=%s&goos=%s&type=module#cmd/kubectl-sidecar", module, version, r.arch, r.os)}
			if bill.Metadata.Component != want {
				t.Errorf("it is of %+v, want %+v", bill.Metadata.Component, want)
			}
			var got []string
			for _, c := range bill.Components {
				got = append(got, c.Name+"@"+c.Version)
			}
			slices.Sort(got)
			_, data := unpack(t, filepath.Join(dist(t), r.archive))
			if diff := cmp.Diff(dependencies(t, data[r.binary]), got); diff != "" {
				t.Errorf("components (-binary +bill):\n%s", diff)
			}
		})
	}
}

// cycloneDX is the schema of CycloneDX 1.6, from the module that the bills are written with.
func cycloneDX(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const site = "http://cyclonedx.org/schema/"
	dir := filepath.Join(moduleDir(t, "hack/release/sbom", "github.com/CycloneDX/cyclonedx-go"), "schema")
	compiler := jsonschema.NewCompiler()
	for name, file := range map[string]string{
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(site+name, document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := compiler.Compile(site + "bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// moduleDir is where the files of a module are that the go.mod in dir requires.
func moduleDir(t *testing.T, dir, module string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = filepath.Join(top, dir)
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v\n%s", module, err, out)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil || !strings.Contains(m.Dir, "@") {
		t.Fatalf("go mod download %s: %v\n%s", module, err, out)
	}
	return m.Dir
}
