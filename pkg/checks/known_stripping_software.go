package checks

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// A canary proves what its own shape meets today. This says who is publicly known for it, so that what
// acts only on some pods is known before it does.
var knownStrippingSoftware = Check{
	ID:       "known-stripping-software",
	Title:    "no mutating webhook is of a version known to strip restartPolicy",
	Severity: Warning,
	Category: Admission,
	Needs:    []facts.Kind{facts.MutatingWebhooks, facts.WebhookBackends},
	Run:      runKnownStripping,
}

func runKnownStripping(s *facts.Snapshot) Outcome {
	var out Outcome
	all, recognised := installed(s), 0
	said := map[string]bool{}
	for _, w := range all {
		for _, k := range known.Webhooks() {
			if !k.Matches(w.webhook, w.backend.Service, w.backend.Images) {
				continue
			}
			recognised++
			key := k.ID + " " + w.configuration
			if said[key] {
				continue
			}
			said[key] = true
			finding, gap := judgeKnown(k, w)
			if finding != nil {
				out.Findings = append(out.Findings, *finding)
			}
			if gap != nil {
				out.Missing = append(out.Missing, *gap)
			}
		}
	}
	out.Missing = append(out.Missing, scoped(s, facts.WebhookBackends)...)
	out.Tried = fmt.Sprintf("%s, %d of known software", counted(len(all), "mutating webhook"), recognised)
	return out
}

// An installation is one webhook of a configuration, with what is behind it.
type installation struct {
	configuration, webhook string
	backend                facts.WebhookBackend
}

func (i installation) name() string { return i.configuration + "/" + i.webhook }

// installed lists all mutating webhooks.
func installed(s *facts.Snapshot) []installation {
	var out []installation
	for i := range s.MutatingWebhooks {
		for _, w := range s.MutatingWebhooks[i].Webhooks {
			in := installation{configuration: s.MutatingWebhooks[i].Name, webhook: w.Name}
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

// scoped are the gaps of a kind that concern single instances.
func scoped(s *facts.Snapshot, kind facts.Kind) []facts.Gap {
	var out []facts.Gap
	for _, g := range s.GapsOf(kind, "*") {
		if g.Scope != "" {
			out = append(out, g)
		}
	}
	return out
}

// judgeKnown compares the version that runs with the first good one. What the images do not tell is a
// gap; what is only inferred is said as such.
func judgeKnown(k known.Webhook, w installation) (*Finding, *facts.Gap) {
	tag, found := k.Version(w.backend.Images)
	running := parseSoftware(tag)
	fixed := parseSoftware(k.Fixed)
	if !k.Unfixed && (!found || running == nil) {
		return nil, &facts.Gap{
			Kind: facts.WebhookBackends, Scope: w.name(),
			Reason: fmt.Sprintf("it is %s, whose versions before %s %s, and which version runs could not be read%s", k.Software, k.Fixed, strips(k), imageText(tag, found)),
			Remedy: "find out its version; only a canary of the right shape, or a pod of your own with --dry-run=server, shows what it does",
		}
	}
	if !k.Unfixed && !running.LessThan(fixed) {
		return nil, nil
	}
	f := &Finding{
		Object:   Object{Kind: "MutatingWebhook", Name: w.name()},
		Message:  fmt.Sprintf("%s %s restartPolicy from native sidecars", k.Software, map[bool]string{true: "may remove", false: "is known to remove"}[k.Evidence == known.Inferred]),
		Evidence: []string{},
		Fix:      fmt.Sprintf("update %s to %s or newer", k.Software, k.Fixed),
	}
	if k.Unfixed {
		f.Fix = fmt.Sprintf("no released version of %s is known to be good: keep it away from pods with native sidecars by its objectSelector or namespaceSelector, or replace it", k.Software)
		f.Evidence = append(f.Evidence, "recognised by its webhook, Service or image; no released version is known to be good")
	} else {
		f.Evidence = append(f.Evidence, fmt.Sprintf("version %s runs, %s is the first good one", tag, k.Fixed))
	}
	if k.OnlyWhen != "" {
		f.Message += ", when " + k.OnlyWhen
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("%s (%s)", strings.Join(k.Sources, ", "), k.Evidence))
	return f, nil
}

func strips(k known.Webhook) string {
	if k.Evidence == known.Inferred {
		return "may strip restartPolicy"
	}
	return "are known to strip restartPolicy"
}

func imageText(tag string, found bool) string {
	switch {
	case !found:
		return ": no image of its is visible"
	case tag == "":
		return ": its image has no tag"
	}
	return fmt.Sprintf(": its tag %q is no version", tag)
}
