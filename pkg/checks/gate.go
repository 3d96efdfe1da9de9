package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The minor versions of Kubernetes 1.x in which the SidecarContainers gate changed (KEP-753;
// pkg/features/kube_features.go of each version, versioned_kube_features.go in 1.32).
const (
	minorKnown  = facts.FirstMinor        // 1.28: alpha, off unless set
	minorLocked = facts.LastOpenMinor + 1 // 1.33: GA; told to turn it off, a component does not start
	minorGone   = 37                      // no longer known; told about it, a component does not start
)

// A Gate is the effective state of SidecarContainers in one process.
type Gate string

const (
	GateOn  Gate = "on"
	GateOff Gate = "off"
	// GateUnsupported is a process that is too old to know the gate (1.27 and older).
	GateUnsupported Gate = "unsupported"
	// GateUnknown is a process that can have it on or off: nothing that was read decides.
	GateUnknown Gate = "unknown"
)

// JudgeGate decides the state of the gate in a process of the given version. emulation is the
// version that it emulates, nil for its own. readings are what is known of its gate, in any order.
//
// A version decides up to 1.27 and from 1.33 on. In between only a reading does: a default is not
// evidence. Emulating 1.32 or older opens the lock again (component-base/featuregate: the
// specification of a gate is the one at the emulated version).
func JudgeGate(v, emulation *version.Version, readings ...facts.FeatureReading) Gate {
	effective := lower(v, emulation)
	if effective != nil && minor(effective) < minorKnown {
		return GateUnsupported
	}
	locked := effective != nil && minor(effective) >= minorLocked
	for _, r := range byDirectness(readings) {
		if r.Enabled == nil || locked && r.Source == facts.SourceProbe {
			// A probe sees the field go, not why: where the gate is locked, somebody else took it.
			continue
		}
		if *r.Enabled {
			return GateOn
		}
		return GateOff
	}
	if locked {
		return GateOn // also without the series: the gate is removed some versions after its lock
	}
	return GateUnknown
}

// directness ranks the sources of a reading, the most direct first.
var directness = []facts.Source{facts.SourceMetrics, facts.SourceConfigz, facts.SourceFlags, facts.SourceProbe}

func byDirectness(readings []facts.FeatureReading) []facts.FeatureReading {
	return slices.SortedStableFunc(slices.Values(readings), func(a, b facts.FeatureReading) int {
		return cmp.Compare(slices.Index(directness, a.Source), slices.Index(directness, b.Source))
	})
}

// quote is a reading as evidence. All but metric lines say themselves what they are.
func quote(r facts.FeatureReading) string {
	if r.Source == facts.SourceMetrics {
		return "/metrics: " + r.Evidence
	}
	return r.Evidence
}

// parseVersion is [facts.ParseVersion] of a text that may have space around it.
func parseVersion(s string) *version.Version { return facts.ParseVersion(strings.TrimSpace(s)) }

// parseEmulation reads the version of component kube from "1.32" (a server's own words) or from the
// value of --emulated-version, a list such as "kube=1.32,wardle=1.1"
// (component-base/compatibility/registry.go). It returns nil when there is none.
func parseEmulation(s string) *version.Version {
	for part := range strings.SplitSeq(s, ",") {
		component, v, found := strings.Cut(part, "=")
		if !found {
			component, v = "kube", part
		}
		if strings.TrimSpace(component) == "kube" {
			return parseVersion(v)
		}
	}
	return nil
}

func minor(v *version.Version) int { return int(v.Minor()) }

// lower returns the older of two versions; nil counts as absent.
func lower(a, b *version.Version) *version.Version {
	if a == nil || b != nil && b.LessThan(a) {
		return b
	}
	return a
}

// emulates reports whether a process of version v behaves as an older minor version.
func emulates(v, emulation *version.Version) bool {
	return v != nil && emulation != nil && minor(emulation) < minor(v)
}

// release is a minor version as people write it.
func release(minor int) string { return fmt.Sprintf("1.%d", minor) }

// counted is a number with its noun: "1 node", "2 nodes".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
