package cli

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// testText prints the results for people; what a webhook said is escaped.
func testText(out io.Writer, all []tested) {
	for _, t := range all {
		harmed := 0
		fmt.Fprintf(out, "%s\n", report.Escape(t.Webhook))
		for _, r := range t.Results {
			if len(r.Problems) == 0 {
				fmt.Fprintf(out, "  ok    %s\n", r.Name)
				continue
			}
			harmed++
			fmt.Fprintf(out, "  FAIL  %s\n", r.Name)
			for _, line := range problemLines(r) {
				fmt.Fprintf(out, "        %s\n", report.Escape(line))
			}
		}
		fmt.Fprintf(out, "%d of %d came through unharmed\n", len(t.Results)-harmed, len(t.Results))
	}
}

func problemLines(r admission.ProbeResult) []string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, p.Kind+": "+p.Detail)
	}
	for _, op := range r.Patch {
		out = append(out, "patch: "+op)
	}
	return out
}

// The elements of a JUnit report, as pipelines read them.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func junit(out io.Writer, all []tested) error {
	suites := struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}{}
	for _, t := range all {
		suite := junitSuite{Name: t.Webhook, Tests: len(t.Results)}
		for _, r := range t.Results {
			c := junitCase{Class: t.Webhook, Name: r.Name}
			if len(r.Problems) > 0 {
				suite.Failures++
				c.Failure = &junitFailure{Message: r.Problems[0].Kind, Text: strings.Join(problemLines(r), "\n")}
			}
			suite.Cases = append(suite.Cases, c)
		}
		suites.Suites = append(suites.Suites, suite)
	}
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(out)
	enc.Indent("", "  ")
	if err := enc.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}
