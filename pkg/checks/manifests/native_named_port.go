package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// namedPortMinor is the first version whose EndpointSlices have a native sidecar's port that a Service names
// (k8s.io/endpointslice, findPort; kubernetes#127976, #128850: the Endpoints of 1.32 have it already).
const namedPortMinor = 33

var nativeNamedPort = podCheck(checks.Check{
	ID:       "native-named-port",
	Title:    "ports of native sidecars are found by Services in the target version",
	Severity: checks.Warning,
	Uses:     versions,
}, func(p *pod) []checks.Finding {
	if p.minor >= namedPortMinor {
		return nil
	}
	var out []checks.Finding
	for _, c := range p.natives {
		for i, port := range c.Ports {
			if port.Name == "" {
				continue
			}
			message := fmt.Sprintf("before Kubernetes %s a Service does not find port %s of native sidecar %s by its name", gate.Release(namedPortMinor), port.Name, c.Name)
			evidence := []string{c.field(fmt.Sprintf("ports[%d]", i)) + fmt.Sprintf(": name %s, containerPort %d", port.Name, port.ContainerPort), p.meantFor()}
			users := p.byName(port)
			if len(users) == 0 && p.hasServices() {
				continue // those that send to it use other ports
			}
			for _, u := range users {
				evidence = append(evidence, fmt.Sprintf("Service %s in %s: targetPort %s", u.Name, placeOf(u.place), port.Name))
			}
			out = append(out, p.finding(c, p.at(c, "ports", number(i), "name"), message, evidence,
				write("Write the number into the Services that name it:", fmt.Sprintf("targetPort: %d", port.ContainerPort))))
		}
	}
	return out
})

// hasServices reports whether a Service that sends to the pods was read.
func (p *pod) hasServices() bool {
	for _, s := range p.s.services {
		if s.selects(p) {
			return true
		}
	}
	return false
}
