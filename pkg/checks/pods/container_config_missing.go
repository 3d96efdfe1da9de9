package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var (
	missingObject = regexp.MustCompile(`(?i)(configmap|secret) "([^"]+)" not found`)
	missingKey    = regexp.MustCompile(`couldn't find key (\S+) in (ConfigMap|Secret) ([^/\s]+)/(\S+)`)
)

var containerConfigMissing = podCheck(checks.Check{
	ID:    "container-config-missing",
	Title: "every container finds its ConfigMaps and Secrets",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() {
		return nil, nil
	}
	for _, c := range p.all() {
		if c.waiting() == "CreateContainerConfigError" {
			return p.configFinding(c), nil
		}
	}
	return nil, nil
})

// A missingConfig is what a container was to be made with, and is not there; zero where the kubelet's message does not
// name it.
type missingConfig struct {
	kind, name string
	// key is "" when the whole object is missing.
	key string
}

func missingIn(text string) missingConfig {
	if m := missingKey.FindStringSubmatch(text); m != nil {
		return missingConfig{m[2], m[4], m[1]}
	}
	if m := missingObject.FindStringSubmatch(text); m != nil {
		return missingConfig{m[1], m[2], ""}
	}
	return missingConfig{}
}

func (p subject) configFinding(c container) *checks.Finding {
	text := c.status.State.Waiting.Message
	missing := missingIn(text)
	var what string
	var steps []checks.Step
	switch {
	case missing.key != "":
		what = fmt.Sprintf("%s %s has no key %s", missing.kind, missing.name, missing.key)
		steps = []checks.Step{{
			Text:    "Add the key, or correct its name in the template. See which keys there are:",
			Command: prose.Shell("kubectl describe %s %s -n %s", strings.ToLower(missing.kind), missing.name, p.Namespace),
		}}
	case missing.name != "":
		what = fmt.Sprintf("there is no %s %s in namespace %s", missing.kind, missing.name, p.Namespace)
		steps = []checks.Step{{
			Text:    fmt.Sprintf("Create it in namespace %s, or correct its name in the template. The kubelet retries on its own. See which there are:", p.Namespace),
			Command: prose.Shell("kubectl get %s -n %s", strings.ToLower(missing.kind)+"s", p.Namespace),
		}}
	default:
		what, steps = prose.Clause(text), p.correctSteps(c, correctionOf(text))
	}
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("%s cannot be created, %s: %s", c.role(), p.born().words(), what),
		Evidence:  append(waitingEvidence(c), references(c, missing.name)...),
		Steps:     steps,
	}
	switch d := p.deadMount(); {
	case p.misfit(c) != nil:
		f.Because = []string{initContainerFailing.ID}
	case d != nil && d.victim.Name == c.Name && notConnected.MatchString(text):
		f.Because = []string{sidecarMountDead.ID}
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "Failed"), 1)...)
	return f
}

// correctionOf is what to correct in a container, by the words of the kubelet.
func correctionOf(text string) string {
	switch {
	case strings.Contains(text, "runAsNonRoot"):
		return "Give it a runAsUser, as a number, that is not root and that its image works with"
	case strings.Contains(strings.ToLower(text), "subpath"):
		return "Correct its subPath or its volume"
	}
	return "Correct its mounts or its securityContext"
}

// A configRef is a place in a container that names a ConfigMap or a Secret.
type configRef struct {
	where, name string
	optional    *bool
}

// references are the places in a container that need the object of that name.
func references(c container, name string) []string {
	var out []string
	for _, r := range configRefs(c.Container) {
		if r.name == name && !ptr.Deref(r.optional, false) {
			out = append(out, fmt.Sprintf("%s of %s refers to %s", r.where, c.Name, name))
		}
	}
	return out
}

func configRefs(c *corev1.Container) []configRef {
	var out []configRef
	for _, e := range c.Env {
		from := ptr.Deref(e.ValueFrom, corev1.EnvVarSource{})
		if r := from.ConfigMapKeyRef; r != nil {
			out = append(out, configRef{"env " + e.Name + " (configMapKeyRef, key " + r.Key + ")", r.Name, r.Optional})
		}
		if r := from.SecretKeyRef; r != nil {
			out = append(out, configRef{"env " + e.Name + " (secretKeyRef, key " + r.Key + ")", r.Name, r.Optional})
		}
	}
	for _, e := range c.EnvFrom {
		if r := e.ConfigMapRef; r != nil {
			out = append(out, configRef{"envFrom (configMapRef)", r.Name, r.Optional})
		}
		if r := e.SecretRef; r != nil {
			out = append(out, configRef{"envFrom (secretRef)", r.Name, r.Optional})
		}
	}
	return out
}
