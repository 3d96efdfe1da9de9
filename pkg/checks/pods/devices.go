package pods

import (
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// Devices are counted: what native sidecars ask for is added to what the regular containers do, since both have theirs at
// the same time.

var deviceShort = regexp.MustCompile(`Insufficient ([a-z0-9.-]+/[A-Za-z0-9._-]*[A-Za-z0-9])`)

// shortDevices are the devices of which the scheduler says that no node has enough.
func shortDevices(text string) []corev1.ResourceName {
	var out []corev1.ResourceName
	for _, m := range deviceShort.FindAllStringSubmatch(text, -1) {
		if name := corev1.ResourceName(m[1]); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// asking are the containers that ask for a device.
func (p subject) asking(device corev1.ResourceName) []container {
	return slices.DeleteFunc(p.all(), func(c container) bool { _, asks := c.Resources.Limits[device]; return !asks })
}

// asks says how much of a device a container asks for, with what else follows of a sidecar.
func (c container) asks(device corev1.ResourceName, ofSidecar string) string {
	q := c.Resources.Limits[device]
	out := fmt.Sprintf("%s asks for %s of %s", c.role(), q.String(), device)
	if c.sidecar() {
		out += ofSidecar
	}
	return out
}

// deviceEvidence is which containers ask for a device.
func (p subject) deviceEvidence(text string) []string {
	var out []string
	for _, name := range shortDevices(text) {
		for _, c := range p.asking(name) {
			out = append(out, c.asks(name, ", which is added to what the others ask for"))
		}
	}
	return out
}

// deviceSteps take a device from sidecars that another container of the pod asks for, too.
func (p subject) deviceSteps(text string) []checks.Step {
	var out []checks.Step
	for _, name := range shortDevices(text) {
		asking := p.asking(name)
		if len(asking) < 2 {
			continue
		}
		for _, c := range asking {
			if !p.beside(c) {
				continue
			}
			none := map[string]any{string(name): nil}
			fields := map[string]any{"limits": none}
			if _, requested := p.inTemplate(c).Resources.Requests[name]; requested {
				fields["requests"] = none
			}
			out = append(out, p.editSteps(fmt.Sprintf("If %s can do without %s of its own, take its request away", c.Name, name), c,
				edit{c.Name, map[string]any{"resources": fields}})...)
		}
	}
	return out
}
