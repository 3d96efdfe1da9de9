// Package known is what is publicly known of software that strips restartPolicy from init containers, of injectors of
// sidecars, of sidecars themselves, of meshes, of what runs Jobs, of scheduling gates, and of bugs of Kubernetes: data,
// each entry with its sources. The canaries prove what happens in a cluster; this says what is known for it, and since
// when it is fixed.
package known

import (
	"embed"
	"slices"
	"sync"

	"sigs.k8s.io/yaml"
)

//go:embed webhooks.yaml crds.yaml injectors.yaml sidecars.yaml runners.yaml meshes.yaml bugs.yaml schedulinggates.yaml helpers.yaml
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

// A Source is a page that an entry rests on, and when it is from: a year, a month or a day.
type Source struct {
	URL  string `json:"url"`
	Date string `json:"date"`
}

// A Webhook is software whose mutating webhook is known to strip.
type Webhook struct {
	ID       string   `json:"id"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	// What it does to pods, as the rest of a sentence that begins with its name.
	What string `json:"what"`
	Recognize
	// Through is the last version that is known to strip, Fixed the first that does not. Through
	// without Fixed: none was good. Neither: the sources name no version.
	Through string `json:"through,omitempty"`
	Fixed   string `json:"fixed,omitempty"`
	// OnlyWhen says which pods it acts on; empty for all that it is called for.
	OnlyWhen string `json:"onlyWhen,omitempty"`
	// Remedy is what else there is to know about repairing it.
	Remedy  string   `json:"remedy,omitempty"`
	Sources []Source `json:"sources"`
}

// A CRD is software whose CRD once pruned the field.
type CRD struct {
	CRD      string   `json:"crd"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	// Through is the last release whose CRD prunes, Fixed the first whose CRD has the field.
	Through string   `json:"through"`
	Fixed   string   `json:"fixed"`
	Sources []Source `json:"sources"`
}

// An Injector puts sidecars into pods.
type Injector struct {
	ID       string   `json:"id"`
	Software string   `json:"software"`
	Evidence Evidence `json:"evidence"`
	Recognize
	// Containers are the names, or patterns of the names, of the sidecars.
	Containers []string `json:"containers"`
	// TagPrefix stands before the version in tags of the line of releases that Minimum is about.
	TagPrefix string `json:"tagPrefix,omitempty"`
	// Minimum is the first version that can inject native sidecars; Unsupported is set where none can.
	Minimum     string `json:"minimum,omitempty"`
	Unsupported bool   `json:"unsupported,omitempty"`
	// DefaultSince is the first version that does so by default, where the cluster is as Needs says.
	DefaultSince string `json:"defaultSince,omitempty"`
	Needs        Needs  `json:"needs,omitzero"`
	// Settings of the injector say otherwise.
	Settings []Setting `json:"settings,omitempty"`
	// Config is a ConfigMap beside its Service that decides; nil when none does.
	Config *Config `json:"config,omitempty"`
	// Overridden says what decides where that cannot be seen.
	Overridden string `json:"overridden,omitempty"`
	// Pods is what pods themselves say of it.
	Pods PodSettings `json:"pods,omitzero"`
	// Enable says how to switch it on.
	Enable  string   `json:"enable"`
	Sources []Source `json:"sources"`
}

// Needs are the versions of Kubernetes from which on an injector considers native sidecars safe.
type Needs struct {
	Server   string `json:"server,omitempty"`
	Kubelets string `json:"kubelets,omitempty"`
}

// The lists are read when they are first asked for. They panic on bad data: a test reads it first.
var (
	webhooks  = sync.OnceValue(func() []Webhook { return read[Webhook]("webhooks.yaml") })
	crds      = sync.OnceValue(func() []CRD { return read[CRD]("crds.yaml") })
	injectors = sync.OnceValue(func() []Injector { return read[Injector]("injectors.yaml") })
	sidecars  = sync.OnceValue(func() []Sidecar { return read[Sidecar]("sidecars.yaml") })
	meshes    = sync.OnceValue(func() []Mesh { return read[Mesh]("meshes.yaml") })
	bugs      = sync.OnceValue(func() []Bug { return read[Bug]("bugs.yaml") })

	schedulingGates = sync.OnceValue(func() []SchedulingGate { return read[SchedulingGate]("schedulinggates.yaml") })
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
