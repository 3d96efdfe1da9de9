// Package print writes a report, one file per format. A printer knows no check and decides nothing: not the
// verdict, not the exit code.
package print

import (
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// Options is what a printer may know of the place it prints to.
type Options struct {
	// Width is the number of columns to wrap prose at; 0 does not wrap.
	Width int
	// Color allows ANSI colors.
	Color bool
	// Unicode allows characters beyond ASCII in what the printer itself says.
	Unicode bool
	// Limit is the most bytes that a page of Markdown may have; 0 is no limit. What is left out is
	// counted on the page.
	Limit int
}

// A Printer writes a report. It knows no check and decides nothing.
type Printer func(w io.Writer, r *report.Report, o Options) error

// A Format is a printer with the name that the user asks for it by.
type Format struct {
	Name  string
	Print Printer
	// Fleet writes the reports of several clusters as one document; nil where a format cannot.
	Fleet FleetPrinter
	// Annotates says that a CI service picks the format's lines out of a log, wherever they stand:
	// it may share stdout with another.
	Annotates bool
}

// Formats is every output format, the default first.
var Formats = []Format{
	{Name: "text", Print: escaped(text), Fleet: escapedFleet(fleetText)},
	{Name: "wide", Print: escaped(wide), Fleet: escapedFleet(fleetWide)},
	{Name: "short", Print: escaped(shortForm), Fleet: escapedFleet(fleetShort)},
	{Name: "markdown", Print: escaped(markdown), Fleet: escapedFleet(fleetMarkdown)},
	{Name: "html", Print: escaped(htmlDocument), Fleet: escapedFleet(fleetHTML)},
	{Name: "github", Print: escaped(annotations), Fleet: escapedFleet(fleetAnnotations), Annotates: true},
	{Name: "json", Print: escaped(jsonDocument), Fleet: escapedFleet(fleetJSON)},
	{Name: "yaml", Print: escaped(yamlDocument), Fleet: escapedFleet(fleetYAML)},
	{Name: "junit", Print: escaped(junitDocument), Fleet: escapedFleet(fleetJUnit)},
	{Name: "sarif", Print: escaped(sarifDocument), Fleet: escapedFleet(fleetSARIF)},
	{Name: "prometheus", Print: escaped(prometheusDocument), Fleet: escapedFleet(fleetPrometheus)},
	{Name: "openreports", Print: escaped(openReportsDocument), Fleet: escapedFleet(fleetOpenReports)},
}
