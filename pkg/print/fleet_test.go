package print

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// Contexts as clouds make them, and as somebody makes them who wants a terminal or a CI service to obey.
const (
	arn     = "arn:aws:eks:eu-central-1:123456789012:cluster/prod"
	gke     = "gke_acme-prod_europe-west1_shop.main"
	hostile = "::error::x\n\x1b[31m##[error]<b>|`a`\u202e"
)

// few are some of the checks: the files with what is printed must not change with every new one.
func few(all []checks.Check) []checks.Check {
	return slices.DeleteFunc(slices.Clone(all), func(c checks.Check) bool { return !slices.Contains(fewIDs, c.ID) })
}

var fewIDs = []string{"apiserver-gate-off", "kubelet-gate-off", "webhook-strips-restart-policy", "startup-probe-failing", "sidecar-crash-looping"}

// doctorFleet is a fleet of everything: not ready, ready, unknown, waived, not reached, and a hostile name.
func doctorFleet(t *testing.T) *report.Fleet {
	t.Helper()
	var list []*report.Report
	for _, c := range []struct{ dir, context string }{
		{"ready", arn}, {"not-ready", gke}, {"unknown", "edge-1"}, {"waived", "edge-2"}, {"markup", hostile}, {"not-ready", "staging"},
	} {
		r := readReport(t, "testdata/"+c.dir+"/report.json")
		r.Summary = report.Summarize(r)
		r.Cluster.Context = c.context
		r.Obey(report.ExitRule{FailOn: checks.Error, Exit: r.ExitCode(checks.Error)})
		list = append(list, r)
	}
	far := report.Unreachable("doctor", report.Cluster{Context: "far", Server: "https://203.0.113.7:6443"}, few(cluster.All()), func(id string) bool { return id != "kubelet-gate-off" },
		report.Unreached{Reason: "connection refused", Remedy: "is it running?"}, "v0.1.0")
	return report.NewFleet("doctor", append(list, far), "v0.1.0")
}

func whyFleet(t *testing.T) *report.Fleet {
	t.Helper()
	var list []*report.Report
	for _, context := range []string{arn, hostile, "edge-1"} {
		r := whyOf(t, "testdata/why/snapshot.yaml")
		r.Cluster.Context = context
		r.Checks = slices.DeleteFunc(r.Checks, func(e report.Entry) bool { return !slices.Contains(fewIDs, e.ID) })
		if context == "edge-1" {
			r.Diagnoses[0].RootCause, r.Diagnoses[0].Message = "", "nothing that was seen explains it"
			r.Verdict = report.Unknown
		}
		list = append(list, r)
	}
	far := report.Unreachable("why", report.Cluster{Context: "far"}, few(pods.All()), func(string) bool { return true }, report.Unreached{Reason: "connection refused"}, "v0.1.0")
	return report.NewFleet("why", append(list, far), "v0.1.0")
}

func fleetPrinter(t *testing.T, formats []Format, name string) FleetPrinter {
	t.Helper()
	for _, f := range formats {
		if f.Name == name {
			return f.Fleet
		}
	}
	t.Fatalf("no format %q", name)
	return nil
}

// TestFleetFormats prints a fleet in every format that a single report has.
func TestFleetFormats(t *testing.T) {
	for _, test := range []struct {
		dir     string
		formats []Format
		fleet   *report.Fleet
	}{{"fleet", Formats, doctorFleet(t)}, {"fleet_why", WhyFormats, whyFleet(t)}} {
		for _, v := range variants {
			if !slices.ContainsFunc(test.formats, func(f Format) bool { return f.Name == v.format }) {
				continue
			}
			var out bytes.Buffer
			if err := fleetPrinter(t, test.formats, v.format)(&out, test.fleet, v.options); err != nil {
				t.Fatalf("%s: %v", v.format, err)
			}
			file := v.file
			if v.format == "openreports" {
				file = "openreports-list.yaml" // several objects
			}
			golden(t, filepath.Join("testdata", test.dir, file), out.Bytes())
			if at := obeyed(out.Bytes()); at >= 0 && !v.options.Color {
				t.Errorf("%s: a terminal would obey %q", v.file, out.Bytes()[max(at-40, 0):min(at+40, out.Len())])
			}
		}
	}
}

