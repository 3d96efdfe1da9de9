package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// FlagReading is what the command line of a static pod says of the gate. A command line is the whole
// truth for these components, so a gate it does not name has its default. Enabled is nil where
// the flag cannot be understood or the version is not known.
func FlagReading(pod facts.ControlPlanePod, effective *version.Version) facts.FeatureReading {
	r := facts.FeatureReading{
		Component: pod.Component, Instance: pod.Name, Source: facts.SourceFlags,
		Evidence: "command line of pod " + pod.Name + ": --feature-gates=" + pod.FeatureGates,
	}
	if pod.FeatureGates == "" {
		r.Evidence = "command line of pod " + pod.Name + ": no --feature-gates"
	}
	settings, err := ParseFlag(pod.FeatureGates)
	if err != nil {
		r.Evidence += " (not understood: " + err.Error() + ")"
		return r
	}
	if set, named := settings[facts.SidecarContainers]; named {
		r.Enabled = &set
		return r
	}
	if effective == nil || Minor(effective) < FirstMinor {
		return r
	}
	enabled, by := settings.resolve(Minor(effective))
	r.Enabled = &enabled
	if by == "" {
		r.Evidence += fmt.Sprintf(" (default of %s: %s)", Release(Minor(effective)), onOff(enabled))
	}
	return r
}

func onOff(enabled bool) State {
	if enabled {
		return On
	}
	return Off
}

// ConfigReading is what the gates in a kubelet's /configz, which are those that were set explicitly, say
// of a kubelet of some version. It fails where the version does not tell the default.
func ConfigReading(node, gitVersion string, gates Settings) (*facts.FeatureReading, error) {
	minor, ok := MinorOf(gitVersion)
	if !ok || minor < FirstMinor || minor >= LockedMinor {
		return nil, fmt.Errorf("it does not tell the default of version %q", gitVersion)
	}
	enabled, by := gates.resolve(minor)
	why := fmt.Sprintf("%s: %t is set", by, enabled)
	if by == "" {
		why = fmt.Sprintf("%s is not set, the default of %s is %t", facts.SidecarContainers, gitVersion, enabled)
	}
	return &facts.FeatureReading{
		Component: "kubelet", Instance: node, Enabled: &enabled, Source: facts.SourceConfigz,
		Stage:    strings.ToUpper(strings.TrimPrefix(Group(minor), "All")),
		Evidence: fmt.Sprintf("configz: featureGates {%s}: %s", gates, why),
	}, nil
}

// String is the gates as on a command line, sorted.
func (s Settings) String() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		out = append(out, fmt.Sprintf("%s=%t", name, s[name]))
	}
	return strings.Join(out, ",")
}

// Quote is a reading as evidence. All but metric lines say themselves what they are.
func Quote(r facts.FeatureReading) string {
	if r.Source == facts.SourceMetrics {
		return "/metrics: " + r.Evidence
	}
	return r.Evidence
}
