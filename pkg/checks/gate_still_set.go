package checks

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The gate is gone from k8s.io/kubernetes v1.37.0 (kubernetes#137755); a component that is given a gate
// it does not know does not start ("unrecognized feature gate", component-base/featuregate). Kubelets
// are not looked at: from 1.33 on their gates are not read.
var gateStillSet = Check{
	ID:       "gate-still-set",
	Title:    "no static control plane pod sets the gate where it has no effect any more",
	Severity: Warning,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		o := Outcome{Tried: counted(len(s.ControlPlane), "static pod")}
		for _, component := range []string{apiServer, scheduler, controllerManager} {
			for _, p := range staticPods(s, component) {
				settings, err := parseGates(p.pod.FeatureGates)
				if err != nil || p.v == nil {
					o.Missing = append(o.Missing, facts.Gap{
						Kind: facts.ControlPlane, Scope: "pod/" + p.object.Name,
						Reason: fmt.Sprintf("its version (%s) or its --feature-gates (%s) is not understood", orNone(p.version), orNone(p.pod.FeatureGates)),
						Remedy: lookAt(p),
					})
					continue
				}
				if lookup(settings, facts.SidecarContainers) == nil || minor(p.effective()) < minorLocked {
					continue
				}
				o.Findings = append(o.Findings, Finding{
					Object:   p.object,
					Message:  fmt.Sprintf("--feature-gates names SidecarContainers, which is always on since 1.33 and unknown to %s: this component will not start after that upgrade", release(minorGone)),
					Evidence: p.evidence,
					Fix:      staticPodFix(component, p, minor(p.v)),
				})
			}
		}
		return o
	},
}
