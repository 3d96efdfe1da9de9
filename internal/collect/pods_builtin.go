package collect

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A builtinKind is a type that needs no discovery: its group, version, kind, plural and singular name and, as
// kubectl has it, short name.
type builtinKind struct {
	group, version, kind, plural, singular, short string
	// owner is how owners of pods are read; nil for what is none, or needs no look.
	owner *ownerKind
	role  role
}

// A role is what a type has to do with pods.
type role int

const (
	maker   role = iota // makes them, or is one
	used                // is used by them, or chooses them
	outside             // the same, and is in no namespace
)

var builtins = []builtinKind{
	{"", "v1", "Pod", pods, "pod", "po", nil, maker},
	{"apps", "v1", "Deployment", "deployments", "deployment", "deploy", deployments, maker},
	{"apps", "v1", "ReplicaSet", "replicasets", "replicaset", "rs", replicaSets, maker},
	{"apps", "v1", "StatefulSet", "statefulsets", "statefulset", "sts", statefulSets, maker},
	{"apps", "v1", "DaemonSet", "daemonsets", "daemonset", "ds", daemonSets, maker},
	{"batch", "v1", "Job", "jobs", "job", "", jobs, maker},
	{"batch", "v1", "CronJob", "cronjobs", "cronjob", "cj", cronJobs, maker},
	{"", "v1", "ReplicationController", "replicationcontrollers", "replicationcontroller", "rc", nil, maker},
	{"", "v1", "Node", "nodes", "node", "no", nil, outside},
	{"", "v1", "Namespace", "namespaces", "namespace", "ns", nil, outside},
	{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", "pvc", nil, used},
	{"", "v1", "ConfigMap", "configmaps", "configmap", "cm", nil, used},
	{"", "v1", "Secret", "secrets", "secret", "", nil, used},
	{"", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", "sa", nil, used},
	{"", "v1", "Service", "services", "service", "svc", nil, used},
	{"", "v1", "Endpoints", "endpoints", "endpoints", "ep", nil, used},
	{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "endpointslice", "", nil, used},
	{"autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler", "hpa", nil, used},
	{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget", "pdb", nil, used},
}

// builtinOf is the built-in type of a kind; nil when there is none.
func builtinOf(group, kind string) *builtinKind {
	for i := range builtins {
		if builtins[i].group == group && builtins[i].kind == kind {
			return &builtins[i]
		}
	}
	return nil
}

// An apiObject is a typed object of the API.
type apiObject interface {
	metav1.Object
	runtime.Object
}

// An ownerKind is how owners of pods of one kind are read and kept.
type ownerKind struct {
	empty func() apiObject // to decode into
	add   func(*facts.Snapshot, apiObject)
}

// The kinds of owners that are built in.
var (
	deployments  = ownersIn(func(s *facts.Snapshot) *[]appsv1.Deployment { return &s.Deployments }, facts.TrimDeployment)
	replicaSets  = ownersIn(func(s *facts.Snapshot) *[]appsv1.ReplicaSet { return &s.ReplicaSets }, facts.TrimReplicaSet)
	statefulSets = ownersIn(func(s *facts.Snapshot) *[]appsv1.StatefulSet { return &s.StatefulSets }, facts.TrimStatefulSet)
	daemonSets   = ownersIn(func(s *facts.Snapshot) *[]appsv1.DaemonSet { return &s.DaemonSets }, facts.TrimDaemonSet)
	jobs         = ownersIn(func(s *facts.Snapshot) *[]batchv1.Job { return &s.Jobs }, facts.TrimJob)
	cronJobs     = ownersIn(func(s *facts.Snapshot) *[]batchv1.CronJob { return &s.CronJobs }, facts.TrimCronJob)
)

// ownersIn is the kind of owners that stand, trimmed, in a list of the snapshot.
func ownersIn[T any, P interface {
	*T
	apiObject
}](list func(*facts.Snapshot) *[]T, trim func(*T) T) *ownerKind {
	return &ownerKind{
		empty: func() apiObject { return P(new(T)) },
		add: func(s *facts.Snapshot, o apiObject) {
			if typed, ok := o.(P); ok {
				kept := list(s)
				*kept = append(*kept, trim(typed))
			}
		},
	}
}

// IsType reports whether a word names a built-in type.
func IsType(word string) bool { return builtin(word) }

// named reports whether a word in lower case is a name of the type.
func (b *builtinKind) named(word string) bool {
	return word != "" && (word == b.plural || word == b.singular || word == b.short)
}

// builtinNamed is the one of builtins that a resource names: "deploy", "Deployment", "deployments.apps"; nil if
// none does.
func builtinNamed(resource string) *builtinKind {
	name, group, _ := strings.Cut(strings.ToLower(resource), ".")
	for i := range builtins {
		if b := &builtins[i]; b.named(name) && (group == "" || group == b.group || group == b.version+"."+b.group) {
			return b
		}
	}
	return nil
}

// builtin reports whether resource names one of builtins.
func builtin(resource string) bool { return builtinNamed(resource) != nil }

// Types are the plural names of the types that pods are looked for of, for the completion.
func Types() []string {
	out := make([]string, 0, len(builtins))
	for _, b := range builtins {
		out = append(out, b.plural)
	}
	return out
}

func builtinMapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for _, b := range builtins {
		gvk := schema.GroupVersionKind{Group: b.group, Version: b.version, Kind: b.kind}
		resource := func(name string) schema.GroupVersionResource {
			return schema.GroupVersionResource{Group: b.group, Version: b.version, Resource: name}
		}
		var scope meta.RESTScope = meta.RESTScopeNamespace
		if b.role == outside {
			scope = meta.RESTScopeRoot
		}
		if b.short != "" {
			m.AddSpecific(gvk, resource(b.plural), resource(b.short), scope)
		}
		// The last one stays the singular name.
		m.AddSpecific(gvk, resource(b.plural), resource(b.singular), scope)
	}
	return m
}
