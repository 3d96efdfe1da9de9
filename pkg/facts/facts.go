// Package facts holds what was seen of a cluster at one moment: plain data, no client, no opinion.
//
// The rule of the whole project lives here: a fact that is not in a Snapshot was not seen, and
// what was looked for and could not be read is a [Gap]. Nothing is ever assumed to be fine.
package facts

import (
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
)

// APIVersion and SnapshotKind head a snapshot file.
const (
	APIVersion   = "kubectl-sidecar.dev/v1"
	SnapshotKind = "Snapshot"
)

// Kind names one kind of fact. A check says which kinds it needs; a kind that is not in
// Snapshot.Seen was never looked for.
type Kind string

const (
	// Clock is TakenAt, the only clock a check may read.
	Clock Kind = "clock"
	// APIServers is /version, the gate readings of the API servers, their identity Leases and
	// the endpoints of the kubernetes Service.
	APIServers Kind = "apiservers"
	// ControlPlane is the flags of static control plane pods (kubeadm), where there are any.
	// Seen with no pods means that the cluster shows none, as managed control planes do.
	ControlPlane Kind = "controlplane"
	// Nodes is the Node objects, reduced to what a check can use.
	Nodes Kind = "nodes"
	// Kubelets is the gate readings of kubelets, keyed by node name. Nodes whose version alone
	// decides are not in it, and that is no gap.
	Kubelets Kind = "kubelets"
	// Namespaces is the Namespace objects, reduced to name and labels.
	Namespaces Kind = "namespaces"
	// MutatingWebhooks is all MutatingWebhookConfigurations, in call order.
	MutatingWebhooks Kind = "mutatingwebhookconfigurations"
	// MutatingPolicies is the MutatingAdmissionPolicies and their bindings.
	MutatingPolicies Kind = "mutatingadmissionpolicies"
	// ValidatingWebhooks is all ValidatingWebhookConfigurations: who is asked last, and can only refuse.
	ValidatingWebhooks Kind = "validatingwebhookconfigurations"
	// ValidatingPolicies is the ValidatingAdmissionPolicies and their bindings.
	ValidatingPolicies Kind = "validatingadmissionpolicies"
	// Canaries is the pods that were created with dryRun=All, and the classes they speak for.
	Canaries Kind = "canaries"
	// WebhookBackends is the Services and pods behind the mutating webhooks.
	WebhookBackends Kind = "webhookbackends"
	// CRDs is the CustomResourceDefinitions, reduced to where they embed containers.
	CRDs Kind = "customresourcedefinitions"
	// Workloads are objects with a pod template as they are written: in manifest files, or, without any, in the
	// cluster. No snapshot has them.
	Workloads Kind = "workloads"
)

// SidecarContainers is the feature gate that this project is about (KEP-753).
const SidecarContainers = "SidecarContainers"

