package dumps

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// listKinds are the lists that files and folders of dumps are named for.
var listKinds = map[string]metav1.TypeMeta{
	"pods": list("v1", "Pod"), "nodes": list("v1", "Node"), "namespaces": list("v1", "Namespace"), "events": list("v1", "Event"),
	"services": list("v1", "Service"), "deployments": list("apps/v1", "Deployment"), "replicasets": list("apps/v1", "ReplicaSet"),
	"statefulsets": list("apps/v1", "StatefulSet"), "daemonsets": list("apps/v1", "DaemonSet"), "jobs": list("batch/v1", "Job"),
	"cronjobs": list("batch/v1", "CronJob"), "endpointslices": list("discovery.k8s.io/v1", "EndpointSlice"),
	"mutatingwebhookconfigurations":     list("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
	"mutatingadmissionpolicies":         list("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"),
	"mutatingadmissionpolicybindings":   list("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding"),
	"custom-resource-definitions":       list("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
	"replication-controllers":           list("v1", "ReplicationController"),
	"validatingwebhookconfigurations":   list("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
	"validatingadmissionpolicies":       list("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
	"validatingadmissionpolicybindings": list("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
}

func list(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind + "List"}
}

// stem is the name of a file without what it is compressed with and written in.
func stem(place string) string {
	base := withoutPacking(path.Base(place))
	return strings.TrimSuffix(base, path.Ext(base))
}

func withoutPacking(name string) string {
	for _, ending := range []string{".gz", ".bz2"} {
		name = strings.TrimSuffix(name, ending)
	}
	return name
}

// errorsEnding is that of troubleshoot's files with what could not be collected.
const errorsEnding = "-errors"

// listOfPlace is the kind of lists that a place is named for: that of the file, else of a folder that it is in.
func listOfPlace(place string) metav1.TypeMeta {
	if kind, ok := listKinds[strings.TrimSuffix(stem(place), errorsEnding)]; ok {
		return kind
	}
	for range 2 {
		place = path.Dir(place)
		if kind, ok := listKinds[path.Base(place)]; ok {
			return kind
		}
	}
	return noKind
}

// kindOfPlace is the kind of objects that a place is named for.
func kindOfPlace(place string) metav1.TypeMeta {
	kind := listOfPlace(place)
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	return kind
}

// mentioned matches the kinds that a text of objects mentions.
var mentioned = regexp.MustCompile(`"?kind"?:\s*"?([A-Z][A-Za-z]+)`)

// kindsIn are the kinds of fact that a text seems to have, though it cannot be read.
func kindsIn(text []byte) []facts.Kind {
	var out []facts.Kind
	for at := mentioned.FindSubmatchIndex(text); at != nil; at = mentioned.FindSubmatchIndex(text) {
		name := strings.TrimSuffix(string(text[at[2]:at[3]]), "List")
		text = text[at[1]:]
		for _, t := range listKinds {
			kind, known := facts.KindOf(metav1.TypeMeta{APIVersion: t.APIVersion, Kind: strings.TrimSuffix(t.Kind, "List")})
			if known && strings.TrimSuffix(t.Kind, "List") == name && !slices.Contains(out, kind) {
				out = append(out, kind)
			}
		}
	}
	return out
}

// told reports whether a text is one in which a tool says something about the cluster or itself that is no object:
// which version it has, what could not be collected.
func (r *reader) told(place string, text []byte) bool {
	if !bytes.HasPrefix(bytes.TrimSpace(text[:min(len(text), headSize)]), []byte("{")) && !strings.HasSuffix(stem(place), errorsEnding) {
		return false
	}
	if strings.HasSuffix(stem(place), errorsEnding) {
		return r.notCollected(place, text)
	}
	if len(text) > 64<<10 {
		return false
	}
	if info := versionIn(place, text); info != nil {
		r.parts.Version(info)
		return true
	}
	return false
}

// versionIn is the version of an API server that a text is about; nil if it is about something else.
func versionIn(place string, text []byte) *version.Info {
	var v struct {
		Kind   string        `json:"kind"`
		Info   *version.Info `json:"info"`          // troubleshoot's cluster_version.json
		Server *version.Info `json:"serverVersion"` // kubectl version -o json
		Plain  string        `json:"gitVersion"`    // what /version answers
	}
	if json.Unmarshal(text, &v) != nil || v.Kind != "" {
		return nil
	}
	info := cmp.Or(v.Info, v.Server)
	// A container may answer /version, too: must-gather keeps that in its folder.
	if info == nil && v.Plain != "" && !strings.Contains(place, "/pods/") {
		info = &version.Info{}
		if json.Unmarshal(text, info) != nil {
			return nil
		}
	}
	if info == nil || info.GitVersion == "" {
		return nil
	}
	return info
}

// notCollected reads what troubleshoot says that it could not collect: a list of errors, or one for each namespace.
func (r *reader) notCollected(place string, text []byte) bool {
	var list []string
	var each map[string]string
	switch {
	case json.Unmarshal(text, &list) == nil:
	case json.Unmarshal(text, &each) == nil:
		for namespace, reason := range each {
			list = append(list, namespace+": "+reason)
		}
		slices.Sort(list)
	default:
		return false
	}
	kind, known := facts.KindOf(kindOfPlace(place))
	for _, reason := range list {
		if known {
			r.unread = append(r.unread, unread{place: place, reason: "not collected: " + reason, kind: kind})
		}
	}
	return true
}
