package pods

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
)

var suite = checktest.SuiteOf(rules(), sceneOf)

func TestChecks(t *testing.T)      { suite.Results(t) }
func TestEveryStatus(t *testing.T) { suite.EveryStatus(t) }
func TestReads(t *testing.T)       { suite.Reads(t) }
func TestNothingSeen(t *testing.T) { suite.NothingSeen(t) }
func TestMissingOnce(t *testing.T) { suite.MissingOnce(t) }
func TestListed(t *testing.T)      { suite.Listed(t, "diagnoses") }

// TestWellFormed: a finding about a pod may be explained by a check on pods or on clusters.
func TestWellFormed(t *testing.T) {
	var ids []string
	for _, c := range slices.Concat(All(), cluster.All()) {
		ids = append(ids, c.ID)
	}
	suite.WellFormed(t, ids)
}

// inText are commands, which a step has for itself.
var inText = regexp.MustCompile(`\bkubectl [a-z]|\n`)

// TestSteps: a finding and a diagnosis say what to do in steps, none of which hides a command in its text.
func TestSteps(t *testing.T) {
	for _, c := range suite.Cases(t) {
		judged := Judge(c.Snapshot, nil)
		for _, d := range judged.Diagnoses {
			wellFormedSteps(t, c.Path, d.Steps, d.Fix)
		}
		for _, r := range judged.Results {
			for _, f := range r.Outcome.Findings {
				wellFormedSteps(t, c.Path, f.Steps, f.Fix)
			}
		}
	}
}

func wellFormedSteps(t *testing.T, path string, steps []checks.Step, fix string) {
	t.Helper()
	if len(steps) == 0 || fix != checks.FixOf(steps) {
		t.Errorf("%s: no steps, or other ones than in fix %q", path, fix)
	}
	for _, s := range steps {
		if s.Text == "" && s.Command == "" || inText.MatchString(s.Text) {
			t.Errorf("%s: a step is empty, or has a command in its text: %+v", path, s)
		}
		if s.Text != "" && (s.Command == "") != strings.HasSuffix(s.Text, ".") {
			t.Errorf("%s: a text ends with a period, unless its command follows: %+v", path, s)
		}
	}
}
