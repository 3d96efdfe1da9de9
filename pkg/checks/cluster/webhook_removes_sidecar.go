package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookRemovesSidecar = rule{
	Check: checks.Check{
		ID:       "webhook-removes-sidecar",
		Title:    "admission preserves init containers",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: func(s *scene) checks.Outcome {
		return changed(s, facts.Removed, "init containers are removed from pods",
			"Look in the webhook for code that replaces the whole list /spec/initContainers, and let it send patches of only what it changed.")
	},
}
