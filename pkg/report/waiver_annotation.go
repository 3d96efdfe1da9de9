package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// Annotations are the waivers that stand on the objects of a snapshot, in the order of the snapshot. An
// annotation that cannot be read is one, too: invalid, so that it is seen and covers nothing.
func Annotations(s *facts.Snapshot) []Waiver {
	var out []Waiver
	add := func(object, text string) {
		if text != "" {
			out = append(out, ParseAnnotation(text, object)...)
		}
	}
	for i := range s.ControlPlane {
		add("pod/kube-system/"+s.ControlPlane[i].Name, s.ControlPlane[i].Ignore)
	}
	for i := range s.Nodes {
		add("node/"+s.Nodes[i].Name, facts.IgnoreOf(s.Nodes[i].Annotations))
	}
	for i := range s.Namespaces {
		add("namespace/"+s.Namespaces[i].Name, facts.IgnoreOf(s.Namespaces[i].Annotations))
	}
	for i := range s.MutatingWebhooks {
		add("mutatingwebhookconfiguration/"+s.MutatingWebhooks[i].Name, facts.IgnoreOf(s.MutatingWebhooks[i].Annotations))
	}
	for i := range s.MutatingPolicies {
		add("mutatingadmissionpolicy/"+s.MutatingPolicies[i].Name, s.MutatingPolicies[i].Ignore)
	}
	for i := range s.ValidatingWebhooks {
		for _, w := range s.ValidatingWebhooks[i].Webhooks { // as findings call it: the API server does not name the configuration
			add("admissionwebhook/"+w.Name, facts.IgnoreOf(s.ValidatingWebhooks[i].Annotations))
		}
	}
	for i := range s.ValidatingPolicies {
		add("admissionpolicy/"+s.ValidatingPolicies[i].Name, s.ValidatingPolicies[i].Ignore)
	}
	for i := range s.CustomResourceDefinitions {
		add("customresourcedefinition/"+s.CustomResourceDefinitions[i].Name, s.CustomResourceDefinitions[i].Ignore)
	}
	return out
}

// ParseAnnotation reads the annotation of an object, which is named as waivers name it. Its entries are
// separated by line breaks or semicolons:
//
//	CHECK reason=TEXT until=2027-01-31
//	accept: CHECK reason=TEXT until=2027-01-31
//
// An entry that cannot be read is a waiver with the state invalid, and Reason says what is wrong.
func ParseAnnotation(text, object string) []Waiver {
	source := "annotation on " + object
	var out []Waiver
	for _, entry := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == ';' }) {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		w, err := parseEntry(entry)
		w.Object, w.Source = object, source
		if err != nil {
			w.State, w.Reason, w.Until = Invalid, err.Error(), ""
		}
		out = append(out, w)
	}
	if len(out) == 0 {
		return []Waiver{{Action: Suppress, Object: object, Source: source, State: Invalid, Reason: "it is empty"}}
	}
	return out
}

// setting is a key of an entry. Where a value ends is where the next key begins.
var setting = pattern.New(`(?:^|\s)(reason|until)=`)

func parseEntry(entry string) (Waiver, error) {
	w := Waiver{Action: Suppress}
	rest := strings.TrimSpace(entry)
	if after, ok := strings.CutPrefix(rest, string(Accept)+":"); ok {
		w.Action, rest = Accept, strings.TrimSpace(after)
	} else if after, ok := strings.CutPrefix(rest, string(Suppress)+":"); ok {
		rest = strings.TrimSpace(after)
	}
	id := rest
	if at := strings.IndexFunc(rest, unicode.IsSpace); at >= 0 {
		id, rest = rest[:at], rest[at:]
	} else {
		rest = ""
	}
	if !knownCheck(id) {
		return w, fmt.Errorf("unknown check %q", id)
	}
	w.Check = id
	keys := setting.FindAllStringSubmatchIndex(rest, -1)
	before := rest
	if len(keys) > 0 {
		before = rest[:keys[0][0]]
	}
	if before = strings.TrimSpace(before); before != "" {
		return w, fmt.Errorf("%q is neither reason= nor until=", before)
	}
	values := map[string]string{}
	for i, at := range keys {
		end := len(rest)
		if i+1 < len(keys) {
			end = keys[i+1][0]
		}
		key := rest[at[2]:at[3]]
		if _, twice := values[key]; twice {
			return w, fmt.Errorf("%s= is given twice", key)
		}
		values[key] = unquoted(strings.TrimSpace(rest[at[1]:end]))
	}
	w.Reason, w.Until = values["reason"], values["until"]
	return w, checkTerms(w.Reason, w.Until)
}

func unquoted(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// checkTerms refuses a waiver of which nobody knows why it is there, or that would be there forever.
func checkTerms(reason, until string) error {
	switch {
	case reason == "":
		return errors.New("the reason is missing")
	case until == "":
		return errors.New("until is missing: the last day on which it holds, such as 2027-01-31")
	}
	if _, err := time.Parse(time.DateOnly, until); err != nil {
		return fmt.Errorf("until: %q is not a day such as 2027-01-31", until)
	}
	return nil
}

// waivable are the checks of the commands that know waivers.
func waivable() []checks.Check { return slices.Concat(cluster.All(), manifests.All()) }

func knownCheck(id string) bool {
	return slices.ContainsFunc(waivable(), func(c checks.Check) bool { return c.ID == id })
}