// TestFleetSchema validates the lists, as a reader would, and with copies of the schemas that allow nothing besides.
func TestFleetSchema(t *testing.T) {
	plans := plan.NewFleet([]*plan.Plan{fullPlan(), plan.Unreachable(hostile, "https://x", plan.Unreached{Reason: "a\nb", Remedy: "c\nd"}, "v1")}, "v1")
	fleet := doctorFleet(t)
	before := report.NewFleet("doctor", fleet.Items[:4], "v1")
	after := report.NewFleet("doctor", fleet.Items[1:], "v1")
	for name, print := range map[string]func(io.Writer) error{
		"reports": func(w io.Writer) error { return fleetPrinter(t, Formats, "json")(w, fleet, Options{}) },
		"reports of why": func(w io.Writer) error {
			return fleetPrinter(t, WhyFormats, "json")(w, whyFleet(t), Options{})
		},
		"reports of nothing": func(w io.Writer) error {
			return fleetPrinter(t, Formats, "json")(w, report.NewFleet("doctor", nil, "v1"), Options{})
		},
		"reports of lint": func(w io.Writer) error {
			r := report.Unreachable("lint", report.Cluster{Context: "a"}, cluster.All(), func(string) bool { return true }, report.Unreached{Reason: "no"}, "v1")
			return fleetPrinter(t, Formats, "json")(w, report.NewFleet("lint", []*report.Report{r}, "v1"), Options{})
		},
		"plans": func(w io.Writer) error { return PlanFleet(w, plans, "json") },
		"diffs": func(w io.Writer) error {
			return FleetDiff(w, report.CompareFleets(before, after, "a", "b\n", "v1"), "json", Options{})
		},
	} {
		var out bytes.Buffer
		if err := print(&out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		document, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		file, _, _ := strings.Cut(name, " ")
		if err := errors.Join(listSchema(t, file, false).Validate(document), listSchema(t, file, true).Validate(document)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		document.(map[string]any)["items"] = nil
		if listSchema(t, file, false).Validate(document) == nil {
			t.Errorf("%s: null items are accepted", name)
		}
	}
}

// listSchema is the schema of a list, which refers to those of its items.
func listSchema(t *testing.T, name string, strict bool) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, file := range []string{"report", "reports", "plan", "plans", "diff", "diffs"} {
		document := readJSON(t, "../../docs/schema/"+file+".v1.json")
		if strict {
			document = closed(document)
		}
		if err := c.AddResource("https://kubectl-sidecar.dev/schema/"+file+".v1.json", document); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("https://kubectl-sidecar.dev/schema/" + name + ".v1.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestFleetPages: no text of a cluster or a kubeconfig is markup; on the page of HTML every id is there once, and every
// link leads somewhere.
func TestFleetPages(t *testing.T) {
	for _, test := range []struct {
		formats []Format
		fleet   *report.Fleet
	}{{Formats, doctorFleet(t)}, {WhyFormats, whyFleet(t)}} {
		var page bytes.Buffer
		if err := fleetPrinter(t, test.formats, "markdown")(&page, test.fleet, Options{}); err != nil {
			t.Fatal(err)
		}
		inert(t, page.Bytes())
		page.Reset()
		if err := fleetPrinter(t, test.formats, "markdown")(&page, test.fleet, Options{Limit: 3000}); err != nil || page.Len() > 3000 {
			t.Errorf("%d bytes, %v", page.Len(), err)
		}
		page.Reset()
		if err := fleetPrinter(t, test.formats, "html")(&page, test.fleet, Options{}); err != nil {
			t.Fatal(err)
		}
		document, err := html.Parse(&page)
		if err != nil {
			t.Fatal(err)
		}
		ids, links := map[string]int{}, []string{}
		tiles := 0
		for n := range document.Descendants() {
			if n.Data == "b" || n.Data == "script" {
				t.Errorf("text became element %s", n.Data)
			}
			for _, a := range n.Attr {
				switch {
				case a.Key == "id":
					ids[a.Val]++
				case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
					links = append(links, a.Val[1:])
				case a.Key == "class" && strings.HasPrefix(a.Val, "tile "):
					tiles++
				}
			}
		}
		for id, n := range ids {
			if n > 1 {
				t.Errorf("id %s %d times", id, n)
			}
		}
		for _, l := range links {
			if ids[l] == 0 {
				t.Errorf("a link to #%s leads nowhere", l)
			}
		}
		if tiles != len(test.fleet.Clusters) {
			t.Errorf("%d tiles", tiles)
		}
	}
}

// TestFleetHostile writes attacks into every place of a fleet: nothing obeys them.
func TestFleetHostile(t *testing.T) {
	for _, attack := range append(attacks, strings.Join(attacks, "\n")) {
		for _, fleet := range []func(*testing.T) *report.Fleet{doctorFleet, whyFleet} {
			f := fleet(t)
			command := f.Command
			poison(reflect.ValueOf(f), attack)
			f.Command = command
			formats := Formats
			if command == "why" {
				formats = WhyFormats
			}
			for _, format := range formats {
				if format.Fleet == nil || format.Name != "markdown" && !strings.Contains(attack, "\n") {
					continue // one by one only where words are told apart
				}
				var out bytes.Buffer
				if err := format.Fleet(&out, f, Options{Width: 80, Unicode: true}); err != nil {
					t.Fatalf("%s: %v", format.Name, err)
				}
				if at := obeyed(out.Bytes()); at >= 0 {
					t.Errorf("%s: a terminal would obey %q", format.Name, out.Bytes()[max(at-40, 0):min(at+40, out.Len())])
				}
				if format.Name == "markdown" {
					inert(t, out.Bytes())
				}
				for line := range strings.Lines(out.String()) {
					if c, command := runner(line); command && format.Name != "github" {
						t.Errorf("%s: a command for GitHub: %+v", format.Name, c)
					}
				}
			}
		}
	}
}

// TestFleetAnnotations: what the runner reads, and as few as it shows.
func TestFleetAnnotations(t *testing.T) {
	f := doctorFleet(t)
	print := func(w io.Writer, _ *report.Report, o Options) error {
		return fleetPrinter(t, Formats, "github")(w, f, o)
	}
	levels := map[string]int{}
	for _, c := range commandsOf(t, print, nil) {
		levels[c.name]++
		if !slices.Contains(annotationLevels, c.name) || c.properties["title"] == "" {
			t.Errorf("command %+v", c)
		}
	}
	for level, n := range levels {
		if n > shownAnnotations {
			t.Errorf("%d of level %s", n, level)
		}
	}
}

// TestFleetShort: fifteen lines, whatever there is to say.
func TestFleetShort(t *testing.T) {
	var many []*report.Report
	for range 30 {
		many = append(many, doctorFleet(t).Items...)
	}
	for _, f := range []*report.Fleet{doctorFleet(t), whyFleet(t), report.NewFleet("doctor", many, "v1")} {
		var out bytes.Buffer
		if err := escapedFleet(fleetShort)(&out, f, Options{Unicode: true}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\n"); n > 15 {
			t.Errorf("%d lines:\n%s", n, &out)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
			t.Errorf("not ASCII: %q", out.String())
		}
	}
}

// TestFleetPrintersChangeNothing: a list goes to several outputs.
func TestFleetPrintersChangeNothing(t *testing.T) {
	f, same := doctorFleet(t), doctorFleet(t)
	for _, format := range Formats {
		if err := format.Fleet(io.Discard, f, Options{Width: 80}); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(f, same) {
			t.Fatalf("%s: %s", format.Name, cmp.Diff(same, f))
		}
	}
}
