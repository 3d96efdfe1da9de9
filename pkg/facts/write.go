package facts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Write writes the snapshot as YAML, sorted, without anything that may be secret. Read reads it.
func (s *Snapshot) Write(w io.Writer) error {
	out := *s
	out.APIVersion, out.Kind = APIVersion, SnapshotKind
	out.redact()
	out.Sort()
	text, err := toYAML(&out)
	if err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

// toYAML is yaml.Marshal, which goes by way of JSON, for text with characters that may stand in JSON as
// they are, but not in YAML: DEL and its like.
func toYAML(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, r := range string(raw) {
		if unicode.IsControl(r) || r == '\ufeff' || r == '\ufffe' || r == '\uffff' {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return yaml.JSONToYAML(out.Bytes())
}

// Sort puts the lists of the snapshot into an order that does not depend on how they were read: by
// name, which for webhook configurations is the order in which they are called.
func (s *Snapshot) Sort() {
	s.APIServers = sorted(s.APIServers, func(a *APIServer) string { return a.Started })
	s.APIServerLeases = sorted(s.APIServerLeases, func(l *lease) string { return l.Name })
	s.ControlPlane = sorted(s.ControlPlane, func(p *ControlPlanePod) string { return p.Component + "/" + p.Name })
	s.Nodes = sorted(s.Nodes, func(n *corev1.Node) string { return n.Name })
	s.Kubelets = sorted(s.Kubelets, func(r *FeatureReading) string { return r.Instance })
	s.Namespaces = sorted(s.Namespaces, func(n *corev1.Namespace) string { return n.Name })
	s.MutatingWebhooks = sorted(s.MutatingWebhooks, func(c *webhooks) string { return c.Name })
	s.MutatingPolicies = sorted(s.MutatingPolicies, func(p *MutatingPolicy) string { return p.Name })
	s.ValidatingWebhooks = sorted(s.ValidatingWebhooks, func(c *validatingWebhooks) string { return c.Name })
	s.ValidatingPolicies = sorted(s.ValidatingPolicies, func(p *ValidatingPolicy) string { return p.Name })
	s.sortPods()
}

// sorted is a sorted copy of list.
func sorted[T any](list []T, key func(*T) string) []T {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	return out
}
