package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Names go into commands to copy and into headings. Those of a cluster have passed the API server's
// validation; a file has whatever somebody wrote into it. What no API server would have stored is
// refused on reading, by the API server's own rules. Texts that it stores unread (messages,
// annotations, images) are for the printers to escape.

// A rule says what is wrong with a name; nothing for one that an API server accepts.
type rule func(string) []string

var (
	label     rule = validation.IsDNS1123Label
	subdomain rule = validation.IsDNS1123Subdomain
	labelKey  rule = validation.IsQualifiedName
	// kindName is the rule for CustomResourceDefinitions; it holds for the kinds that are built in.
	kindName rule = func(s string) []string { return validation.IsDNS1035Label(strings.ToLower(s)) }
)

// names collects what is wrong with the names of a snapshot: the first is enough.
type names struct{ err error }

// is wants a name to follow a rule. object and place say whose it is; an empty name is none.
func (n *names) is(r rule, object, place, name string) {
	if n.err != nil || name == "" {
		return
	}
	if wrong := r(name); len(wrong) > 0 {
		why, _, _ := strings.Cut(wrong[0], " (e.g. ")
		n.err = fmt.Errorf("%s: %s %s cannot come from a cluster: %s", object, place, quoteShort(name), why)
	}
}

// quoteShort quotes the beginning of a name that may be a megabyte.
func quoteShort(s string) string {
	const most = 60
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// object looks at what every object has, and returns what to call it.
func (n *names) object(kind string, m *metav1.ObjectMeta, r rule) string {
	what := kind + " " + quoteShort(m.Name)
	if m.Namespace != "" {
		what += " in namespace " + quoteShort(m.Namespace)
	}
	n.is(r, kind, "the name", m.Name)
	n.is(label, what, "the namespace", m.Namespace)
	n.labels(what, "label", m.Labels)
	for _, key := range slices.Sorted(maps.Keys(m.Annotations)) {
		n.is(labelKey, what, "the annotation", strings.ToLower(key))
	}
	for _, o := range m.OwnerReferences {
		if !possible(o.APIVersion, o.Kind, o.Name) {
			n.is(never, what, "the owner", o.Kind+" "+o.Name)
		}
	}
	return what
}

func (n *names) labels(what, place string, labels map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		n.is(labelKey, what, "the "+place, key)
		n.is(validation.IsValidLabelValue, what, "the "+place+" "+quoteShort(key)+" with the value", labels[key])
	}
}

// never is the rule for what has been found to be impossible.
func never(string) []string { return []string{"no object can be called that"} }

// template looks at a pod template of a built-in kind; the API server reads those as it reads pods.
func (n *names) template(what string, t *corev1.PodTemplateSpec) {
	n.labels(what, "label of the template", t.Labels)
	n.podSpec(what, &t.Spec)
}

func (n *names) podSpec(what string, s *corev1.PodSpec) {
	n.is(subdomain, what, "the node", s.NodeName)
	n.is(subdomain, what, "the service account", s.ServiceAccountName)
	n.is(subdomain, what, "the runtime class", deref(s.RuntimeClassName))
	n.labels(what, "node selector", s.NodeSelector)
	for _, v := range s.Volumes {
		n.is(label, what, "the volume", v.Name)
	}
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			n.container(what, &list[i])
		}
	}
	for _, c := range s.EphemeralContainers {
		n.is(label, what, "the container", c.Name)
	}
}

func (n *names) container(what string, c *corev1.Container) {
	n.is(label, what, "the container", c.Name)
	for _, e := range c.Env {
		n.is(validation.IsRelaxedEnvVarName, what, "the environment variable", e.Name)
		if e.ValueFrom == nil {
			continue
		}
		if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
			n.is(validation.IsConfigMapKey, what, "the key", r.Key)
		}
		if r := e.ValueFrom.SecretKeyRef; r != nil {
			n.is(validation.IsConfigMapKey, what, "the key", r.Key)
		}
	}
	for _, p := range c.Ports {
		n.is(validation.IsValidPortName, what, "the port", p.Name)
	}
	for _, m := range c.VolumeMounts {
		n.is(label, what, "the volume", m.Name)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// possible reports whether there can be an object that a reference is about. The API server does not look
// at references: whoever may create a pod or an event writes into them what he likes. Every pod that
// is read has one, so it is a rough look: nothing but what names are made of.
func possible(apiVersion, kind, name string) bool {
	made := func(of, s string) bool {
		return len(s) <= validation.DNS1123SubdomainMaxLength && !strings.HasPrefix(s, "-") && strings.Trim(s, of) == ""
	}
	const lower = "abcdefghijklmnopqrstuvwxyz0123456789.-"
	return made(lower, name) && made(lower+"/", apiVersion) && made(lower+"ABCDEFGHIJKLMNOPQRSTUVWXYZ", kind)
}

// possibleOwners are the references that can be about something.
func possibleOwners(refs []metav1.OwnerReference) []metav1.OwnerReference {
	wrong := func(r metav1.OwnerReference) bool { return !possible(r.APIVersion, r.Kind, r.Name) }
	if !slices.ContainsFunc(refs, wrong) {
		return refs
	}
	return slices.DeleteFunc(slices.Clone(refs), wrong)
}

// about is what an event is about; nothing where there can be no such object.
func about(r corev1.ObjectReference) corev1.ObjectReference {
	if !possible(r.APIVersion, r.Kind, r.Name) || !possible("", "", r.Namespace) {
		return corev1.ObjectReference{}
	}
	return corev1.ObjectReference{
		APIVersion: r.APIVersion, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, UID: r.UID, FieldPath: r.FieldPath,
	}
}
