package kustomize

import (
	"slices"
	"strconv"
	"strings"
)

// lists are those with containers.
var lists = []string{"containers", "initContainers"}

// A lineup is who stands where before the move and after it, from one patch to the next: a patch that counts containers
// means those that the patches before it have left.
type lineup struct {
	before, after map[string][]string
	// lost is set once nobody knows who stands where: a list was replaced as a whole.
	lost bool
}

func (m *Moved) lineup() *lineup {
	l := &lineup{before: map[string][]string{}, after: map[string][]string{}}
	for _, list := range lists {
		l.before[list], l.after[list] = namesIn(m.Before, list), namesIn(m.After, list)
	}
	return l
}

func namesIn(spec map[string]any, list string) []string {
	items, _ := spec[list].([]any)
	var out []string
	for _, item := range items {
		out = append(out, nameOf(item))
	}
	return out
}

// now is where the container with an index stands after the move.
func (l *lineup) now(list string, i int) (string, int, bool) {
	if l.lost || i < 0 || i >= len(l.before[list]) {
		return "", 0, false
	}
	for _, to := range lists {
		if at := slices.Index(l.after[to], l.before[list][i]); at >= 0 {
			return to, at, true
		}
	}
	return "", 0, false
}

// add puts a container at an index, and behind the same ones after the move. It returns where it then stands.
func (l *lineup) add(list string, i int, name string) int {
	at := 0
	for _, o := range l.before[list][:i] {
		at = max(at, slices.Index(l.after[list], o)+1)
	}
	l.before[list] = slices.Insert(l.before[list], i, name)
	l.after[list] = slices.Insert(l.after[list], at, name)
	return at
}

// remove takes a container away, wherever it stands.
func (l *lineup) remove(name string) {
	for _, list := range lists {
		same := func(o string) bool { return o == name }
		l.before[list], l.after[list] = slices.DeleteFunc(l.before[list], same), slices.DeleteFunc(l.after[list], same)
	}
}

// operation is what the path of an operation of a JSON patch has to be after the move, from the lists on, and whether that
// is known. What it does to the lists is noted.
func (l *lineup) operation(kind, list, index, tail string, value any) (instead string, known bool) {
	i, err := strconv.Atoi(index)
	switch {
	case kind == "add" && tail == "":
		return l.added(list, index, nameOf(value))
	case err != nil, tail == "" && (kind == "move" || kind == "copy"):
		l.lost = l.lost || kind != "test"
		return "", false
	}
	to, at, known := l.now(list, i)
	if !known {
		return "", false
	}
	switch {
	case tail != "" || kind == "test":
	case kind == "remove":
		l.remove(l.before[list][i])
	default:
		l.before[list][i], l.after[to][at] = nameOf(value), nameOf(value)
	}
	return strings.TrimSuffix(to+"/"+strconv.Itoa(at)+"/"+tail, "/"), true
}

// added is where a container has to be added after the move; "-" is the end. With another index the list itself is set.
func (l *lineup) added(list, index, name string) (instead string, known bool) {
	i, err := strconv.Atoi(index)
	if index == "-" {
		i, err = len(l.before[list]), nil
	}
	if err != nil || l.lost || i < 0 || i > len(l.before[list]) {
		l.lost = true
		return "", false
	}
	at := l.add(list, i, name)
	if index == "-" && at == len(l.after[list])-1 {
		return list + "/-", true
	}
	return list + "/" + strconv.Itoa(at), true
}

// merge notes what a strategic patch does to the lists: new containers come first.
func (l *lineup) merge(m *Moved, spec map[string]any) {
	for _, list := range lists {
		items, _ := spec[list].([]any)
		added := 0
		for _, item := range items {
			fields, _ := item.(map[string]any)
			name := nameOf(item)
			switch {
			case fields["$patch"] == "delete":
				l.remove(name)
			case name == "":
				l.lost = l.lost || fields["$patch"] != nil
			case slices.Contains(l.before[list], name):
			default:
				to := list
				if list == "containers" && slices.Contains(m.Containers, name) {
					to = "initContainers" // the patch that brings it makes a native sidecar of it
				}
				l.before[list] = slices.Insert(l.before[list], added, name)
				l.after[to] = slices.Insert(l.after[to], min(added, len(l.after[to])), name)
				added++
			}
		}
	}
}
