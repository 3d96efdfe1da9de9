package pods

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A gRPC probe asks the gRPC health service: a server of something else on a gRPC port does not have it, and what speaks
// HTTP/1 does not understand the question. Known software has its health endpoint elsewhere, and not with gRPC.

// A misasked is why a gRPC probe cannot succeed, and what to ask instead.
type misasked struct {
	why, text string
	probe     newProbe
}

// The kubelet's words (k8s.io/kubernetes v1.36.3 pkg/probe/grpc/grpc.go).
const (
	noHealthService = "does not implement the grpc health protocol"
	noGRPCAnswer    = "failed to connect service"
)

// misasks is nil for a probe that may succeed, or that fails for other reasons.
func misasks(c container, probe *corev1.Probe, got string) *misasked {
	if probe == nil || probe.GRPC == nil {
		return nil
	}
	k, port := software.Of(c.Container), int(probe.GRPC.Port)
	switch {
	case strings.Contains(got, noHealthService):
		m := &misasked{
			why: "the server does not have the gRPC health service that the probe asks", text: "Ask only whether it listens",
			probe: newProbe{fields: map[string]any{"tcpSocket": map[string]any{"port": port}}},
		}
		if k != nil && k.Ready != nil && k.Ready.Port != port {
			m.probe.note = fmt.Sprintf("The health endpoint of %s is GET %s on port %d", k.Name, k.Ready.Path, k.Ready.Port)
			if k.Ready.Needs != "" {
				m.probe.note += ", which requires " + k.Ready.Needs
			}
			m.probe.note += "."
		}
		return m
	case k != nil && k.Ready != nil && k.Ready.Port == port && strings.Contains(got, noGRPCAnswer):
		m := &misasked{
			why:  fmt.Sprintf("port %d of %s is its health endpoint, which speaks HTTP and not gRPC", port, k.Name),
			text: "Ask with HTTP", probe: newProbe{fields: map[string]any{"httpGet": map[string]any{"port": port, "path": k.Ready.Path}}},
		}
		if k.Ready.Needs != "" {
			m.probe.note = fmt.Sprintf("The kubelet reaches it only with %s.", k.Ready.Needs)
		}
		return m
	}
	return nil
}

// misasked is a gRPC startup probe that cannot succeed.
func (f failing) misasked() *deadEnd {
	m := misasks(f.c, f.c.StartupProbe, f.got)
	if m == nil {
		return nil
	}
	return &deadEnd{why: m.why, steps: f.replaceProbe(m.text, m.probe)}
}

// misaskedSteps replace a gRPC readiness probe that cannot succeed.
func (p subject) misaskedSteps(c container, m *misasked) []checks.Step {
	fields := map[string]any{"grpc": nil}
	for kind, handler := range m.probe.fields {
		fields[kind] = handler
	}
	return append(p.editSteps(m.text, c, edit{c.Name, map[string]any{"readinessProbe": fields}}), m.probe.notes()...)
}
