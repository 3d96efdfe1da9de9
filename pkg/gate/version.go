package gate

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// The minor versions of Kubernetes 1.x in which the SidecarContainers gate changed (KEP-753;
// pkg/features/kube_features.go of each version, versioned_kube_features.go in 1.32).
const (
	FirstMinor  = 28 // the first that knows it: alpha, off unless set; beta and on from 1.29
	LockedMinor = 33 // GA; told to turn it off, a component does not start
	GoneMinor   = 37 // no longer known; told about it, a component does not start
)

// ParseVersion returns nil for what is not a version of Kubernetes 1.x. Suffixes of distributions
// ("v1.29.0-eks-5e0fdde") do not make it a pre-release, as they would in semantic versioning; space
// around the text does not matter.
func ParseVersion(gitVersion string) *version.Version {
	v, err := version.ParseGeneric(strings.TrimSpace(gitVersion))
	if err != nil || v.Major() != 1 {
		return nil
	}
	return v
}

// VersionParser is a ParseVersion that parses each text once: thousands of nodes have a few versions. It
// is for one goroutine.
func VersionParser() func(string) *version.Version {
	parsed := map[string]*version.Version{}
	return func(text string) *version.Version {
		v, ok := parsed[text]
		if !ok {
			v = ParseVersion(text)
			parsed[text] = v
		}
		return v
	}
}

// MinorOf is the minor of a version of Kubernetes 1, with or without the suffix of a distribution:
// 29 for "v1.29.0-eks-5e0fdde". ok is false for everything else.
func MinorOf(gitVersion string) (minor int, ok bool) {
	v := ParseVersion(gitVersion)
	if v == nil {
		return 0, false
	}
	return int(v.Minor()), true
}

// Decides reports whether the version of a component settles the gate: it cannot be on before 1.28, and
// cannot be off from 1.33. A component that emulates an older version, which kubelets cannot, is as that
// one; emulated is "" for others. A version that cannot be read settles nothing.
func Decides(gitVersion, emulated string) bool {
	minor, ok := MinorOf(cmp.Or(emulated, gitVersion))
	return ok && (minor < FirstMinor || minor >= LockedMinor)
}

// ByDefault reports whether the SidecarContainers gate is on at a minor version when nothing
// sets it: it is beta, and on, from 1.29 (KEP-753).
func ByDefault(minor int) bool { return minor > FirstMinor }

// Group is the special gate that sets SidecarContainers at a minor version where it is not set
// by name: AllAlpha, AllBeta, or "" where the gate is not known or locked
// (component-base/featuregate/feature_gate.go, specialFeatures).
func Group(minor int) string {
	switch {
	case minor == FirstMinor:
		return "AllAlpha"
	case minor > FirstMinor && minor < LockedMinor:
		return "AllBeta"
	}
	return ""
}

// ParseEmulation reads the version of component kube from "1.32" (a server's own words) or from the
// value of --emulated-version, a list such as "kube=1.32,wardle=1.1"
// (component-base/compatibility/registry.go). It returns nil when there is none.
func ParseEmulation(s string) *version.Version {
	for part := range strings.SplitSeq(s, ",") {
		component, v, found := strings.Cut(part, "=")
		if !found {
			component, v = "kube", part
		}
		if strings.TrimSpace(component) == "kube" {
			return ParseVersion(v)
		}
	}
	return nil
}

// Minor is the minor number of a version of Kubernetes 1.
func Minor(v *version.Version) int { return int(v.Minor()) }

// Lower returns the older of two versions; nil counts as absent.
func Lower(a, b *version.Version) *version.Version {
	if a == nil || b != nil && b.LessThan(a) {
		return b
	}
	return a
}

// Emulates reports whether a process of version v behaves as an older minor version.
func Emulates(v, emulation *version.Version) bool {
	return v != nil && emulation != nil && Minor(emulation) < Minor(v)
}

// Release is a minor version as people write it.
func Release(minor int) string { return fmt.Sprintf("1.%d", minor) }
