package facts

import (
	"encoding/json"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// templatePaths are where a pod spec is in a Pod, in a workload with a template, and in a CronJob,
// as managedFields write it.
var templatePaths = [][]string{
	{"f:spec"},
	{"f:spec", "f:template", "f:spec"},
	{"f:spec", "f:jobTemplate", "f:spec", "f:template", "f:spec"},
}

type fields = map[string]json.RawMessage

// keptLists are the lists of a pod spec of which managedFields are kept: with which containers a pod was sent tells what
// webhooks put into it, and who set a scheduling gate should remove it.
var keptLists = []string{"f:initContainers", "f:containers", "f:schedulingGates"}

// trimManagedFields keeps of each entry who wrote it, when and how, and which containers, which of their
// restartPolicies and which scheduling gates it wrote. Entries that wrote none are dropped.
func trimManagedFields(in []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, e := range in {
		if e.FieldsV1 == nil {
			continue
		}
		trimmed := trimFields(e.FieldsV1.GetRawBytes())
		if trimmed == nil {
			continue
		}
		out = append(out, metav1.ManagedFieldsEntry{
			Manager: e.Manager, Operation: e.Operation, APIVersion: e.APIVersion, Time: e.Time,
			FieldsType: e.FieldsType, FieldsV1: metav1.NewFieldsV1(string(trimmed)), Subresource: e.Subresource,
		})
	}
	return out
}

func trimFields(raw []byte) []byte {
	for _, path := range templatePaths {
		spec, kept := descend(raw, path...), map[string]any{}
		for _, list := range keptLists {
			if spec[list] != nil {
				kept[list] = trimList(spec[list])
			}
		}
		if len(kept) == 0 {
			continue
		}
		var tree any = kept
		for _, step := range slices.Backward(path) {
			tree = map[string]any{step: tree}
		}
		out, err := json.Marshal(tree)
		if err != nil {
			return nil
		}
		return out
	}
	return nil
}

// trimList keeps the keys of a list's elements, and whether their name and restartPolicy were written.
func trimList(list json.RawMessage) map[string]any {
	kept := map[string]any{}
	for key, element := range decode(list) {
		if !strings.HasPrefix(key, "k:") {
			continue
		}
		own := map[string]any{}
		for name := range decode(element) {
			if name == "f:restartPolicy" || name == "f:name" {
				own[name] = map[string]any{}
			}
		}
		kept[key] = own
	}
	return kept
}

func decode(raw json.RawMessage) fields {
	var out fields
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

func descend(raw json.RawMessage, path ...string) fields {
	for _, step := range path {
		raw = decode(raw)[step]
	}
	return decode(raw)
}

// SentAlways lists, in the order of managedFields, who wrote the restartPolicy of the init
// container name into an object. The API server notes that before it calls webhooks and before it
// drops a field whose gate is off, so the note outlives the field. The value is not noted; of
// an init container it can only be Always on a server that also dropped it.
func SentAlways(m *metav1.ObjectMeta, name string) []metav1.ManagedFieldsEntry {
	return sentIn(m, func(spec fields) bool { return sentPolicy(spec["f:initContainers"], name) })
}

// SentRegularPolicy lists who wrote the restartPolicy of a regular container, where it is not allowed before 1.34.
func SentRegularPolicy(m *metav1.ObjectMeta, name string) []metav1.ManagedFieldsEntry {
	return sentIn(m, func(spec fields) bool { return sentPolicy(spec["f:containers"], name) })
}

func sentPolicy(list json.RawMessage, container string) bool {
	_, ok := decode(decode(list)[nameKey(container)])["f:restartPolicy"]
	return ok
}

// GateManagers lists who wrote a scheduling gate into an object; none where a webhook did.
func GateManagers(m *metav1.ObjectMeta, gate string) []metav1.ManagedFieldsEntry {
	return sentIn(m, func(spec fields) bool { return decode(spec["f:schedulingGates"])[nameKey(gate)] != nil })
}

// NotSent reports whether whoever created an object sent it without a container, init container or regular, so a
// webhook added it. It is false where managedFields do not tell.
func NotSent(m *metav1.ObjectMeta, name string) bool {
	return ContainersSent(m) && !Sent(m, name)
}

// ContainersSent reports whether managedFields tell with which containers an object was sent, so what else is in it and
// not in them was put there by a webhook.
func ContainersSent(m *metav1.ObjectMeta) bool {
	return len(sentIn(m, func(spec fields) bool { return spec["f:containers"] != nil })) > 0
}

// Sent reports whether somebody wrote a container, init container or regular, into an object, according to managedFields.
func Sent(m *metav1.ObjectMeta, name string) bool {
	return len(sentIn(m, func(spec fields) bool {
		return decode(spec["f:initContainers"])[nameKey(name)] != nil || decode(spec["f:containers"])[nameKey(name)] != nil
	})) > 0
}

// sentIn lists the entries of managedFields whose pod spec fits.
func sentIn(m *metav1.ObjectMeta, fits func(spec fields) bool) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, e := range m.ManagedFields {
		if e.FieldsV1 == nil {
			continue
		}
		for _, path := range templatePaths {
			if fits(descend(e.FieldsV1.GetRawBytes(), path...)) {
				out = append(out, e)
				break
			}
		}
	}
	return out
}

// nameKey is the key by which managedFields know an element that is told by its name.
func nameKey(name string) string {
	key, err := json.Marshal(struct {
		Name string `json:"name"`
	}{name})
	if err != nil {
		return ""
	}
	return "k:" + string(key)
}

// AppliedAlways is the names of the init containers that had restartPolicy Always when the object
// was last applied with client-side kubectl apply; nil when it was not.
func AppliedAlways(m *metav1.ObjectMeta) []string {
	return alwaysIn([]byte(m.Annotations[LastAppliedAnnotation]))
}

// alwaysIn finds the init containers with restartPolicy Always in a manifest, wherever its first
// pod template is.
func alwaysIn(manifest []byte) []string {
	var out []string
	for _, c := range initContainersIn(manifest) {
		if c.RestartPolicy == string(corev1.ContainerRestartPolicyAlways) {
			out = append(out, c.Name)
		}
	}
	return out
}

type appliedContainer struct {
	Name          string `json:"name"`
	RestartPolicy string `json:"restartPolicy,omitempty"`
}

// initContainersIn searches a manifest for the first list named initContainers. Keys are tried in
// order, so the answer does not depend on a map's.
func initContainersIn(raw json.RawMessage) []appliedContainer {
	object := decode(raw)
	if inits, ok := object["initContainers"]; ok {
		var out []appliedContainer
		if json.Unmarshal(inits, &out) == nil {
			return out
		}
	}
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if found := initContainersIn(object[key]); found != nil {
			return found
		}
	}
	return nil
}

// trimApplied reduces what was applied to the names and restart policies of init containers.
func trimApplied(manifest string) string {
	inits := initContainersIn([]byte(manifest))
	if inits == nil {
		return ""
	}
	out, err := json.Marshal(map[string]any{"initContainers": inits})
	if err != nil {
		return ""
	}
	return string(out)
}
