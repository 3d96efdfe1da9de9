package known

import (
	"path"
	"slices"
	"strings"
	"sync"
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
	// Front is set where it usually stands before the application and passes requests on to it.
	Front bool `json:"front,omitempty"`
	// Quit is the endpoint that stops it; nil where there is none or none is known.
	Quit *Endpoint `json:"quit,omitempty"`
	// Ready answers when it can be used; nil where no such endpoint is known.
	Ready *Endpoint `json:"ready,omitempty"`
	// Bind is the address that it listens on by default, except for Ready; empty for every address, or where that is not known.
	Bind string `json:"bind,omitempty"`
	// Wait is the command that waits until it is ready; empty where none is known.
	Wait string `json:"wait,omitempty"`
	// Exec is a command in its image that succeeds when it can be used; empty where none is known.
	Exec []string `json:"exec,omitempty"`
	// Open are ways to make it answer where the kubelet's probes ask, the first that fits counts.
	Open []Opening `json:"open,omitempty"`
	// Variables is how the names of the environment variables begin that stand for its flags: CSQL_PROXY_HTTP_PORT for
	// --http-port; empty where there are none.
	Variables string `json:"variables,omitempty"`
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
	// Flag of the command line, or Annotation of the pod with its value, is what Needs speaks of; empty where neither is.
	Flag            string `json:"flag,omitempty"`
	Annotation      string `json:"annotation,omitempty"`
	AnnotationValue string `json:"annotationValue,omitempty"`
}

// An Opening is what to add to the command line of a sidecar so it has an endpoint that the kubelet reaches.
type Opening struct {
	// When are texts of which one stands in its image or command line; empty for all. Unless are texts that do not.
	When   []string `json:"when,omitempty"`
	Unless []string `json:"unless,omitempty"`
	Args   []string `json:"args"`
	Endpoint
	// PortFlag sets another port than the default.
	PortFlag string `json:"portFlag,omitempty"`
}

// Opening is how to open an endpoint of the sidecar with this image and command line; nil where it is not known.
func (s *Sidecar) Opening(image, line string) *Opening {
	has := func(text string) bool { return strings.Contains(image+" "+line, text) }
	i := slices.IndexFunc(s.Open, func(o Opening) bool {
		return (len(o.When) == 0 || slices.ContainsFunc(o.When, has)) && !slices.ContainsFunc(o.Unless, has)
	})
	if i < 0 {
		return nil
	}
	return &s.Open[i]
}

// SidecarOf is the software that a container runs, by its name, else by the last path element of its image;
// nil when it is not known.
func SidecarOf(container, image string) *Sidecar {
	index := sidecarIndex()
	i, found := index.containers[container]
	for _, g := range index.patterns {
		if found && i < g.of {
			break
		}
		if ok, _ := path.Match(g.pattern, container); ok {
			i, found = g.of, true
			break
		}
	}
	if !found {
		i, found = index.images[image]
	}
	if !found {
		return nil
	}
	return &sidecars()[i]
}

// A sidecarNames has which of the sidecars a name is of: the first of them.
type sidecarNames struct {
	containers, images map[string]int
	// patterns are those of names that are no names themselves, in order.
	patterns []struct {
		pattern string
		of      int
	}
}

var sidecarIndex = sync.OnceValue(func() sidecarNames {
	out := sidecarNames{containers: map[string]int{}, images: map[string]int{}}
	first := func(of map[string]int, name string, i int) {
		if _, there := of[name]; !there {
			of[name] = i
		}
	}
	for i, s := range sidecars() {
		for _, name := range s.Containers {
			if strings.ContainsAny(name, `*?[\`) {
				out.patterns = append(out.patterns, struct {
					pattern string
					of      int
				}{name, i})
			} else {
				first(out.containers, name, i)
			}
		}
		for _, name := range s.Images {
			first(out.images, name, i)
		}
	}
	return out
})

// Sidecars are all there is.
func Sidecars() []Sidecar { return slices.Clone(sidecars()) }
