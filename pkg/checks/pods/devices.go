package pods

import (
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Devices are counted: what native sidecars ask for is added to what the regular containers do, since both have theirs at
// the same time.

var deviceShort = regexp.MustCompile(`Insufficient ([a-z0-9.-]+/[A-Za-z0-9._-]*[A-Za-z0-9])`)

// shortDevices are the devices of which the scheduler says that no node has enough.
func shortDevices(text string) []corev1.ResourceName {
	var out []string
	for _, m := range deviceShort.FindAllStringSubmatch(text, -1) {
		out = prose.AddOnce(out, m[1])
	}
	var names []corev1.ResourceName
	for _, name := range out {
		names = append(names, corev1.ResourceName(name))
	}
	return names
}

// deviceEvidence is which containers ask for a device.
func (p subject) deviceEvidence(text string) []string {
	var out []string
	for _, name := range shortDevices(text) {
		for _, c := range p.all() {
			q, asks := c.Resources.Limits[name]
			if !asks {
				continue
			}
			line := fmt.Sprintf("%s asks for %s of %s", c.role(), q.String(), name)
			if c.sidecar() {
				line += ", which is added to what the others ask for"
			}
			out = append(out, line)
		}
	}
	return out
}

// deviceSteps take a device from sidecars that another container of the pod asks for, too.
func (p subject) deviceSteps(text string) []checks.Step {
	var out []checks.Step
	for _, name := range shortDevices(text) {
		asks := 0
		for _, c := range p.all() {
			if _, asksFor := c.Resources.Limits[name]; asksFor {
				asks++
			}
		}
		for _, c := range p.all() {
			if _, asksFor := c.Resources.Limits[name]; !asksFor || asks < 2 || !p.beside(c) {
				continue
			}
			none, fields := map[string]any{string(name): nil}, map[string]any{}
			fields["limits"] = none
			if _, requested := p.inTemplate(c).Resources.Requests[name]; requested {
				fields["requests"] = none
			}
			out = append(out, p.editSteps(fmt.Sprintf("If %s can do without %s of its own, take its request away", c.Name, name), c,
				edit{c.Name, map[string]any{"resources": fields}})...)
		}
	}
	return out
}
