package pods

import (
	"slices"
	"testing"

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

// TestSteps: a finding and a diagnosis say what to do in steps, none of which hides a command in its text.
func TestSteps(t *testing.T) {
	for _, c := range suite.Cases(t) {
		judged := Judge(c.Snapshot, nil)
		for _, d := range judged.Diagnoses {
			checktest.Steps(t, c.Path, d.Steps, d.Fix)
		}
		for _, r := range judged.Results {
			for _, f := range r.Outcome.Findings {
				checktest.Steps(t, c.Path, f.Steps, f.Fix)
			}
		}
	}
}
