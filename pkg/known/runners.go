package known

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// A Runner is software that makes pods which run to completion, and that has a hand in how they end; see the head of
// runners.yaml.
type Runner struct {
	ID string `json:"id"`
	// Name is for people.
	Name     string   `json:"name"`
	Evidence Evidence `json:"evidence"`
	// Owners are kinds with their group, Labels keys of labels of its pods.
	Owners []string `json:"owners,omitempty"`
	Labels []string `json:"labels,omitempty"`
	// Work are patterns of path.Match for names of the containers that do the work.
	Work []string `json:"work"`
	// Readers are containers that it needs after the work, Reads says what for.
	Readers []string `json:"readers,omitempty"`
	Reads   string   `json:"reads,omitempty"`
	// Save and Release are commands in a reader: one prints the results, the other ends it. Either may be empty.
	Save    string `json:"save,omitempty"`
	Release string `json:"release,omitempty"`
	// Stops says how it stops what is left of a pod; empty where it does not.
	Stops string `json:"stops,omitempty"`
	// Look says where to see why it has not done so.
	Look string `json:"look,omitempty"`
	// Template is where people write a native sidecar of its pods; empty where they cannot, or should not.
	Template string   `json:"template,omitempty"`
	Sources  []Source `json:"sources"`
}

var runners = sync.OnceValue(func() []Runner { return read[Runner]("runners.yaml") })

// RunnerOf is whose pod one is, by the kinds with group of what owns it and by its labels; nil when that is not known.
func RunnerOf(owners []string, labels map[string]string) *Runner {
	list := runners()
	i := slices.IndexFunc(list, func(r Runner) bool {
		return slices.ContainsFunc(r.Owners, func(o string) bool { return slices.Contains(owners, o) })
	})
	if i < 0 {
		i = slices.IndexFunc(list, func(r Runner) bool {
			return slices.ContainsFunc(r.Labels, func(key string) bool { _, ok := labels[key]; return ok })
		})
	}
	if i < 0 {
		return nil
	}
	return &list[i]
}

// RunnerReading is the software that needs a container of that name after the work, where nothing else tells whose
// pod it is; nil for a name that could be anybody's.
func RunnerReading(container string) *Runner {
	list := runners()
	i := slices.IndexFunc(list, func(r Runner) bool {
		return strings.Contains(container, "-") && slices.Contains(r.Readers, container)
	})
	if i < 0 {
		return nil
	}
	return &list[i]
}

// Works reports whether a container of that name does the work.
func (r *Runner) Works(container string) bool {
	return slices.ContainsFunc(r.Work, func(pattern string) bool { ok, _ := path.Match(pattern, container); return ok })
}
