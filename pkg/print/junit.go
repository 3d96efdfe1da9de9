package print

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// junitDocument is for the test tab of a CI service: a suite for each category, a case for each
// check, named by its id. A failure is a finding and an error is what could not be told; both only
// where the caller's gate closes for it, so that the tab and the exit code say the same.
func junitDocument(w io.Writer, r *report.Report, _ Options) error {
	return WriteJUnit(w, "kubectl sidecar "+commandOf(r), junitSuites(r))
}

func junitSuites(r *report.Report) []junit.Testsuite {
	var all junit.Testsuites
	suite := func(name string) *junit.Testsuite {
		at := slices.IndexFunc(all.Suites, func(s junit.Testsuite) bool { return s.Name == name })
		if at < 0 {
			at = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite(r, name))
		}
		return &all.Suites[at]
	}
	for _, e := range r.Checks {
		if len(e.Findings) == 0 || e.Findings[0].Place.File == "" {
			suite(string(e.Category)).AddTestcase(junitCase(r, e))
			continue
		}
		for _, f := range e.Findings { // about manifests: a suite for each file, a case for each place
			alone := e
			alone.Findings = []checks.Finding{f}
			c := junitCase(r, alone)
			c.Name = fmt.Sprintf("%s %s", e.ID, f.Place)
			of := suite(f.Place.File)
			of.File = f.Place.File
			of.AddTestcase(c)
		}
	}
	if len(all.Suites) == 0 {
		suite := junitSuite(r, commandOf(r))
		suite.AddTestcase(junit.Testcase{
			Name: "verdict", Classname: junitClass(commandOf(r)), Error: &junit.Result{Message: r.Summary, Type: string(report.Unknown)},
		})
		all.Suites = append(all.Suites, suite)
	}
	var waivers []string
	for _, w := range idle(r) {
		waivers = append(waivers, waiverLine(w))
	}
	if len(waivers) > 0 {
		all.Suites[0].SystemOut = &junit.Output{Data: strings.Join(waivers, "\n")}
	}
	return all.Suites
}

// WriteJUnit writes suites as one document, with the totals. Text has to be escaped before: XML 1.0
// has no way to write a control character.
func WriteJUnit(w io.Writer, name string, suites []junit.Testsuite) error {
	all := junit.Testsuites{Name: name}
	for i, s := range suites {
		s.ID, s.Time = i, "0"
		all.AddSuite(s)
	}
	all.Skipped = 0 // Jenkins' schema has this total on suites only
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ") // the library's own method indents with tabs, and says nothing of the encoding
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitSuite(r *report.Report, name string) junit.Testsuite {
	s := junit.Testsuite{Name: name}
	if !r.TakenAt.IsZero() {
		s.SetTimestamp(r.TakenAt.UTC().Truncate(time.Second))
	}
	s.AddProperty("verdict", string(r.Verdict))
	s.AddProperty("summary", r.Summary)
	if r.Cluster.Context != "" {
		s.AddProperty("context", r.Cluster.Context)
	}
	s.AddProperty("cluster", r.Cluster.Server)
	s.AddProperty("kubernetes", r.Cluster.Version)
	s.AddProperty("kubectl-sidecar", r.Tool.Version)
	for _, limit := range r.Limits {
		s.AddProperty("limited", limit)
	}
	return s
}

// junitClass has no dot in its last part, where Jenkins ends the package.
func junitClass(category string) string {
	return "kubectl-sidecar." + strings.ReplaceAll(category, " ", "-")
}

func junitCase(r *report.Report, e report.Entry) junit.Testcase {
	c := junit.Testcase{Name: e.ID, Classname: junitClass(string(e.Category))}
	if lines := waivedLines(e); len(lines) > 0 {
		c.SystemOut = &junit.Output{Data: strings.Join(lines, "\n")}
	}
	result := &junit.Result{Message: inOneLine(e), Type: e.Severity.String()}
	switch {
	case e.Status == checks.Pass:
		c.SystemOut = &junit.Output{Data: strings.Join(append([]string{inOneLine(e)}, waivedLines(e)...), "\n")}
	case e.Status == checks.Skipped || e.Status == report.Waived:
		c.Skipped = &junit.Result{Message: inOneLine(e)}
	case e.Severity < r.ExitRuleOf().FailOn:
		result.Message = fmt.Sprintf("%s, below --fail-on %s: %s", e.Severity, r.ExitRuleOf().FailOn, result.Message)
		result.Data = inFull(e)
		c.Skipped = result
	case e.Status == checks.Fail:
		result.Data = inFull(e)
		c.Failure = result
	default:
		result.Type, result.Data = string(report.Unknown), inFull(e)
		c.Error = result
	}
	return c
}
