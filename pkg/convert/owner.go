package convert

import "strings"

// An Owner is who puts an object into the cluster: a change that is not made there does not last.
type Owner struct {
	Kind OwnerKind
	// Name is that of the release, the application or the owning object.
	Name string
}

// An OwnerKind is a kind of owner.
type OwnerKind string

// Kinds of owners.
const (
	Helm    OwnerKind = "helm"
	ArgoCD  OwnerKind = "argo-cd"
	Flux    OwnerKind = "flux"
	Object  OwnerKind = "object"
	Applied OwnerKind = "kubectl-apply"
)

// Owners are those of an object, as its metadata says.
func Owners(object map[string]any) []Owner {
	meta, _ := object["metadata"].(map[string]any)
	label := func(where, key string) string {
		of, _ := meta[where].(map[string]any)
		text, _ := of[key].(string)
		return text
	}
	var out []Owner
	add := func(kind OwnerKind, names ...string) {
		for _, name := range names {
			if name != "" {
				out = append(out, Owner{kind, name})
				return
			}
		}
	}
	refs, _ := meta["ownerReferences"].([]any)
	for _, ref := range refs {
		fields, _ := ref.(map[string]any)
		if fields["controller"] == true {
			kind, _ := fields["kind"].(string)
			name, _ := fields["name"].(string)
			add(Object, kind+" "+name)
		}
	}
	application, _, _ := strings.Cut(label("annotations", "argocd.argoproj.io/tracking-id"), ":")
	add(ArgoCD, application, label("labels", "argocd.argoproj.io/instance"))
	add(Flux, label("labels", "kustomize.toolkit.fluxcd.io/name"), label("labels", "helm.toolkit.fluxcd.io/name"))
	add(Helm, label("annotations", "meta.helm.sh/release-name"))
	if len(out) == 0 && label("annotations", "kubectl.kubernetes.io/last-applied-configuration") != "" {
		out = append(out, Owner{Kind: Applied})
	}
	return out
}
