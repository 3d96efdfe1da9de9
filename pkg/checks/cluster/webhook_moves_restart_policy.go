package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookMovesRestartPolicy = rule{
	Check: checks.Check{
		ID:       "webhook-moves-restart-policy",
		Title:    "admission preserves the order of init containers, and which of them have restartPolicy",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: func(s *scene) checks.Outcome {
		return changed(s, facts.Moved, "the wrong init container becomes the native sidecar",
			"Let the webhook look up containers by name before it builds its patch: a patch by index hits another container once somebody has inserted one.")
	},
}
