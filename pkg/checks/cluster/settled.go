package cluster

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// Settled says that gates no longer matter in a cluster: each API server and each kubelet that there is was
// seen, all have a version in which the gate is locked on or gone, and no check of a gate is open.
type Settled struct {
	// Oldest is the oldest minor version among them, "1.36": of one that emulates another, the emulated one.
	Oldest string `json:"oldest"`
	// Checks are those that have nothing left to find.
	Checks []string `json:"checks"`
}

// settled is nil where a gate can be off, or where that is not known.
func (s *scene) settled(results []checks.Result) *Settled {
	var about []string
	for _, r := range results {
		if !slices.Contains(ofGates(), r.Check.ID) {
			continue
		}
		if r.Status() != checks.Pass {
			return nil
		}
		about = append(about, r.Check.ID)
	}
	if len(about) < len(ofGates()) || s.apiServers.unseen() > 0 || len(s.nodes) == 0 {
		return nil
	}
	if len(s.apiServers.Seen) == 0 {
		return nil
	}
	var all []*version.Version
	for _, p := range s.apiServers.Seen {
		all = append(all, p.effective())
	}
	for i := range s.nodes {
		all = append(all, s.nodes[i].Version)
	}
	oldest := all[0]
	for _, v := range all {
		if v == nil || gate.Minor(v) < gate.LockedMinor {
			return nil
		}
		oldest = gate.Lower(oldest, v)
	}
	return &Settled{Oldest: gate.Release(gate.Minor(oldest)), Checks: about}
}

// ofGates are the checks of versions and gates that can find nothing from 1.33 on.
func ofGates() []string {
	return []string{
		apiserverTooOld.ID, apiserverGateOff.ID, schedulerTooOld.ID, schedulerGateOff.ID,
		controllerManagerTooOld.ID, controllerManagerGateOff.ID, kubeletTooOld.ID, kubeletGateOff.ID, sidecarsAlpha.ID,
	}
}
