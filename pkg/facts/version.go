package facts

import "k8s.io/apimachinery/pkg/util/version"

// The minors of Kubernetes 1 between which the SidecarContainers gate can be on or off.
const (
	// FirstMinor is the first that knows the gate (alpha, off).
	FirstMinor = 28
	// LastOpenMinor is the last in which it is not locked to on (beta, on since 1.29).
	LastOpenMinor = 32
)

// ParseVersion returns nil for what is no version of Kubernetes 1.x. Suffixes of distributions
// ("v1.29.0-eks-5e0fdde") do not make it a pre-release, as they would in semantic versioning.
func ParseVersion(gitVersion string) *version.Version {
	v, err := version.ParseGeneric(gitVersion)
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

// Minor is the minor of a version of Kubernetes 1, with or without the suffix of a distribution:
// 29 for "v1.29.0-eks-5e0fdde". ok is false for everything else.
func Minor(gitVersion string) (minor int, ok bool) {
	v := ParseVersion(gitVersion)
	if v == nil {
		return 0, false
	}
	return int(v.Minor()), true
}

// VersionDecides reports whether the version of a component settles the gate: it cannot be on
// before 1.28, and cannot be off from 1.33, unless the component emulates an older version, which
// kubelets cannot. on is the answer. A version that cannot be read settles nothing.
func VersionDecides(gitVersion string) (on, decided bool) {
	minor, ok := Minor(gitVersion)
	switch {
	case !ok:
		return false, false
	case minor < FirstMinor:
		return false, true
	case minor > LastOpenMinor:
		return true, true
	}
	return false, false
}

// GateByDefault reports whether the SidecarContainers gate is on at a minor version when nothing
// sets it: it is beta, and on, from 1.29 (KEP-753).
func GateByDefault(minor int) bool { return minor > FirstMinor }

// GateGroup is the special gate that sets SidecarContainers at a minor version where it is not set
// by name: AllAlpha, AllBeta, or "" where the gate is not known or locked
// (component-base/featuregate/feature_gate.go, specialFeatures).
func GateGroup(minor int) string {
	switch {
	case minor == FirstMinor:
		return "AllAlpha"
	case minor > FirstMinor && minor <= LastOpenMinor:
		return "AllBeta"
	}
	return ""
}
