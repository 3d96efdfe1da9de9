package gate

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// Settings are the feature gates that a process was told about, by name.
type Settings map[string]bool

// ParseFlag reads the value of --feature-gates as component-base/featuregate does: key=value separated
// by commas, blanks around both ignored, values as strconv.ParseBool, a later one wins. A key may name
// its component ("kube:SidecarContainers", since 1.31); gates of other components are left out.
func ParseFlag(s string) (Settings, error) {
	out := Settings{}
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
			out[name] = b
		}
	}
	return out, nil
}

// Named reports whether the settings name the SidecarContainers gate.
func (s Settings) Named() bool {
	_, named := s[facts.SidecarContainers]
	return named
}

// resolve is the gate of a process of a minor version that knows it: what is set for SidecarContainers,
// else for the group of its stage, else the default, as the process does it
// (component-base/featuregate/feature_gate.go). by is the gate whose setting decides, "" for the default.
func (s Settings) resolve(minor int) (enabled bool, by string) {
	for _, name := range []string{facts.SidecarContainers, Group(minor)} {
		if set, ok := s[name]; ok && name != "" {
			return set, name
		}
	}
	return ByDefault(minor), ""
}

// gateSetting matches one part of --feature-gates; no component would start with another.
var gateSetting = pattern.New(`^[\w:]+\s*=\s*\w+$`)

// FlagWithGateOn is the value of --feature-gates that turns SidecarContainers on at a minor version and
// leaves everything else as it is; "" when the flag is then not needed. It does not name the gate
// where it is on anyway, because a component of 1.37 that is told about it does not start.
func FlagWithGateOn(flag string, minor int) string {
	var kept []string
	gate := facts.SidecarContainers + "=true"
	if strings.Contains(flag, "kube:") { // with and without the prefix must not be mixed
		gate = "kube:" + gate
	}
	byDefault := ByDefault(minor)
	for part := range strings.SplitSeq(flag, ",") {
		key, value, _ := strings.Cut(part, "=")
		name := strings.TrimPrefix(strings.TrimSpace(key), "kube:")
		if name == facts.SidecarContainers || !gateSetting.MatchString(strings.TrimSpace(part)) {
			continue
		}
		kept = append(kept, strings.TrimSpace(part))
		if b, err := strconv.ParseBool(strings.TrimSpace(value)); err == nil && name == Group(minor) {
			byDefault = b
		}
	}
	if !byDefault {
		kept = append(kept, gate)
	}
	return strings.Join(kept, ",")
}
