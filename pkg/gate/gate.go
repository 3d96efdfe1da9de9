// Package gate has every rule on when the SidecarContainers feature gate is on in a process: what its
// version decides, and what its flags, its configuration and its metrics say.
package gate

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A State is the effective state of SidecarContainers in one process.
type State string

const (
	On  State = "on"
	Off State = "off"
	// Unsupported is a process that is too old to know the gate (1.27 and older).
	Unsupported State = "unsupported"
	// Unknown is a process that can have it on or off: nothing that was read decides.
	Unknown State = "unknown"
)

// StateOf decides the state of the gate in a process of the given version. emulation is the
// version that it emulates, nil for its own. readings are what is known of its gate, in any order.
//
// A version decides up to 1.27 and from 1.33 on. In between only a reading does: a default is not
// evidence. Emulating 1.32 or older opens the lock again (component-base/featuregate: the
// specification of a gate is the one at the emulated version).
func StateOf(v, emulation *version.Version, readings ...facts.FeatureReading) State {
	state, _ := StateAndSource(v, emulation, readings...)
	return state
}

// ByVersion is the source of a state that the version alone decides.
const ByVersion facts.Source = "version"

// StateAndSource is [StateOf] with what decides: the source of a reading, ByVersion, or "" for a state
// that is not known.
func StateAndSource(v, emulation *version.Version, readings ...facts.FeatureReading) (State, facts.Source) {
	effective := Lower(v, emulation)
	if effective != nil && Minor(effective) < FirstMinor {
		return Unsupported, ByVersion
	}
	locked := effective != nil && Minor(effective) >= LockedMinor
	for _, r := range ByDirectness(readings) {
		if r.Enabled == nil || locked && r.Source == facts.SourceProbe {
			// A probe sees the field go, not why: where the gate is locked, something else stripped it.
			continue
		}
		if *r.Enabled {
			return On, r.Source
		}
		return Off, r.Source
	}
	if locked {
		return On, ByVersion // also without the series: the gate is removed some versions after its lock
	}
	return Unknown, ""
}

// directness ranks the sources of a reading, the most direct first.
var directness = []facts.Source{facts.SourceMetrics, facts.SourceConfigz, facts.SourceFlags, facts.SourceProbe}

// ByDirectness is readings with the most direct first.
func ByDirectness(readings []facts.FeatureReading) []facts.FeatureReading {
	return slices.SortedStableFunc(slices.Values(readings), func(a, b facts.FeatureReading) int {
		return cmp.Compare(slices.Index(directness, a.Source), slices.Index(directness, b.Source))
	})
}

// OrDefault is a state, or, where that is not known, what a process of version v has when nothing sets its gate:
// off in 1.28, on from 1.29. A default is not evidence: it is for advice, not for findings. v may be nil.
func OrDefault(state State, v *version.Version) State {
	switch {
	case state != Unknown || v == nil:
		return state
	case ByDefault(Minor(v)):
		return On
	}
	return Off
}
