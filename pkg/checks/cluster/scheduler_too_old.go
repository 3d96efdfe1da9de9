package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A scheduler up to 1.27 decodes a sidecar as an ordinary init container, of which it takes the
// largest request instead of adding it (k8s.io/kubernetes pkg/api/v1/resource/helpers.go).
var schedulerTooOld = rule{
	Check: checks.Check{
		ID:       "scheduler-too-old",
		Title:    "every kube-scheduler is 1.28 or later",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: tooOld(Scheduler,
		"this kube-scheduler is older than 1.28: it does not add a sidecar's requests to the pod's, and assigns pods to nodes on which they do not fit"),
}
