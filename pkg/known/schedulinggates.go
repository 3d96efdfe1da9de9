package known

import (
	"path"
	"slices"
)

// A SchedulingGate is one that public software sets on pods and removes; see the head of schedulinggates.yaml.
type SchedulingGate struct {
	ID       string   `json:"id"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	// Gates are patterns of path.Match for names.
	Gates []string `json:"gates"`
	// Removes is when the software removes it, as the rest of a sentence that begins with its name.
	Removes string `json:"removes"`
	// Look is the resource whose objects in the pod's namespace tell why it has not; empty where none does.
	Look    string   `json:"look,omitempty"`
	Sources []Source `json:"sources"`
}

// SchedulingGateOf is what is known of a scheduling gate; nil when nothing is.
func SchedulingGateOf(name string) *SchedulingGate {
	list := schedulingGates()
	i := slices.IndexFunc(list, func(g SchedulingGate) bool {
		return slices.ContainsFunc(g.Gates, func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok })
	})
	if i < 0 {
		return nil
	}
	return &list[i]
}
