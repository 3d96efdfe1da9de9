package checks

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A setting is one key=value of --feature-gates.
type setting struct {
	name  string
	value bool
}

// parseGates reads the value of --feature-gates as component-base/featuregate does: key=value
// separated by commas, blanks around both ignored, values as strconv.ParseBool. A key may name its
// component ("kube:SidecarContainers", since 1.31); gates of other components are left out.
func parseGates(s string) ([]setting, error) {
	var out []setting
	for part := range strings.SplitSeq(s, ",") {
		if part == "" {
			continue
		}
		key, value, found := strings.Cut(part, "=")
		if !found {
			return nil, fmt.Errorf("missing bool value for %s", part)
		}
		b, err := strconv.ParseBool(strings.TrimSpace(value))
		if err != nil {
			return nil, fmt.Errorf("invalid value of %s: %w", part, err)
		}
		component, name, found := strings.Cut(strings.TrimSpace(key), ":")
		if !found {
			component, name = "kube", component
		}
		if component == "kube" {
			out = append(out, setting{name, b})
		}
	}
	return out, nil
}

// lookup returns the last value given for a gate, nil when it is not set: a later flag wins.
func lookup(settings []setting, name string) *bool {
	var out *bool
	for _, s := range settings {
		if s.name == name {
			out = &s.value
		}
	}
	return out
}

// flagReading is what the command line of a static pod says of the gate. A command line is the whole
// truth for these components, so that a gate it does not name has its default. Enabled is nil where
// the flag cannot be understood or the version is not known.
func flagReading(pod facts.ControlPlanePod, effective *version.Version) facts.FeatureReading {
	r := facts.FeatureReading{
		Component: pod.Component, Instance: pod.Name, Source: facts.SourceFlags,
		Evidence: "command line of pod " + pod.Name + ": --feature-gates=" + pod.FeatureGates,
	}
	if pod.FeatureGates == "" {
		r.Evidence = "command line of pod " + pod.Name + ": no --feature-gates"
	}
	settings, err := parseGates(pod.FeatureGates)
	if err != nil {
		r.Evidence += " (not understood: " + err.Error() + ")"
		return r
	}
	if r.Enabled = lookup(settings, facts.SidecarContainers); r.Enabled != nil || effective == nil || minor(effective) < minorKnown {
		return r
	}
	if group := facts.GateGroup(minor(effective)); group != "" {
		if r.Enabled = lookup(settings, group); r.Enabled != nil {
			return r
		}
	}
	byDefault := facts.GateByDefault(minor(effective))
	r.Enabled = &byDefault
	r.Evidence += fmt.Sprintf(" (default of %s: %s)", release(minor(effective)), map[bool]string{true: "on", false: "off"}[byDefault])
	return r
}

// gateSetting matches one part of --feature-gates; no component would start with another.
var gateSetting = regexp.MustCompile(`^[\w:]+\s*=\s*\w+$`)

// withGateOn is the value of --feature-gates that turns SidecarContainers on at a minor version and
// leaves everything else as it is; "" when the flag is then not needed. It does not name the gate
// where it is on anyway, because a component of 1.37 that is told about it does not start.
func withGateOn(flag string, minor int) string {
	var kept []string
	gate := facts.SidecarContainers + "=true"
	if strings.Contains(flag, "kube:") { // with and without the prefix must not be mixed
		gate = "kube:" + gate
	}
	byDefault := facts.GateByDefault(minor)
	for part := range strings.SplitSeq(flag, ",") {
		key, value, _ := strings.Cut(part, "=")
		name := strings.TrimPrefix(strings.TrimSpace(key), "kube:")
		if name == facts.SidecarContainers || !gateSetting.MatchString(strings.TrimSpace(part)) {
			continue
		}
		kept = append(kept, strings.TrimSpace(part))
		if b, err := strconv.ParseBool(strings.TrimSpace(value)); err == nil && name == facts.GateGroup(minor) {
			byDefault = b
		}
	}
	if !byDefault {
		kept = append(kept, gate)
	}
	return strings.Join(kept, ",")
}
