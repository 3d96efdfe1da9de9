package known

import (
	"path"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Recognize is how software shows in a cluster. Names may be patterns as of [path.Match].
type Recognize struct {
	// Webhooks are names of webhooks, Configurations those of the configurations that they stand in.
	Webhooks       []string `json:"webhooks,omitempty"`
	Configurations []string `json:"configurations,omitempty"`
	// Services are names of the Services behind webhooks, without namespace.
	Services []string `json:"services,omitempty"`
	// Images are ends of image repositories, without registry and tag.
	Images []string `json:"images,omitempty"`
}

// A Seen is what a cluster shows of one webhook.
type Seen struct {
	Configuration, Webhook string
	// Service is "namespace/name"; empty for a webhook that is called by URL.
	Service string
	// Images are those of the pods behind the Service.
	Images []string
}

// Matches reports whether a webhook is this software's. Any one sign is enough, where the sign is there:
// names say it as well as images do.
func (r Recognize) Matches(s Seen) bool {
	return matchesAny(r.Webhooks, s.Webhook) || matchesAny(r.Configurations, s.Configuration) ||
		s.Service != "" && matchesAny(r.Services, path.Base(s.Service)) || len(r.Own(s.Images)) > 0
}

// Own are those of images that are the software's own, not of sidecars beside it.
func (r Recognize) Own(images []string) []string {
	var out []string
	for _, image := range images {
		repository, _ := facts.SplitImage(image)
		if slices.ContainsFunc(r.Images, func(end string) bool { return repository == end || strings.HasSuffix(repository, "/"+end) }) {
			out = append(out, image)
		}
	}
	return out
}

// Injects reports whether a container is one of the injector's sidecars, by its name.
func (i Injector) Injects(container string) bool { return matchesAny(i.Containers, container) }

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
