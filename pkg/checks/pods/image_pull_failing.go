package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// pullErrors are the kubelet's reasons (k8s.io/kubernetes pkg/kubelet/images/types.go).
var pullErrors = []string{"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}

var imagePullFailing = podCheck(checks.Check{
	ID:    "image-pull-failing",
	Title: "every container's image can be pulled",
	Uses:  slices.Concat(witnessed, owned),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() {
		return nil, nil
	}
	for _, c := range p.all() {
		if !slices.Contains(pullErrors, c.waiting()) {
			continue
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("%s cannot start, %s: its image %s cannot be had (%s)", c.role(), p.born().words(), c.Image, c.waiting()),
			Evidence:  waitingEvidence(c),
		}
		events := slices.DeleteFunc(p.eventsAbout(c, "Failed", "InspectFailed", "ErrImageNeverPull"), func(e corev1.Event) bool {
			return !strings.Contains(e.Message, "ull") || strings.HasPrefix(e.Message, "Error: ")
		})
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, events, 1)...)
		f.Fix = imageFix(c.waiting(), strings.Join(f.Evidence, " "))
		if command := p.fixContainers(edit{c.Name, map[string]any{"image": "IMAGE"}}); command != "" {
			f.Fix += " When the name is wrong:\n\n" + prose.Indent(command)
		}
		return f, nil
	}
	return nil, nil
})

func imageFix(reason, text string) string {
	switch {
	case reason == "InvalidImageName":
		return "The name is no valid image reference."
	case reason == "ErrImageNeverPull":
		return "imagePullPolicy is Never and the node does not have the image: load it there, or change the policy."
	case strings.Contains(text, "not found") || strings.Contains(text, "manifest unknown"):
		return "The registry does not have that image or tag."
	case strings.Contains(text, "unauthorized") || strings.Contains(text, "denied") || strings.Contains(text, "no basic auth"):
		return "The registry wants credentials: give the pod an imagePullSecret, or the node the right to pull."
	case strings.Contains(text, "no such host") || strings.Contains(text, "i/o timeout") || strings.Contains(text, "connection refused"):
		return "The node does not reach the registry: look at its DNS, its network and its proxy settings."
	}
	return "Look at the image's name, its registry and the credentials for it."
}
