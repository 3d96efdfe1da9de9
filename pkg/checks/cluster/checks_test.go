package cluster

import (
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var suite = checktest.SuiteOf(rules(), sceneOf)

func TestChecks(t *testing.T)      { suite.Results(t) }
func TestEveryStatus(t *testing.T) { suite.EveryStatus(t) }
func TestReads(t *testing.T)       { suite.Reads(t) }
func TestNothingSeen(t *testing.T) { suite.NothingSeen(t) }
func TestMissingOnce(t *testing.T) { suite.MissingOnce(t) }
func TestListed(t *testing.T)      { suite.Listed(t, "table") }

// TestWellFormed: what explains a finding about a cluster is another check on clusters.
func TestWellFormed(t *testing.T) {
	var ids []string
	for _, c := range All() {
		ids = append(ids, c.ID)
	}
	suite.WellFormed(t, ids)
}

// TestSeenButEmpty: looked for everything, nothing there and no reason given. A cluster that shows no
// API server, no node and no canary cannot pass what is about them.
func TestSeenButEmpty(t *testing.T) {
	for _, r := range Judge(&facts.Snapshot{Seen: facts.Kinds()}, nil).Results {
		if r.Check.Category == checks.ControlPlane && r.Check.ID != gateStillSet.ID && r.Status() != checks.Unknown {
			t.Errorf("%s says %s of a snapshot without API servers", r.Check.ID, r.Status())
		}
	}
}
