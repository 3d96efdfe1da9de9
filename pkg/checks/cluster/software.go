package cluster

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// An installation is one webhook of a configuration, with what is behind it.
type installation struct {
	configuration, webhook string
	spec                   *admissionregistrationv1.MutatingWebhook
	backend                facts.WebhookBackend
}

func (i installation) name() string { return i.configuration + "/" + i.webhook }

func (i installation) instance() facts.Instance {
	return facts.Instance{Kind: facts.KindMutatingWebhook, Configuration: i.configuration, Name: i.webhook}
}

// installed lists all mutating webhooks.
func installed(s *facts.Snapshot) []installation {
	var out []installation
	for i := range s.MutatingWebhooks {
		for j := range s.MutatingWebhooks[i].Webhooks {
			w := &s.MutatingWebhooks[i].Webhooks[j]
			in := installation{configuration: s.MutatingWebhooks[i].Name, webhook: w.Name, spec: w}
			for _, b := range s.WebhookBackends {
				if b.Webhook == in.name() {
					in.backend = b
				}
			}
			out = append(out, in)
		}
	}
	return out
}

// A software is what is known of something, and the webhooks in which it was recognized: all those
// that have the same pods behind them.
type software[K any] struct {
	entry    K
	signs    known.Recognize
	webhooks []installation
	// gap is why the pods behind them were not read; nil when they were.
	gap *facts.Gap
}

// recognize finds known software among the webhooks. signs returns an entry's name and what it shows.
func recognize[K any](s *facts.Snapshot, entries []K, signs func(K) (string, known.Recognize)) []*software[K] {
	var out []*software[K]
	byPlace := map[string]*software[K]{}
	for _, in := range installed(s) {
		seen := known.Seen{Configuration: in.configuration, Webhook: in.webhook, Service: service(in.spec), Images: in.backend.Images}
		for _, entry := range entries {
			id, r := signs(entry)
			if !r.Matches(seen) {
				continue
			}
			place := id + " " + seen.Service
			if seen.Service == "" {
				place = id + " configuration " + seen.Configuration
			}
			if byPlace[place] == nil {
				byPlace[place] = &software[K]{entry: entry, signs: r, gap: backendGap(s, seen.Service)}
				out = append(out, byPlace[place])
			}
			byPlace[place].webhooks = append(byPlace[place].webhooks, in)
		}
	}
	return out
}

// backendGap is why what is behind a Service was not read.
func backendGap(s *facts.Snapshot, service string) *facts.Gap {
	namespace, name, _ := strings.Cut(service, "/")
	for _, g := range scoped(s, facts.WebhookBackends) {
		if g.Instance == facts.ServiceInstance(namespace, name) {
			return &g
		}
	}
	return nil
}

// unrecognized are the gaps of Services that known software can be behind.
func unrecognized[K any](s *facts.Snapshot, found []*software[K]) []facts.Gap {
	return slices.DeleteFunc(unreadServices(s), func(g facts.Gap) bool {
		return slices.ContainsFunc(found, func(f *software[K]) bool { return f.gap != nil && f.gap.Instance == g.Instance })
	})
}

// unreadServices are the gaps of Services and their pods; those of the settings of injectors are not about
// whether and what they answer.
func unreadServices(s *facts.Snapshot) []facts.Gap {
	return slices.DeleteFunc(scoped(s, facts.WebhookBackends), func(g facts.Gap) bool { return g.Instance.Kind == facts.KindConfigMap })
}

// service is "namespace/name"; empty for a webhook that is called by URL.
func service(w *admissionregistrationv1.MutatingWebhook) string {
	if ref := w.ClientConfig.Service; ref != nil {
		return ref.Namespace + "/" + ref.Name
	}
	return ""
}

// object is the first of the webhooks.
func (s *software[K]) object() checks.Object {
	return checks.Object{Kind: "MutatingWebhook", Name: s.webhooks[0].name()}
}

// names are "configuration/webhook" of all.
func (s *software[K]) names() []string {
	var out []string
	for _, w := range s.webhooks {
		out = append(out, w.name())
	}
	return out
}

// backend is what is behind all of them.
func (s *software[K]) backend() facts.WebhookBackend { return s.webhooks[0].backend }

// images are those that are its own.
func (s *software[K]) images() []string { return s.signs.Own(s.backend().Images) }

// hidden says why none of its images is seen.
func (s *software[K]) hidden() string {
	b := s.backend()
	switch {
	case s.webhooks[0].spec.ClientConfig.Service == nil:
		return "it is called by URL, and what answers there is not visible"
	case s.gap != nil:
		return "the pods behind its Service " + service(s.webhooks[0].spec) + " were not read: " + s.gap.Reason
	case b.Service == "":
		return "the pods behind its Service " + service(s.webhooks[0].spec) + " were not read"
	case b.NoService:
		return "its Service " + b.Service + " does not exist"
	case b.Unselected:
		return "its Service " + b.Service + " has no selector"
	case b.Pods == 0:
		return "no pod is behind its Service " + b.Service
	}
	return fmt.Sprintf("none of the images behind its Service %s is known as its own: %s", b.Service, strings.Join(b.Images, ", "))
}

// remedy is how to see more, where the pods were not read; else other.
func (s *software[K]) remedy(other string) string {
	if s.gap == nil {
		return other
	}
	return s.gap.Remedy + "; otherwise " + other
}

// imageEvidence is where an image was seen.
func (s *software[K]) imageEvidence(image string) string {
	return fmt.Sprintf("image behind Service %s: %s", s.backend().Service, image)
}

// cleared counts the classes whose canary met the software and came back with its sidecars.
func (s *software[K]) cleared(all []admissionRun) int {
	n, names := 0, s.names()
	for _, t := range all {
		met := slices.ContainsFunc(t.class.Webhooks, func(w string) bool { return slices.Contains(names, w) })
		if met && cameBack(t) && len(t.canary.Changes()) == 0 {
			n++
		}
	}
	return n
}

// knownByName says, in parentheses, of which known software a webhook ("configuration/webhook") is by its
// names alone, and which version is good; empty when it is of none.
func knownByName(name string) string {
	configuration, webhook, _ := strings.Cut(name, "/")
	for _, k := range known.Webhooks() {
		if !k.Matches(known.Seen{Configuration: configuration, Webhook: webhook}) {
			continue
		}
		if k.Fixed == "" {
			return fmt.Sprintf(" (%s; no version is known to be good)", k.Software)
		}
		return fmt.Sprintf(" (%s; the first version known to be good is %s)", k.Software, k.Fixed)
	}
	return ""
}

// scoped are the gaps of a kind that concern single instances.
func scoped(s *facts.Snapshot, kind facts.Kind) []facts.Gap {
	return slices.DeleteFunc(s.GapsOf(kind, "*"), func(g facts.Gap) bool { return g.Scope == "" })
}

// parseSoftware reads the version of a tag; nil when it is none. A year is none: such tags are given by
// those who build images of their own.
func parseSoftware(tag string) *version.Version {
	v, err := version.ParseGeneric(tag)
	if err != nil || v.Major() > 1900 {
		return nil
	}
	return v
}

// sourceText is the evidence that an entry rests on.
func sourceText(e known.Evidence, sources []known.Source) string {
	var out []string
	for _, s := range sources {
		out = append(out, fmt.Sprintf("%s (%s)", s.URL, s.Date))
	}
	return string(e) + ": " + strings.Join(out, ", ")
}
