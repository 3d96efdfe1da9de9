package pods

import (
	"fmt"
	"regexp"
	"strings"

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
	Uses:  witnessed,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() {
		return nil, nil
	}
	for _, c := range p.all() {
		if c.waiting() != "CreateContainerConfigError" {
			continue
		}
		text := c.status.State.Waiting.Message
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("%s cannot be created, %s: %s", c.role(), p.born().words(), prose.Clause(text)),
			Evidence:  append(waitingEvidence(c), p.references(c, text)...),
			Fix:       "Correct the container in the template of its owner as the message says; the kubelet tries again by itself.",
		}
		if m := missingKey.FindStringSubmatch(text); m != nil {
			f.Message = fmt.Sprintf("%s cannot be created, %s: %s %s has no key %s", c.role(), p.born().words(), m[2], m[4], m[1])
			f.Fix = fmt.Sprintf("Add the key, or correct its name in the template; see which keys there are:\n\n%s", prose.Indent(prose.Shell("kubectl describe %s %s -n %s", strings.ToLower(m[2]), m[4], p.Namespace)))
		} else if m := missingObject.FindStringSubmatch(text); m != nil {
			f.Message = fmt.Sprintf("%s cannot be created, %s: there is no %s %s in namespace %s", c.role(), p.born().words(), m[1], m[2], p.Namespace)
			f.Fix = fmt.Sprintf("Create it in namespace %s, or correct its name in the template; the kubelet tries again by itself:\n\n%s", p.Namespace, prose.Indent(prose.Shell("kubectl get %s -n %s", strings.ToLower(m[1])+"s", p.Namespace)))
		}
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "Failed"), 1)...)
		return f, nil
	}
	return nil, nil
})

// references are the places in a container that name the missing object.
func (p subject) references(c container, text string) []string {
	name := ""
	if m := missingKey.FindStringSubmatch(text); m != nil {
		name = m[4]
	} else if m := missingObject.FindStringSubmatch(text); m != nil {
		name = m[2]
	}
	var out []string
	add := func(where string, optional *bool) {
		if optional == nil || !*optional {
			out = append(out, fmt.Sprintf("%s of %s refers to %s", where, c.Name, name))
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			continue
		}
		if r := e.ValueFrom.ConfigMapKeyRef; r != nil && r.Name == name {
			add("env "+e.Name+" (configMapKeyRef, key "+r.Key+")", r.Optional)
		}
		if r := e.ValueFrom.SecretKeyRef; r != nil && r.Name == name {
			add("env "+e.Name+" (secretKeyRef, key "+r.Key+")", r.Optional)
		}
	}
	for _, e := range c.EnvFrom {
		if r := e.ConfigMapRef; r != nil && r.Name == name {
			add("envFrom (configMapRef)", r.Optional)
		}
		if r := e.SecretRef; r != nil && r.Name == name {
			add("envFrom (secretRef)", r.Optional)
		}
	}
	return out
}
