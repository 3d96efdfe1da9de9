package webhook

import (
	"encoding/json"
	"slices"
	"strings"
)

// seen is what the conditions of a path look at.
type seen struct {
	Metadata struct {
		GenerateName    string            `json:"generateName"`
		Labels          map[string]string `json:"labels"`
		Annotations     map[string]string `json:"annotations"`
		OwnerReferences []struct {
			Kind       string `json:"kind"`
			Controller *bool  `json:"controller"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		Containers []struct {
			Image string `json:"image"`
			Env   []struct {
				Value string `json:"value"`
			} `json:"env"`
		} `json:"containers"`
		Volumes []struct {
			Name string `json:"name"`
		} `json:"volumes"`
	} `json:"spec"`
}

// conditions are what a webhook's code may look at, by the word for it in a path: does the pod have it?
var conditions = map[string]func(request, seen, string) bool{
	"annotation": func(_ request, s seen, v string) bool { return pair(s.Metadata.Annotations, v) },
	"label":      func(_ request, s seen, v string) bool { return pair(s.Metadata.Labels, v) },
	"generate":   func(_ request, s seen, v string) bool { return strings.HasPrefix(s.Metadata.GenerateName, v) },
	"operation":  func(r request, _ seen, v string) bool { return r.Operation == v },
	"namespace":  func(r request, _ seen, v string) bool { return r.Namespace == v },
	"user":       func(r request, _ seen, v string) bool { return strings.Contains(r.UserInfo.Username, v) },
	"owner": func(_ request, s seen, v string) bool {
		for _, o := range s.Metadata.OwnerReferences {
			if o.Kind == v && o.Controller != nil && *o.Controller || v == "loose" && o.Controller == nil {
				return true
			}
		}
		return false
	},
	"env": func(_ request, s seen, v string) bool {
		for _, c := range s.Spec.Containers {
			for _, e := range c.Env {
				if strings.HasPrefix(e.Value, v) {
					return true
				}
			}
		}
		return false
	},
	"image": func(_ request, s seen, v string) bool {
		for _, c := range s.Spec.Containers {
			if strings.HasPrefix(c.Image, v) {
				return true
			}
		}
		return false
	},
	"volume": func(_ request, s seen, v string) bool {
		for _, o := range s.Spec.Volumes {
			if o.Name == v {
				return true
			}
		}
		return false
	},
}

// pair reports whether m has "key=value".
func pair(m map[string]string, v string) bool {
	key, value, _ := strings.Cut(v, "=")
	has, ok := m[key]
	return ok && has == value
}

// concerned reports whether what a path says behind /when is true of a request: pairs of words, "~" for a slash.
func concerned(path string, r request) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	i := slices.Index(parts, "when")
	if i < 0 {
		return true
	}
	var s seen
	_ = json.Unmarshal(r.Object, &s) // what is no pod has nothing of it
	for rest := parts[i+1:]; len(rest) > 1; rest = rest[2:] {
		holds := conditions[rest[0]]
		if holds == nil || !holds(r, s, strings.ReplaceAll(rest[1], "~", "/")) {
			return false
		}
	}
	return true
}
