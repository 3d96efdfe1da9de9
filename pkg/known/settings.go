package known

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// A Setting is an environment variable or a flag of an injector, with the values that decide.
type Setting struct {
	Name      string   `json:"name"`
	Native    []string `json:"native"`
	NotNative []string `json:"notNative"`
	// Automatic are the values with which the injector decides by the cluster.
	Automatic []string `json:"automatic,omitempty"`
}

// A Config is a setting in a ConfigMap in the namespace of the injector's Service. The setting is named by
// its path in the YAML under Key: "proxy.nativeSidecar".
type Config struct {
	ConfigMap string  `json:"configMap"`
	Key       string  `json:"key"`
	Setting   Setting `json:"setting"`
}

// Configs are all there are.
func Configs() []Config {
	var out []Config
	for _, i := range injectors() {
		if i.Config != nil {
			out = append(out, *i.Config)
		}
	}
	return out
}

// Read is what is kept of the text under Key: the setting with its value, as [KeepSetting] does; ok is
// false where the text is not YAML or does not have it.
func (c Config) Read(text string) (kept string, ok bool) {
	var tree any
	if yaml.Unmarshal([]byte(text), &tree) != nil {
		return "", false
	}
	for name := range strings.SplitSeq(c.Setting.Name, ".") {
		fields, _ := tree.(map[string]any)
		if tree, ok = fields[name]; !ok {
			return "", false
		}
	}
	_, word := c.Setting.decides(fmt.Sprint(tree))
	return c.Setting.Name + "=" + cmp.Or(word, hidden), true
}

// A Mode is what an injector does.
type Mode string

const (
	Native    Mode = "native"
	NotNative Mode = "not native"
	// Automatic leaves it to the version of the cluster.
	Automatic Mode = "automatic"
	// Undecided: the setting is there, and what it says is not known.
	Undecided Mode = ""
)

// hidden stands for a value that is not one of those that a setting is known to have.
const hidden = "(another value)"

// KeepSetting is what may be kept of an environment variable or a flag of a container: nothing, unless
// it is a known setting, and of its value only what is known to decide. ok is false for all others.
func KeepSetting(name, value string) (kept string, ok bool) {
	for _, i := range injectors() {
		for _, s := range i.Settings {
			if s.Name != name {
				continue
			}
			if _, word := s.decides(value); word != "" {
				return name + "=" + word, true
			}
			ok = !strings.HasPrefix(name, "-") // a flag that lists other things says nothing
		}
	}
	if !ok {
		return "", false
	}
	return name + "=" + hidden, true
}

// decides finds the word of a value, which may be a list, that decides.
func (s Setting) decides(value string) (Mode, string) {
	for word := range strings.SplitSeq(value, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		switch {
		case slices.Contains(s.Native, word):
			return Native, word
		case slices.Contains(s.NotNative, word):
			return NotNative, word
		case slices.Contains(s.Automatic, word):
			return Automatic, word
		}
	}
	return Undecided, ""
}

// Told is what the kept settings of an injector's containers tell it to do; found is false when none
// of them is about it. Containers that are told different things, as during an update, leave it open.
func (i Injector) Told(kept []string) (mode Mode, settings []string, found bool) {
	all := i.Settings
	if i.Config != nil {
		all = append(slices.Clone(all), i.Config.Setting)
	}
	for _, s := range all {
		for _, k := range kept {
			name, value, _ := strings.Cut(k, "=")
			if name != s.Name {
				continue
			}
			says, _ := s.decides(value)
			if found && says != mode {
				says = Undecided
			}
			mode, settings, found = says, append(settings, k), true
		}
	}
	return mode, settings, found
}
