package workload

import (
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Unrecognized is a list of containers in an object that is not known to have a pod template there: nobody has looked at
// these containers.
type Unrecognized struct {
	APIVersion, Kind, Namespace, Name string
	// Place is that of the list.
	Place Place
	// Way are the keys from the object to the list.
	Way []string
}

// Missing is the field without which nobody knows what the object is; empty where it has both.
func (u *Unrecognized) Missing() string {
	switch {
	case u.APIVersion == "" && u.Kind == "":
		return "apiVersion and kind"
	case u.APIVersion == "":
		return "apiVersion"
	case u.Kind == "":
		return "kind"
	}
	return ""
}

// findUnrecognized finds lists of containers besides the pod specs that ways lead to.
func (d *Document) findUnrecognized(object map[string]any, node *yaml.Node, root []string, ways [][]string) {
	if !mayHide(text(object["apiVersion"]), text(object["kind"])) {
		return
	}
	for _, way := range containerLists(object, nil, ways) {
		w := d.workload(object, node, root, nil, false)
		d.Unrecognized = append(d.Unrecognized, Unrecognized{w.APIVersion, w.Kind, w.Namespace, w.Name, w.AtObject(way...), way})
	}
}

// mayHide reports whether a kind may have pod templates that are not known. Kubernetes' own have none, besides a copy of
// the history of a workload; and the schema of a resource is no resource.
func mayHide(apiVersion, name string) bool {
	if name == "CustomResourceDefinition" {
		return false
	}
	if apiVersion == "" || name == "" {
		return true // nobody knows what it is
	}
	k := kindOf(apiVersion, name)
	known := k != nil && builtIn(k.group)
	return !known && !(apiVersion == "apps/v1" && name == "ControllerRevision")
}

// containerLists are the ways to lists of containers below a value, but for those in the pod specs that are known.
func containerLists(at any, way []string, known [][]string) [][]string {
	if slices.ContainsFunc(known, func(k []string) bool { return slices.Equal(k, way) }) {
		return nil
	}
	var out [][]string
	switch value := at.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			below := append(slices.Clone(way), key)
			if key == "containers" && isContainers(value[key]) {
				out = append(out, below)
				continue
			}
			out = append(out, containerLists(value[key], below, known)...)
		}
	case []any:
		for i, item := range value {
			out = append(out, containerLists(item, append(slices.Clone(way), strconv.Itoa(i)), known)...)
		}
	}
	return out
}

// namesImages reports whether there is a list of containers below a value, whatever its name is.
func namesImages(at any) bool {
	switch value := at.(type) {
	case map[string]any:
		for _, below := range value {
			if namesImages(below) {
				return true
			}
		}
	case []any:
		return isContainers(value) || slices.ContainsFunc(value, namesImages)
	}
	return false
}

// isContainers reports whether a value is a list with an item that has a name and an image.
func isContainers(value any) bool {
	list, _ := value.([]any)
	return slices.ContainsFunc(list, func(item any) bool {
		fields, _ := item.(map[string]any)
		return text(fields["name"]) != "" && text(fields["image"]) != ""
	})
}
