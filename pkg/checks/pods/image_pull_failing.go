package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// pullErrors are the kubelet's reasons (k8s.io/kubernetes pkg/kubelet/images/types.go).
var pullErrors = []string{
	"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
}

var imagePullFailing = podCheck(checks.Check{
	ID:    "image-pull-failing",
	Title: "every container's image can be pulled",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() {
		return nil, nil
	}
	for _, c := range p.all() {
		if !slices.Contains(pullErrors, c.waiting()) {
			continue
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("%s cannot start, %s: image %s cannot be pulled (%s)", c.role(), p.born().words(), c.Image, c.waiting()),
			Evidence:  waitingEvidence(c),
		}
		if old := p.olderImage(c); old != "" {
			f.Message = fmt.Sprintf("%s cannot start, %s: image %s cannot be pulled (%s); its spec names %s by now, which the kubelet has not tried",
				c.role(), p.born().words(), old, c.waiting(), c.Image)
			f.Evidence = append(f.Evidence, fmt.Sprintf("metadata.generation: %d, status.observedGeneration: %d", p.Generation, p.Status.ObservedGeneration))
		}
		events := slices.DeleteFunc(p.eventsAbout(c, "Failed", "InspectFailed", "ErrImageNeverPull"), func(e corev1.Event) bool {
			return !strings.Contains(e.Message, "ull") || strings.HasPrefix(e.Message, "Error: ")
		})
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, events, 1)...)
		words := c.status.State.Waiting.Message
		if len(events) > 0 {
			words += " " + events[0].Message
		}
		if p.misfit(c) != nil {
			f.Because = []string{initContainerFailing.ID}
		}
		f.Steps = []checks.Step{{Text: imageFix(c.waiting(), words)}}
		command := p.fixContainers(edit{c.Name, map[string]any{"image": "IMAGE"}})
		secret, told := p.missingPullSecret()
		if secret != "" {
			f.Evidence = append(f.Evidence, told)
			f.Steps = p.pullSecretSteps(c, secret)
		}
		if command != "" && !limitsPulls(words) && secret == "" {
			f.Steps = append(f.Steps, p.changeStep("If the name is wrong, correct it", command))
		}
		return f, nil
	}
	return nil, nil
})

// missingPullSecret is an imagePullSecret that the kubelet has not found, and the event that says so.
func (p subject) missingPullSecret() (name, evidence string) {
	for _, e := range p.events("FailedToRetrieveImagePullSecret") {
		if m := pullSecrets.FindStringSubmatch(e.Message); m != nil {
			return m[1], quoteEvent(p.s.Snapshot, e)
		}
	}
	return "", ""
}

// pullSecretSteps make the secret that the kubelet does not find. It tries again on its own.
func (p subject) pullSecretSteps(c container, secret string) []checks.Step {
	command := prose.Shell("kubectl create secret docker-registry %s -n %s", secret, p.Namespace)
	if host, _, named := strings.Cut(c.Image, "/"); named && strings.ContainsAny(host, ".:") {
		command += prose.Shell(" --docker-server=%s", host)
	}
	return []checks.Step{
		{
			Text:    fmt.Sprintf("Create imagePullSecret %s in namespace %s: the kubelet does not find it, and pulls without; it tries again on its own. With the name and the password that the registry knows:", secret, p.Namespace),
			Command: command + " --docker-username=USER --docker-password=PASSWORD",
		},
		{
			Text:    "Or name another one in the template. See which there are:",
			Command: prose.Shell("kubectl get secrets -n %s --field-selector type=kubernetes.io/dockerconfigjson", p.Namespace),
		},
	}
}

var pullSecrets = regexp.MustCompile(`pull secrets \(([^,)]+)`)

// olderImage is what the kubelet tries where its status is about an older spec; "" where it is not known to be. From
// 1.33 on the kubelet says which it is about.
func (p subject) olderImage(c container) string {
	if p.Status.ObservedGeneration == 0 || p.Status.ObservedGeneration >= p.Generation || c.status.Image == c.Image {
		return ""
	}
	return c.status.Image
}

// limitsPulls reports whether the registry refuses because there were too many pulls: the name is not to blame then.
func limitsPulls(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "toomanyrequests") || strings.Contains(text, "429 too many")
}

// imageFix is what to do about an image, by the reason and the words of the kubelet.
func imageFix(reason, text string) string {
	text = strings.ToLower(text)
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case reason == "InvalidImageName":
		return "Correct the name: it is not a valid image reference."
	case reason == "ErrImageNeverPull":
		return "Load the image onto the node, or change the imagePullPolicy: it is Never, and the node does not have the image."
	case limitsPulls(text):
		return "The registry limits how often this address pulls. Give the pod an imagePullSecret, take the image from a mirror, or wait: the kubelet goes on trying."
	case says("no match for platform", "no matching manifest"):
		return "The image is not built for the node's architecture or operating system: push it for that, or keep the pod to nodes that it is built for."
	case says("x509:", "server gave http response to https client"):
		return "Let the node's container runtime trust the registry: its certificate is not accepted, or it speaks plain HTTP."
	case says("no space left on device"):
		return "Free disk space on the node: the image does not fit."
	case says("not found", "manifest unknown"):
		return "Push the image, or correct its name: the registry does not have that image or tag."
	case says("unauthorized", "denied", "no basic auth", "403 forbidden", "authorization failed", "authentication required"):
		return "Give the pod an imagePullSecret, or the node the right to pull: the registry requires credentials."
	case says("no such host", "i/o timeout", "connection refused"):
		return "Check the node's DNS, network and proxy settings: it does not reach the registry."
	}
	return "Check the image's name, its registry and the credentials for it."
}
