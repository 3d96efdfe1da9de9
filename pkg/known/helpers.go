package known

import (
	"slices"
	"sync"
)

// A Helper is software that people call a sidecar, and that needs the application to run; see the head of helpers.yaml.
type Helper struct {
	ID string `json:"id"`
	// Name is for people.
	Name   string   `json:"name"`
	Images []string `json:"images"`
	// Needs says what of the application it needs.
	Needs   string   `json:"needs"`
	Sources []Source `json:"sources"`
}

var helpers = sync.OnceValue(func() []Helper { return read[Helper]("helpers.yaml") })

// HelperOf is what is known of a helper, by the last path element of its image; nil when it is not known.
func HelperOf(image string) *Helper {
	list := helpers()
	i := slices.IndexFunc(list, func(h Helper) bool { return slices.Contains(h.Images, image) })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// Helpers are all there is.
func Helpers() []Helper { return slices.Clone(helpers()) }
