package facts

import "fmt"

// IgnoreAnnotation is where somebody writes on an object which findings about it do not count, why, and
// for how long. It is the only annotation that is kept of nodes, namespaces, webhook configurations,
// policies, CRDs and static pods; package report reads what is in it.
const IgnoreAnnotation = "kubectl-sidecar.dev/ignore"

// maxIgnore is how long it may be, in bytes: a few sentences for each of a few checks.
const maxIgnore = 4096

// IgnoreOf is the value of the annotation, without what looks like a credential; empty when there is
// none. One that is too long is replaced by a text that no reader takes for a valid one, since a part of
// it might say what the whole does not. One that is there and empty is a blank, for the same reason.
func IgnoreOf(annotations map[string]string) string {
	text, ok := annotations[IgnoreAnnotation]
	switch {
	case !ok:
		return ""
	case text == "":
		return " "
	case len(text) > maxIgnore:
		return fmt.Sprintf("(%d bytes, more than the %d that are read)", len(text), maxIgnore)
	}
	return redactText(text)
}

// keepIgnore is that annotation alone; nil when it is not there.
func keepIgnore(annotations map[string]string) map[string]string {
	if text := IgnoreOf(annotations); text != "" {
		return map[string]string{IgnoreAnnotation: text}
	}
	return nil
}
