// Package known is what is publicly known of software that takes restartPolicy from init containers,
// and of injectors of sidecars: data, each entry with its sources and how good they are. The canaries
// prove what happens in a cluster; this says who is known for it, and since when it is fixed.
package known

import (
	"embed"
	"path"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"
)

//go:embed webhooks.yaml crds.yaml injectors.yaml
var data embed.FS

// Evidence is how well an entry is founded; see the head of webhooks.yaml.
type Evidence string

const (
	Reported  Evidence = "reported"
	VendorDoc Evidence = "vendor-doc"
	Code      Evidence = "code"
	// Inferred entries are never stated as fact.
	Inferred Evidence = "inferred"
)

// Recognise is how software shows in a cluster.
type Recognise struct {
	// Webhooks are names of webhooks (not of their configurations).
	Webhooks []string `json:"webhooks,omitempty"`
	// Services are names of the Services behind webhooks, without namespace.
	Services []string `json:"services,omitempty"`
	// Images are ends of image repositories, without registry and tag.
	Images []string `json:"images,omitempty"`
}

// A Webhook is software whose mutating webhook is known to strip.
type Webhook struct {
	ID       string   `json:"id"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	Recognise
	// Fixed is the first version that does not strip; Unfixed is set where there is none.
	Fixed   string `json:"fixed,omitempty"`
	Unfixed bool   `json:"unfixed,omitempty"`
	// OnlyWhen says which pods it acts on; empty for all that it is called for.
	OnlyWhen string   `json:"onlyWhen,omitempty"`
	Sources  []string `json:"sources"`
}

// A CRD is software whose CRD once pruned the field.
type CRD struct {
	CRD      string   `json:"crd"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	// Fixed is the first version whose CRD has the field.
	Fixed   string   `json:"fixed"`
	Sources []string `json:"sources"`
}

// An Injector puts sidecars into pods.
type Injector struct {
	ID       string   `json:"id"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	Recognise
	// Minimum is the first version that can inject native sidecars.
	Minimum string `json:"minimum,omitempty"`
	// DefaultSince is the first version that does so by itself, ByDefault under what condition.
	DefaultSince string `json:"defaultSince,omitempty"`
	ByDefault    string `json:"byDefault,omitempty"`
	// Setting is the environment variable of the injector by which it is told.
	Setting string `json:"setting,omitempty"`
	// Enable says how to switch it on.
	Enable  string   `json:"enable"`
	Sources []string `json:"sources"`
}

// The lists are read when they are first asked for. They panic on bad data: a test reads it first.
var (
	webhooks  = sync.OnceValue(func() []Webhook { return read[Webhook]("webhooks.yaml") })
	crds      = sync.OnceValue(func() []CRD { return read[CRD]("crds.yaml") })
	injectors = sync.OnceValue(func() []Injector { return read[Injector]("injectors.yaml") })
)

func read[T any](name string) []T {
	text, err := data.ReadFile(name)
	var out []T
	if err == nil {
		err = yaml.UnmarshalStrict(text, &out)
	}
	if err != nil {
		panic("known: " + name + ": " + err.Error())
	}
	return out
}

// CRDByName is what is known of a CustomResourceDefinition.
func CRDByName(name string) (CRD, bool) {
	for _, c := range crds() {
		if c.CRD == name {
			return c, true
		}
	}
	return CRD{}, false
}

// Webhooks and Injectors are all there is.
func Webhooks() []Webhook   { return slices.Clone(webhooks()) }
func Injectors() []Injector { return slices.Clone(injectors()) }

// Matches reports whether a webhook is this software's. Any one sign is enough, where the sign is there:
// names of webhooks and Services say it as well as images do.
func (r Recognise) Matches(webhook, service string, images []string) bool {
	if slices.Contains(r.Webhooks, webhook) || service != "" && slices.Contains(r.Services, path.Base(service)) {
		return true
	}
	_, found := r.Version(images)
	return found
}

// Version is the tag of the software's own image among images; found is whether it is there at all.
func (r Recognise) Version(images []string) (tag string, found bool) {
	for _, image := range images {
		repository, tag := split(image)
		for _, end := range r.Images {
			if repository == end || strings.HasSuffix(repository, "/"+end) {
				return tag, true
			}
		}
	}
	return "", false
}

// split cuts an image reference into repository and tag; a digest is dropped.
func split(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, ""
}
