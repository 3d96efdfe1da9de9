package cluster

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// has says where settings were found.
func (in injector) has(settings []string) string {
	if from := in.configMap(); from != "" {
		return "its " + from + " has " + strings.Join(settings, " and ")
	}
	return "its pods have " + strings.Join(settings, " and ")
}

// configMap is the ConfigMap that has its setting; "" where it is told in its pods.
func (in injector) configMap() string {
	if in.entry.Config == nil {
		return ""
	}
	return "ConfigMap " + in.configInstance().Namespace + "/" + in.entry.Config.ConfigMap
}

func (in injector) configInstance() facts.Instance {
	namespace, _, _ := strings.Cut(in.backend().Service, "/")
	return facts.ConfigMapInstance(namespace, in.entry.Config.ConfigMap)
}

// unread is why its settings are not known to be those of its version; "" where nothing is left to read.
// A setting that was not read is not the default.
func (in injector) unread() string {
	k := in.entry
	if k.Overridden != "" {
		return k.Overridden
	}
	if k.Config != nil {
		if g := in.configGap(); g != nil {
			return k.Config.Setting.Name + " decides, which was not read: " + g.Reason
		}
		return k.Config.Setting.Name + " of its " + in.configMap() + " decides, which was not read"
	}
	for _, s := range k.Settings {
		if from := in.backend().EnvironmentFrom; len(from) > 0 && !strings.HasPrefix(s.Name, "-") {
			return s.Name + " decides, and its environment comes from " + prose.Some(from, 3) + ", too, which is not read"
		}
	}
	return ""
}

// configGap is why its ConfigMap was not read; nil when it was, or was not looked for.
func (in injector) configGap() *facts.Gap {
	for _, g := range scoped(in.snapshot, facts.WebhookBackends) {
		if in.entry.Config != nil && g.Instance == in.configInstance() {
			return &g
		}
	}
	return nil
}

// remedy is how to see more, where its pods or its ConfigMap were not read; else other.
func (in injector) remedy(other string) string {
	if g := in.configGap(); g != nil {
		return g.Remedy + "; otherwise " + other
	}
	return in.software.remedy(other)
}
