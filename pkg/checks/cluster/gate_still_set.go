package cluster

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The gate is gone from k8s.io/kubernetes v1.37.0 (kubernetes#137755); a component that is given a gate
// it does not know does not start ("unrecognized feature gate", component-base/featuregate). Kubelets
// are not looked at: from 1.33 on their gates are not read.
var gateStillSet = rule{
	Check: checks.Check{
		ID:       "gate-still-set",
		Title:    "no control plane static pod still sets the locked SidecarContainers gate",
		Severity: checks.Warning,
		Category: checks.ControlPlane,
		Needs:    []facts.Kind{facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		o := checks.Outcome{Tried: prose.Counted(len(s.ControlPlane), "static pod")}
		for _, component := range []string{APIServer, Scheduler, controllerManager} {
			for _, p := range StaticPods(s.Snapshot, component) {
				settings, err := gate.ParseFlag(p.pod.FeatureGates)
				if err != nil || p.v == nil {
					g := p.gap(facts.ControlPlane, lookAt(p))
					g.Reason = fmt.Sprintf("its version (%s) or its --feature-gates (%s) is not understood", prose.OrNone(p.version), prose.OrNone(p.pod.FeatureGates))
					o.Missing = append(o.Missing, g)
					continue
				}
				if !settings.Named() || gate.Minor(p.effective()) < gate.LockedMinor {
					continue
				}
				o.Findings = append(o.Findings, checks.Finding{
					Object:   p.Object,
					Message:  fmt.Sprintf("--feature-gates names SidecarContainers, which has been locked to on since 1.33 and is unknown to %s: this component will not start after that upgrade", gate.Release(gate.GoneMinor)),
					Evidence: p.Evidence,
					Steps:    staticPodFix(component, p, gate.Minor(p.v)),
				})
			}
		}
		return o
	},
}
