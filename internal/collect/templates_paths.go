package collect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A place is where an object has a list of init containers: the way to what holds it, keys and indexes, and what the
// list is called there.
type place struct {
	way  []any
	list string
}

// at returns what is at the end of a way through an object, nil when the way ends before.
func at(object any, way []any) any {
	for _, step := range way {
		switch of := object.(type) {
		case map[string]any:
			key, _ := step.(string)
			object = of[key]
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(of) {
				return nil
			}
			object = of[i]
		default:
			return nil
		}
	}
	return object
}

// holder is what has the list of the place, nil when there is none.
func (p place) holder(object map[string]any) map[string]any {
	out, _ := at(object, p.way).(map[string]any)
	return out
}

// add appends a container to the list of the place.
func (p place) add(object map[string]any, container map[string]any) {
	if holder := p.holder(object); holder != nil {
		list, _ := holder[p.list].([]any)
		holder[p.list] = append(slices.Clone(list), container)
	}
}

// podAt is a pod with the containers of an object, as its places have them. Where there are several places, containers
// of the second and those after it are told apart by a number before their names.
func podAt(object map[string]any, places []place) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.APIVersion, pod.Kind = "v1", "Pod"
	for i, p := range places {
		holder := p.holder(object)
		own := containersOf(holder["containers"])
		inits := containersOf(holder[p.list])
		if i > 0 {
			for _, list := range [][]corev1.Container{own, inits} {
				for j := range list {
					list[j].Name = fmt.Sprintf("%d-%s", i+1, list[j].Name)
				}
			}
		}
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, inits...)
		pod.Spec.Containers = append(pod.Spec.Containers, own...)
	}
	return pod
}

// containersOf keeps of a list of containers what tells of sidecars.
func containersOf(list any) []corev1.Container {
	var out []corev1.Container
	raw, err := json.Marshal(list)
	if err != nil || json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return reduceContainers(out)
}

// initList reports whether a list of containers of that name is one of init containers: initContainers,
// extraInitContainers and the like.
func initList(name string) bool { return strings.Contains(strings.ToLower(name), "init") }

// placesIn finds the lists of init containers of an object, and where there could be one: beside a list of containers.
func placesIn(object any) []place { return findPlaces(object, nil) }

func findPlaces(object any, way []any) []place {
	var out []place
	switch of := object.(type) {
	case map[string]any:
		found := false
		for _, key := range slices.Sorted(maps.Keys(of)) {
			if initList(key) && isContainerList(of[key]) {
				out, found = append(out, place{slices.Clone(way), key}), true
			}
		}
		if !found && isContainerList(of["containers"]) {
			out = append(out, place{slices.Clone(way), "initContainers"})
		}
		for _, key := range slices.Sorted(maps.Keys(of)) {
			if !isContainerList(of[key]) {
				out = append(out, findPlaces(of[key], append(slices.Clone(way), key))...)
			}
		}
	case []any:
		for i := range of {
			out = append(out, findPlaces(of[i], append(slices.Clone(way), i))...)
		}
	}
	return out
}

// isContainerList reports whether something is a list whose items have a name and an image.
func isContainerList(list any) bool {
	items, _ := list.([]any)
	return len(items) > 0 && !slices.ContainsFunc(items, func(item any) bool {
		c, _ := item.(map[string]any)
		_, named := c["name"].(string)
		_, image := c["image"].(string)
		return !named || !image
	})
}

// placeOf turns the path of a list in a schema ("spec.tasks[].template.spec.initContainers") into a place, and makes
// the way to it in object.
func placeOf(object map[string]any, path string) place {
	var (
		way  []any
		keys = strings.Split(path, ".")
		here = object
	)
	for _, key := range keys[:len(keys)-1] {
		name, isList := strings.CutSuffix(key, "[]")
		if name == "*" {
			name = "canary"
		}
		way = append(way, name)
		next := map[string]any{}
		if isList {
			list, _ := here[name].([]any)
			if len(list) == 0 {
				list = []any{next}
			}
			next, _ = list[0].(map[string]any)
			here[name], way = list, append(way, 0)
		} else if got, ok := here[name].(map[string]any); ok {
			next = got
		} else {
			here[name] = next
		}
		here = next
	}
	return place{way, keys[len(keys)-1]}
}
