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

// trimManagedFields keeps of each entry who wrote it, when and how, and which init containers and
// which of their restartPolicies it wrote. Entries that wrote none are dropped.
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
		inits := descend(raw, path...)["f:initContainers"]
		if inits == nil {
			continue
		}
		kept := map[string]any{}
		for key, container := range decode(inits) {
			if !strings.HasPrefix(key, "k:") {
				continue
			}
			own := map[string]any{}
			for name := range decode(container) {
				if name == "f:restartPolicy" || name == "f:name" {
					own[name] = map[string]any{}
				}
			}
			kept[key] = own
		}
		var tree any = map[string]any{"f:initContainers": kept}
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
	key, err := json.Marshal(struct {
		Name string `json:"name"`
	}{name})
	if err != nil {
		return nil
	}
	var out []metav1.ManagedFieldsEntry
	for _, e := range m.ManagedFields {
		if e.FieldsV1 == nil {
			continue
		}
		for _, path := range templatePaths {
			container := decode(decode(descend(e.FieldsV1.GetRawBytes(), path...)["f:initContainers"])["k:"+string(key)])
			if _, ok := container["f:restartPolicy"]; ok {
				out = append(out, e)
				break
			}
		}
	}
	return out
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
