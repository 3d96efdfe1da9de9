package kustomize

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
)

// Carry is a change of one pod spec as a change of an object's, which has the same containers, maybe at other places. What
// is set or dropped has to be the same there.
func Carry(c edit.Change, from, object map[string]any, way []string) (edit.Change, error) {
	to := SpecOf(object, way)
	out := edit.Change{Way: way, Moves: c.Moves}
	for _, s := range c.Sets {
		path, err := carried(s.Path, from, to)
		if err != nil {
			return out, err
		}
		out.Sets = append(out.Sets, edit.Set{Path: path, Value: s.Value})
	}
	for _, d := range c.Drops {
		path, err := carried(d.Path, from, to)
		if err != nil {
			return out, err
		}
		out.Drops = append(out.Drops, edit.Drop{Path: path})
	}
	return out, nil
}

// carried is the path of a field in another pod spec: items of lists are found by their names, or, where they have none,
// by what they are.
func carried(path []string, from, to map[string]any) ([]string, error) {
	var a, b any = from, to
	out := slices.Clone(path)
	for i, key := range path {
		switch here := a.(type) {
		case map[string]any:
			there, _ := b.(map[string]any)
			a, b = here[key], there[key]
		case []any:
			at, err := strconv.Atoi(key)
			there, _ := b.([]any)
			if err != nil || at < 0 || at >= len(here) {
				return nil, fmt.Errorf("%s is not there", strings.Join(path, "."))
			}
			j := slices.IndexFunc(there, func(v any) bool { return sameItem(here[at], v) })
			if j < 0 {
				return nil, fmt.Errorf("%s is not the same there", strings.Join(path, "."))
			}
			out[i], a, b = strconv.Itoa(j), here[at], there[j]
		}
	}
	if len(path) > 2 && !reflect.DeepEqual(plain(a), plain(b)) || a == nil {
		return nil, fmt.Errorf("%s is not the same there", strings.Join(path, "."))
	}
	return out, nil
}

// sameItem reports whether two items of lists are about the same. Mounts of one volume differ by their path.
func sameItem(a, b any) bool {
	x, isMap := a.(map[string]any)
	y, _ := b.(map[string]any)
	if !isMap {
		return reflect.DeepEqual(plain(a), plain(b))
	}
	return x["name"] == y["name"] && x["mountPath"] == y["mountPath"]
}
