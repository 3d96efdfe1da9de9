package facts

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Users is who uses or chooses the pods of a file from kubectl. No check reads it, and no snapshot keeps it.
type Users struct {
	// References are what each pod names, by namespace and name with a slash between.
	References map[string][]Reference
	// Subjects are the objects of the file that are used, or that choose pods, as far as they are not in the snapshot.
	Subjects []Subject
}

// A Subject is an object that somebody may ask about whose pods are others' or are chosen by it.
type Subject struct {
	Kind, Namespace, Name string
	// Scales is what a HorizontalPodAutoscaler scales.
	Scales Reference
	// Selector is that of a PodDisruptionBudget; nil for others.
	Selector *metav1.LabelSelector
}

// Of is what a pod of the file names.
func (u *Users) Of(p *corev1.Pod) []Reference { return u.References[p.Namespace+"/"+p.Name] }

// Knows reports whether the file told what a pod names: what kubectl writes does, a snapshot does not.
func (u *Users) Knows(p *corev1.Pod) bool {
	_, ok := u.References[p.Namespace+"/"+p.Name]
	return ok
}

// IsSubject reports whether objects of a kind are used by pods, or choose them, and make none.
func IsSubject(kind string) bool {
	for name := range subjectKinds {
		if k, _, _ := strings.Cut(name, "."); k == kind {
			return true
		}
	}
	return false
}

// subjectKinds are those kinds, by "kind.group", with their versions beside.
var subjectKinds = map[string]bool{
	"PersistentVolumeClaim": true, "ConfigMap": true, "Secret": true, "ServiceAccount": true, "Endpoints": true,
	"HorizontalPodAutoscaler.autoscaling": true, "PodDisruptionBudget.policy": true,
}

// addReferences notes what a pod names before it is trimmed.
func (f *file) addReferences(p *corev1.Pod) {
	users := &f.snapshot.Users
	if users.References == nil {
		users.References = map[string][]Reference{}
	}
	users.References[p.Namespace+"/"+p.Name] = References(p)
}

// addSubject notes an object that pods use, or that chooses pods. Of what is in it only that is read.
func (f *file) addSubject(h header, raw []byte) {
	var o struct {
		Metadata struct{ Namespace, Name string }
		Spec     struct {
			ScaleTargetRef struct{ Kind, Name string }
			Selector       *metav1.LabelSelector
		}
	}
	if !subjectKinds[h.name(h.Kind)] || json.Unmarshal(raw, &o) != nil || o.Metadata.Name == "" {
		return
	}
	s := Subject{Kind: h.Kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name, Scales: Reference(o.Spec.ScaleTargetRef)}
	if h.Kind == "PodDisruptionBudget" {
		s.Selector = o.Spec.Selector
	}
	f.snapshot.Users.Subjects = append(f.snapshot.Users.Subjects, s)
}
