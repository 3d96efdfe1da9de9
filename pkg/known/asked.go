package known

import (
	"maps"
	"slices"
)

// PodSettings are labels or annotations of pods, with the values that count; "*" is any.
type PodSettings struct {
	// Asks and Refuses are for the sidecar or against it, Native for a native one.
	Asks    map[string][]string `json:"asks,omitempty"`
	Refuses map[string][]string `json:"refuses,omitempty"`
	Native  map[string][]string `json:"native,omitempty"`
}

// Asked is the setting, "key: value", by which a pod with these labels and annotations asks for a sidecar; empty where
// it does not, or refuses it.
func (p PodSettings) Asked(labels, annotations map[string]string) string {
	if p.Refused(labels, annotations) {
		return ""
	}
	return setting(p.Asks, labels, annotations)
}

// Refused reports whether a pod does not want the sidecar.
func (p PodSettings) Refused(labels, annotations map[string]string) bool {
	return setting(p.Refuses, labels, annotations) != ""
}

// IsNative reports whether a pod has a native sidecar whatever is set for all.
func (p PodSettings) IsNative(labels, annotations map[string]string) bool {
	return setting(p.Native, labels, annotations) != ""
}

func setting(wanted map[string][]string, in ...map[string]string) string {
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		for _, has := range in {
			if value, ok := has[key]; ok && (slices.Contains(wanted[key], value) || slices.Contains(wanted[key], "*")) {
				return key + ": " + value
			}
		}
	}
	return ""
}

// InjectorOf is who puts a container of that name into pods; nil where nobody is known to.
func InjectorOf(container string) *Injector {
	list := injectors()
	if i := slices.IndexFunc(list, func(i Injector) bool { return i.Injects(container) }); i >= 0 {
		return &list[i]
	}
	return nil
}
