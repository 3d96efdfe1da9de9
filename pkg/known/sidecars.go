package known

import (
	"path"
	"slices"
)

// A Sidecar is software that usually runs next to an application; see the head of sidecars.yaml.
type Sidecar struct {
	ID string `json:"id"`
	// Name is for people.
	Name     string   `json:"name"`
	Evidence Evidence `json:"evidence"`
	// Containers are patterns of path.Match for names of containers, Images last path elements of images.
	Containers []string `json:"containers"`
	Images     []string `json:"images,omitempty"`
	// Injector is set where a webhook puts it into pods, and among the init containers only as a native sidecar.
	Injector bool `json:"injector,omitempty"`
	// Quit is the endpoint that stops it; nil where there is none or none is known.
	Quit *Endpoint `json:"quit,omitempty"`
	// Ready answers when it can be used; nil where no such endpoint is known.
	Ready *Endpoint `json:"ready,omitempty"`
	// Bind is the address that it listens on by default; empty for every address, or where that is not known.
	Bind string `json:"bind,omitempty"`
	// Wait is the command that waits until it is ready; empty where none is known.
	Wait string `json:"wait,omitempty"`
	// Mounts is set where it serves a file system that other containers of the pod mount.
	Mounts bool `json:"mounts,omitempty"`
	// Unhealthy says what it means that its health endpoint reports an error; empty where that is not known.
	Unhealthy string `json:"unhealthy,omitempty"`
	// Memory says how its injector is told its memory limit; empty where people write it themselves.
	Memory string `json:"memory,omitempty"`
	// Native says how its injector makes a native sidecar of it; empty where people write it themselves.
	Native  string   `json:"native,omitempty"`
	Sources []Source `json:"sources"`
}

// An Endpoint is where a sidecar answers inside the pod. Method is empty for GET.
type Endpoint struct {
	Method string `json:"method,omitempty"`
	Port   int    `json:"port"`
	Path   string `json:"path"`
	// Needs is what must be switched on for it; empty when it is there by default.
	Needs string `json:"needs,omitempty"`
}

// SidecarOf is the software that a container runs, by its name, else by the last path element of its image;
// nil when it is not known.
func SidecarOf(container, image string) *Sidecar {
	list := sidecars()
	i := slices.IndexFunc(list, func(s Sidecar) bool {
		return slices.ContainsFunc(s.Containers, func(pattern string) bool { ok, _ := path.Match(pattern, container); return ok })
	})
	if i < 0 {
		i = slices.IndexFunc(list, func(s Sidecar) bool { return slices.Contains(s.Images, image) })
	}
	if i < 0 {
		return nil
	}
	return &list[i]
}

// Sidecars are all there is.
func Sidecars() []Sidecar { return slices.Clone(sidecars()) }
