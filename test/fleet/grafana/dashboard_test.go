// Package grafana_test reads deploy/fleet's dashboard with Grafana's own types, as strictly as they go.
package grafana_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const file = "../../../deploy/fleet/dashboard.json"

// read is strict and returns the panels, too. The library does not do both at once, and wraps an empty list of errors.
func read(data []byte) (*dashboard.Dashboard, error) {
	var list cog.BuildErrors
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(data); !errors.As(err, &list) || len(list) > 0 {
		return nil, err
	}
	d := new(dashboard.Dashboard)
	return d, json.Unmarshal(data, d)
}

// TestDashboard: every field, of the dashboard, its panels with their options and its queries, is one that Grafana
// has; no two panels have an id, and none lies on another.
func TestDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	ids := map[uint32]bool{}
	taken := map[[2]uint32]bool{}
	for _, p := range d.Panels {
		if p.Panel == nil {
			t.Fatal("a row: not looked into")
		}
		if ids[*p.Panel.Id] || len(p.Panel.Targets) == 0 || p.Panel.Title == nil {
			t.Errorf("panel %d: an id of its own, a title, a query", *p.Panel.Id)
		}
		ids[*p.Panel.Id] = true
		at := p.Panel.GridPos
		if at.X+at.W > 24 {
			t.Errorf("panel %d is wider than the page", *p.Panel.Id)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if taken[[2]uint32{x, y}] {
					t.Fatalf("panel %d lies on another", *p.Panel.Id)
				}
				taken[[2]uint32{x, y}] = true
			}
		}
	}
	if len(ids) < 5 {
		t.Errorf("only %d panels", len(ids))
	}
}

// TestStrict: a field that Grafana does not have is found, in a panel's options, too.
func TestStrict(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"gridPos"`, `"colorMode"`, `"editorMode"`, `"schemaVersion"`} {
		wrong := bytes.Replace(data, []byte(field), []byte(`"noSuchField"`), 1)
		if bytes.Equal(wrong, data) || !json.Valid(wrong) {
			t.Fatalf("%s is not in the file", field)
		}
		if _, err := read(wrong); err == nil {
			t.Errorf("without %s it is taken", field)
		}
	}
}
