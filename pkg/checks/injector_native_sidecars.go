package checks

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

var injectorNativeSidecars = Check{
	ID:       "injector-native-sidecars",
	Title:    "injectors put native sidecars into pods",
	Severity: Info,
	Category: Admission,
	Needs:    []facts.Kind{facts.MutatingWebhooks, facts.WebhookBackends},
	Run:      runInjectors,
}

func runInjectors(s *facts.Snapshot) Outcome {
	var out Outcome
	found := 0
	said := map[string]bool{}
	for _, w := range installed(s) {
		for _, k := range known.Injectors() {
			key := k.ID + " " + w.configuration
			if said[key] || !k.Matches(w.webhook, w.backend.Service, w.backend.Images) {
				continue
			}
			said[key] = true
			found++
			if f := judgeInjector(k, w); f != nil {
				out.Findings = append(out.Findings, *f)
			}
		}
	}
	out.Missing = scoped(s, facts.WebhookBackends)
	out.Tried = counted(found, "known injector")
	return out
}

// judgeInjector says nothing of an injector whose native mode is on.
func judgeInjector(k known.Injector, w installation) *Finding {
	tag, _ := k.Version(w.backend.Images)
	state, why := nativeMode(k, parseSoftware(tag), w.backend.Native)
	if state == "on" {
		return nil
	}
	what := k.Software
	if tag != "" {
		what += " " + tag
	}
	message := fmt.Sprintf("%s: native sidecars are %s", what, state)
	if state == "unknown" {
		message = what + ": whether native sidecars are injected is unknown"
	}
	return &Finding{
		Object:   Object{Kind: "MutatingWebhook", Name: w.name()},
		Message:  message,
		Evidence: []string{why, fmt.Sprintf("%s (%s)", strings.Join(k.Sources, ", "), k.Evidence)},
		Fix:      "to have native sidecars injected: " + k.Enable,
	}
}

// nativeMode is on, off, automatic, not supported or unknown, with the reason.
func nativeMode(k known.Injector, running *version.Version, settings []string) (state, why string) {
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if k.Setting == "" || name != k.Setting {
			continue
		}
		switch strings.ToLower(value) {
		case "true", "1":
			return "on", ""
		case "auto":
			return "automatic", s + " (" + k.ByDefault + ")"
		}
		return "off", s
	}
	minimum, since := parseSoftware(k.Minimum), parseSoftware(k.DefaultSince)
	switch {
	case running == nil:
		return "unknown", "its version could not be read from its images"
	case minimum != nil && running.LessThan(minimum):
		return "not supported", fmt.Sprintf("%s is the first version that can", k.Minimum)
	case since != nil && !running.LessThan(since) && strings.HasPrefix(k.ByDefault, "mode auto"):
		return "automatic", "since " + k.DefaultSince + " " + k.ByDefault
	case since != nil && !running.LessThan(since):
		return "on", ""
	case k.Setting != "":
		return "off", "its pods do not have " + k.Setting
	}
	return "unknown", "where it is switched on is not visible to this tool"
}

// parseSoftware reads the version of a tag; nil when it is none.
func parseSoftware(tag string) *version.Version {
	v, err := version.ParseGeneric(tag)
	if err != nil {
		return nil
	}
	return v
}