// A Snapshot is everything that was seen of one cluster, or of a file that describes one.
type Snapshot struct {
	metav1.TypeMeta `json:",inline"`

	// TakenAt is when the facts were read. Zero when it is not known (plain kubectl output).
	TakenAt metav1.Time `json:"takenAt,omitempty"`
	// Newest is the latest time in the file that it was read from, also in what is not kept; see NewestTime.
	Newest metav1.Time `json:"-"`
	// NextNewest is the latest time in the file before Newest, LeftOut one that does not count; see LeaveOutFuture.
	NextNewest metav1.Time `json:"-"`
	LeftOut    metav1.Time `json:"-"`
	// Users is who uses the pods of a file from kubectl.
	Users Users `json:"-"`
	// Tool is the version of the plugin that took the snapshot.
	Tool string `json:"tool,omitempty"`
	// Server is the URL of the API server, without credentials.
	Server string `json:"server,omitempty"`

	// ServerVersion is what /version answered.
	ServerVersion *version.Info `json:"serverVersion,omitempty"`
	// APIServers are the API server processes that answered, told apart by their start time.
	APIServers []APIServer `json:"apiServers,omitempty"`
	// APIServerLeases are the identity Leases of kube-system (label
	// apiserver.kubernetes.io/identity=kube-apiserver). Only a fresh renewTime proves a live
	// process: an expired Lease stays for up to an hour.
	APIServerLeases []coordinationv1.Lease `json:"apiServerLeases,omitempty"`
	// APIServerEndpoints are the addresses ("host:port") behind the kubernetes Service.
	APIServerEndpoints []string `json:"apiServerEndpoints,omitempty"`
	// ControlPlane are the static pods of the control plane.
	ControlPlane []ControlPlanePod `json:"controlPlane,omitempty"`

	Nodes []corev1.Node `json:"nodes,omitempty"`
	// GoneNodes are names of nodes that pods are on and that do not exist any more.
	GoneNodes []string `json:"goneNodes,omitempty"`
	// Kubelets are what kubelets said of their own gate; Instance is the node's name.
	Kubelets []FeatureReading `json:"kubelets,omitempty"`

	Namespaces       []corev1.Namespace                                     `json:"namespaces,omitempty"`
	MutatingWebhooks []admissionregistrationv1.MutatingWebhookConfiguration `json:"mutatingWebhooks,omitempty"`
	MutatingPolicies []MutatingPolicy                                       `json:"mutatingPolicies,omitempty"`

	ValidatingWebhooks []admissionregistrationv1.ValidatingWebhookConfiguration `json:"validatingWebhooks,omitempty"`
	ValidatingPolicies []ValidatingPolicy                                       `json:"validatingPolicies,omitempty"`
	// Classes are the sets of namespaces in which a pod meets the same admission chain.
	Classes  []Class  `json:"classes,omitempty"`
	Canaries []Canary `json:"canaries,omitempty"`
	// WebhookCalls are those of webhooks with failurePolicy Ignore, where an API server let them be counted.
	WebhookCalls []WebhookCalls `json:"webhookCalls,omitempty"`
	// Workloads are the objects with pod templates that were created with dryRun=All, PodUpdates the pods that
	// were updated so; both only where a webhook or policy sees them. They are of the kind Canaries.
	Workloads  []WorkloadTrial `json:"workloadTrials,omitempty"`
	PodUpdates []PodUpdate     `json:"podUpdates,omitempty"`
	// WorkloadsTried is whether both were tried: where nothing is in them, nobody sees templates and updates.
	WorkloadsTried bool `json:"workloadsTried,omitempty"`
	// ValidatedWorkloadsTried is whether those that somebody only validates were tried as well.
	ValidatedWorkloadsTried bool `json:"validatedWorkloadsTried,omitempty"`
	// WebhookBackends are what is behind the mutating webhooks that have a Service.
	WebhookBackends []WebhookBackend `json:"webhookBackends,omitempty"`

	CustomResourceDefinitions []CRD `json:"customResourceDefinitions,omitempty"`

	// Pods and those that make them, trimmed: see TrimPod and its like.
	Pods            []corev1.Pod         `json:"pods,omitempty"`
	Events          []corev1.Event       `json:"events,omitempty"`
	Deployments     []appsv1.Deployment  `json:"deployments,omitempty"`
	ReplicaSets     []appsv1.ReplicaSet  `json:"replicaSets,omitempty"`
	StatefulSets    []appsv1.StatefulSet `json:"statefulSets,omitempty"`
	DaemonSets      []appsv1.DaemonSet   `json:"daemonSets,omitempty"`
	Jobs            []batchv1.Job        `json:"jobs,omitempty"`
	CronJobs        []batchv1.CronJob    `json:"cronJobs,omitempty"`
	CustomWorkloads []CustomWorkload     `json:"customWorkloads,omitempty"`
	// Services and EndpointSlices are who sends to the pods, trimmed.
	Services       []corev1.Service            `json:"services,omitempty"`
	EndpointSlices []discoveryv1.EndpointSlice `json:"endpointSlices,omitempty"`
	// Logs are the last lines of containers that may be to blame.
	Logs []ContainerLog `json:"logs,omitempty"`

	// Seen is what was looked for, also where some of it could not be read.
	Seen []Kind `json:"seen,omitempty"`
	// Gaps is what was looked for and could not be read.
	Gaps []Gap `json:"gaps,omitempty"`
	// Unknown counts objects of an input file that no check has a use for, by "kind.group".
	Unknown map[string]int `json:"unknown,omitempty"`
	// Limits says how the caller narrowed the question, in words for the report
	// ("canaries: namespace team-a only").
	Limits []string `json:"limits,omitempty"`
}

// A Gap is something that was looked for and could not be read.
type Gap struct {
	Kind Kind `json:"kind"`
	// Scope is the one instance that is missing ("node/worker-7", "namespace/prod"); empty when
	// the whole kind, or an unknown part of it, is missing. Of the API servers, "apiserver/…"
	// names what is missing; see the Scope constants. It is for people; programs look at Instance.
	Scope string `json:"scope"`
	// Instance is what Scope says, as data; zero in snapshots that were taken before it was written down.
	Instance Instance `json:"instance,omitzero"`
	// Reason is why it could not be read, with the server's words.
	Reason string `json:"reason"`
	// Remedy is what closes the gap: the RBAC rule, the flag, the command.
	Remedy string `json:"remedy"`
	// Command is the command that Remedy ends in, as it is; "" where it ends in none. See [Gap.HowToClose].
	Command string `json:"command,omitempty"`
}

