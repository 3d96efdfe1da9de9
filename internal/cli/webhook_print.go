package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// testText prints the results for people; what a webhook said is escaped.
func testText(out io.Writer, all []tested) {
	for _, t := range all {
		harmed := 0
		fmt.Fprintf(out, "%s\n", print.Escape(t.Webhook))
		if t.NotTested != "" {
			fmt.Fprintf(out, "  not tested: %s\n", t.NotTested)
			continue
		}
		for _, r := range t.Results {
			if len(r.Problems) == 0 {
				fmt.Fprintf(out, "  ok    %s\n", r.Name)
				continue
			}
			harmed++
			fmt.Fprintf(out, "  FAIL  %s\n", r.Name)
			for _, line := range problemLines(r) {
				fmt.Fprintf(out, "        %s\n", print.Escape(line))
			}
		}
		fmt.Fprintf(out, "%d of %d came through unharmed\n", len(t.Results)-harmed, len(t.Results))
		if harmed == 0 && !slices.ContainsFunc(t.Results, func(r admission.ProbeResult) bool { return r.Operations > 0 }) {
			fmt.Fprintf(out, "it changed none of them, so what it does to pods that it changes is not known: give it one with --pod FILE\n")
		}
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

// junitTests has a suite for each webhook and a case for each pod that it was sent.
func junitTests(out io.Writer, all []tested) error {
	var suites []junit.Testsuite
	for _, t := range all {
		suite := junit.Testsuite{Name: print.Escape(t.Webhook)}
		if t.NotTested != "" {
			suite.AddTestcase(junit.Testcase{Classname: suite.Name, Name: "pods", Skipped: &junit.Result{Message: t.NotTested}})
		}
		for _, r := range t.Results {
			c := junit.Testcase{Classname: suite.Name, Name: print.Escape(r.Name)}
			if lines := problemLines(r); len(r.Problems) > 0 {
				for i := range lines {
					lines[i] = print.Escape(lines[i])
				}
				c.Failure = &junit.Result{Message: lines[0], Type: print.Escape(r.Problems[0].Kind), Data: strings.Join(lines, "\n")}
			}
			suite.AddTestcase(c)
		}
		suites = append(suites, suite)
	}
	return print.WriteJUnit(out, "kubectl sidecar webhook test", suites)
}
