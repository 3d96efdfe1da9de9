package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// What kubelets do not admit pods for that sidecars are often the reason of: profiles and devices.

// A profiled is a place in a pod that asks for an AppArmor profile.
type profiled struct{ where, profile, container string }

const appArmorAnnotation = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix

// appArmored are the places in the pod that require AppArmor (k8s.io/kubernetes v1.36.3 pkg/security/apparmor/helpers.go,
// isRequired): all but Unconfined.
func (p subject) appArmored() []profiled {
	var out []profiled
	name := func(a *corev1.AppArmorProfile) string {
		return strings.TrimSpace(string(a.Type) + " " + ptr.Deref(a.LocalhostProfile, ""))
	}
	if s := p.Spec.SecurityContext; s != nil && s.AppArmorProfile != nil && s.AppArmorProfile.Type != corev1.AppArmorProfileTypeUnconfined {
		out = append(out, profiled{where: "spec.securityContext.appArmorProfile", profile: name(s.AppArmorProfile)})
	}
	for _, c := range p.all() {
		if s := c.SecurityContext; s != nil && s.AppArmorProfile != nil && s.AppArmorProfile.Type != corev1.AppArmorProfileTypeUnconfined {
			out = append(out, profiled{"securityContext.appArmorProfile of " + c.Name, name(s.AppArmorProfile), c.Name})
			continue
		}
		if value := p.Annotations[appArmorAnnotation+c.Name]; value != "" && value != corev1.DeprecatedAppArmorBetaProfileNameUnconfined {
			out = append(out, profiled{"annotation " + appArmorAnnotation + c.Name, value, c.Name})
		}
	}
	return out
}

// noAppArmor: the pod requires AppArmor, and the node cannot enforce it. Without the profile the pod runs anywhere.
func (p subject) noAppArmor() rejection {
	r := rejection{why: p.rejectedWords()}
	asks := p.appArmored()
	spec, meta := map[string]any{}, map[string]any{}
	lists := map[string][]any{}
	for _, a := range asks {
		r.evidence = append(r.evidence, a.where+": "+a.profile)
		if a.container == "" {
			spec["securityContext"] = map[string]any{"appArmorProfile": nil}
			continue
		}
		r.container = a.container
		if strings.HasPrefix(a.where, "securityContext") {
			list := map[bool]string{true: "initContainers", false: "containers"}[p.isInit(a.container)]
			lists[list] = append(lists[list], map[string]any{"name": a.container, "securityContext": map[string]any{"appArmorProfile": nil}})
		}
	}
	for list, containers := range lists {
		spec[list] = containers
	}
	for key := range p.Annotations { // the API server writes them for older kubelets
		if strings.HasPrefix(key, appArmorAnnotation) {
			meta[key] = nil
		}
	}
	if len(asks) != 1 {
		r.container = ""
	}
	if len(asks) > 0 {
		r.why += fmt.Sprintf(": %s asks for %s", prose.List(askers(asks), "and"), asks[0].profile)
	}
	r.steps = []checks.Step{p.avoidStep("Keep these pods on nodes that enforce AppArmor (cat /sys/module/apparmor/parameters/enabled says Y there), away from this one")}
	step := p.specStep("Or run them without the profile, which takes a protection away", spec, meta)
	if slices.ContainsFunc(asks, func(a profiled) bool { return a.container != "" && p.injected(a.container) }) {
		step = checks.Step{Text: "Or have the injector that adds the container leave the profile out, which takes a protection away."}
	}
	r.steps = append(r.steps, step)
	return r
}

func askers(asks []profiled) []string {
	var out []string
	for _, a := range asks {
		if a.container == "" {
			out = prose.AddOnce(out, "the pod")
		} else {
			out = prose.AddOnce(out, a.container)
		}
	}
	return out
}

// deviceResource matches the resource that the device manager of the kubelet names (k8s.io/kubernetes v1.36.3
// pkg/kubelet/cm/devicemanager/manager.go, devicesToAllocate).
var deviceResource = regexp.MustCompile(`(?:devices unavailable for|unregistered device|unhealthy devices|registered resource:|requested devices unavailable for) ([a-z0-9.-]+/[A-Za-z0-9._-]+)`)

// noDevices: the kubelet could not give a container its devices. That is an error of its device plugin, or the plugin was not
// there yet after the node had started.
func (p subject) noDevices() rejection {
	r := rejection{why: p.rejectedWords()}
	m := deviceResource.FindStringSubmatch(p.Status.Message)
	if m == nil {
		r.steps = []checks.Step{
			p.nodeStep("See what the node has:"),
			p.nextPodStep(),
		}
		return r
	}
	resource := corev1.ResourceName(strings.TrimSuffix(m[1], "."))
	for _, c := range p.asking(resource) {
		r.container = c.Name
		r.evidence = append(r.evidence, c.asks(resource, ", and keeps them as long as the pod runs: what it asks for is added to what the others ask for"))
	}
	if len(r.evidence) != 1 {
		r.container = ""
	}
	if p.node != nil {
		if q, has := p.node.Status.Allocatable[resource]; has {
			r.evidence = append(r.evidence, fmt.Sprintf("node %s: status.allocatable of %s: %s", p.node.Name, resource, q.String()))
		}
	}
	r.steps = []checks.Step{
		{
			Text:    fmt.Sprintf("Repair the device plugin of %s on node %s: its pod has to run there, and to have registered with the kubelet. See which pods run there, and what the node has:", resource, p.Spec.NodeName),
			Command: prose.Shell("kubectl get pods -A -o wide --field-selector %s\nkubectl describe node %s", "spec.nodeName="+p.Spec.NodeName, p.Spec.NodeName),
		},
		p.nextPodStep(),
	}
	return r
}