// Scopes of gaps of the API servers.
const (
	// ScopeMetrics: /metrics is closed to the caller. The gate, if it was read at all, was read by
	// a probe, which cannot tell API servers apart.
	ScopeMetrics = "apiserver/metrics"
	// ScopeUnseen: fewer API servers answered than there are.
	ScopeUnseen = "apiserver/unseen"
	// ScopeGate: an API server that answered does not say what its gate is.
	ScopeGate = "apiserver/gate"
	// ScopeLeases and ScopeEndpoints: one of the two ways to count API servers is closed.
	ScopeLeases    = "apiserver/leases"
	ScopeEndpoints = "apiserver/endpoints"
	// ScopeVersion: /version is closed to the caller.
	ScopeVersion = "apiserver/version"
)

// NodeScope is the scope of a gap that is about one node.
func NodeScope(name string) string { return "node/" + name }

// Source says where a FeatureReading comes from, the most direct first.
type Source string

const (
	SourceMetrics Source = "metrics" // kubernetes_feature_enabled on the component's /metrics
	SourceConfigz Source = "configz" // the kubelet's /configz
	SourceFlags   Source = "flags"   // command line of a static pod
	SourceProbe   Source = "probe"   // a PodTemplate created with dryRun=All
)

// A FeatureReading is what one process said of the SidecarContainers gate.
type FeatureReading struct {
	// Component is kube-apiserver, kube-scheduler, kube-controller-manager or kubelet.
	Component string `json:"component"`
	// Instance names the process: the node of a kubelet, the pod of a static pod.
	Instance string `json:"instance,omitempty"`
	// Enabled is nil when the process did not list the gate at all: it is then too old to know
	// it (<= 1.27) or new enough to have dropped it; the version tells which.
	Enabled *bool `json:"enabled,omitempty"`
	// Stage is as in the metric: ALPHA, BETA, "" for GA, DEPRECATED.
	Stage  string `json:"stage,omitempty"`
	Source Source `json:"source"`
	// Evidence is the line that was read, as it was read.
	Evidence string `json:"evidence"`
}

// An APIServer is one API server process that answered.
type APIServer struct {
	// Started tells processes behind one address apart: process_start_time_seconds on its
	// /metrics, to hundredths of a second (such as "1760000000.12"), else the
	// Process-Start-Time-Unix header, which has whole seconds and exists from 1.28 on.
	// Empty when /metrics could not be read.
	Started string `json:"started,omitempty"`
	// Version is this process's own gitVersion (kubernetes_build_info; /version where /metrics
	// could not be read).
	Version string `json:"version,omitempty"`
	// Emulation is the emulated version, such as "1.32", where the server reports one (>= 1.33).
	Emulation string `json:"emulation,omitempty"`
	// Reading is nil when the gate could not be read from this process.
	Reading *FeatureReading `json:"reading,omitempty"`
}

// A ControlPlanePod is a static pod of the control plane, as kubeadm makes it.
type ControlPlanePod struct {
	// Component is kube-apiserver, kube-scheduler or kube-controller-manager.
	Component string `json:"component"`
	Name      string `json:"name"`
	Node      string `json:"node,omitempty"`
	// Version is the tag of its image.
	Version string `json:"version,omitempty"`
	// FeatureGates is the value of all its --feature-gates flags, joined with commas, as written.
	FeatureGates string `json:"featureGates,omitempty"`
	// EmulatedVersion is the value of --emulated-version.
	EmulatedVersion string `json:"emulatedVersion,omitempty"`
	// Address is the advertised address ("10.0.0.4:6443") of an API server.
	Address string `json:"address,omitempty"`
	// Ready is whether the pod's Ready condition is true.
	Ready bool `json:"ready"`
	// Ignore is its [IgnoreAnnotation].
	Ignore string `json:"ignore,omitempty"`
}

// Has reports whether kind was looked for.
func (s *Snapshot) Has(kind Kind) bool {
	for _, k := range s.Seen {
		if k == kind {
			return true
		}
	}
	return false
}

// GapsOf returns the gaps of kind with the given scope, and all gaps of kind when scope is "*".
func (s *Snapshot) GapsOf(kind Kind, scope string) []Gap {
	var out []Gap
	for _, g := range s.Gaps {
		if g.Kind == kind && (scope == "*" || g.Scope == scope) {
			out = append(out, g)
		}
	}
	return out
}

// Age is how long before the snapshot t was; 0 when either is unknown.
func (s *Snapshot) Age(t metav1.Time) time.Duration {
	if s.TakenAt.IsZero() || t.IsZero() {
		return 0
	}
	return s.TakenAt.Sub(t.Time)
}
