package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// maxConfigz bounds a kubelet's configuration, which is some 3 KB.
const maxConfigz = 1 << 20

func (s *scrape) configz(ctx context.Context, node, version string) (*facts.FeatureReading, error) {
	var body struct {
		KubeletConfig *struct {
			FeatureGates gate.Settings `json:"featureGates"`
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
	return gate.ConfigReading(node, version, body.KubeletConfig.FeatureGates)
}
