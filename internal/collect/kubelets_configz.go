package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// maxConfigz bounds a kubelet's configuration, which is some 3 KB.
const maxConfigz = 1 << 20

func (s *scrape) configz(ctx context.Context, node, version string) (*facts.FeatureReading, error) {
	var body struct {
		KubeletConfig *struct {
			FeatureGates map[string]bool `json:"featureGates"`
		} `json:"kubeletconfig"`
	}
	err := s.get(ctx, node, "configz", func(r io.Reader) error {
		if err := json.NewDecoder(io.LimitReader(r, maxConfigz)).Decode(&body); err != nil {
			return fmt.Errorf("read it: %w", err)
		}
		if body.KubeletConfig == nil {
			return errors.New("it is not a kubelet's configuration")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return configReading(node, version, body.KubeletConfig.FeatureGates)
}

// configReading works out the gate from those that were set explicitly, as the kubelet does: the
// gate itself, else AllAlpha or AllBeta for its stage, else its default.
func configReading(node, version string, gates map[string]bool) (*facts.FeatureReading, error) {
	minor, ok := facts.Minor(version)
	if !ok || minor < facts.FirstMinor || minor > facts.LastOpenMinor {
		return nil, fmt.Errorf("it does not tell the default of version %q", version)
	}
	enabled, group := facts.GateByDefault(minor), facts.GateGroup(minor)
	stage := strings.ToUpper(strings.TrimPrefix(group, "All"))
	why := fmt.Sprintf("%s is not set, the default of %s is %t", facts.SidecarContainers, version, enabled)
	for _, name := range []string{group, facts.SidecarContainers} {
		if set, ok := gates[name]; ok {
			enabled, why = set, fmt.Sprintf("%s: %t is set", name, set)
		}
	}
	return &facts.FeatureReading{
		Component: "kubelet", Instance: node, Enabled: &enabled, Stage: stage, Source: facts.SourceConfigz,
		Evidence: fmt.Sprintf("configz: featureGates {%s}: %s", gateList(gates), why),
	}, nil
}

// gateList is the gates as on a command line, sorted.
func gateList(gates map[string]bool) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		out = append(out, fmt.Sprintf("%s=%t", name, gates[name]))
	}
	return strings.Join(out, ",")
}
