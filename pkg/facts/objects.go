package facts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// A file is an input file that is being read.
type file struct {
	strict   bool
	snapshot *Snapshot
	objects  int // so far, lists not counted
	// manifests are the pods that no cluster has made anything of yet.
	manifests []corev1.Pod
	whole     bool // it was a Snapshot
	policies  []admissionregistrationv1.MutatingAdmissionPolicy
	bindings  []admissionregistrationv1.MutatingAdmissionPolicyBinding
	parts     *Parts // what it is one of; nil when it is all there is
}

// A reading of one kind of object: the kind of fact that it is, and how it gets into the snapshot.
type objectKind struct {
	kind Kind
	add  func(f *file, raw []byte) error
}

// known is the objects of a file that are read, by "kind.group" as kubectl writes it.
var known = map[string]objectKind{
	"Node": {Nodes, object(func(f *file, o *corev1.Node) { f.snapshot.Nodes = append(f.snapshot.Nodes, TrimNode(o)) })},
	"Namespace": {Namespaces, object(func(f *file, o *corev1.Namespace) {
		f.snapshot.Namespaces = append(f.snapshot.Namespaces, TrimNamespace(o))
	})},
	"Pod":   {Pods, object((*file).addPod)},
	"Event": {Events, object(func(f *file, o *corev1.Event) { f.snapshot.Events = append(f.snapshot.Events, TrimEvent(o)) })},
	"Deployment.apps": {Deployments, object(func(f *file, o *appsv1.Deployment) {
		f.snapshot.Deployments = append(f.snapshot.Deployments, TrimDeployment(o))
	})},
	"ReplicaSet.apps": {ReplicaSets, object(func(f *file, o *appsv1.ReplicaSet) {
		f.snapshot.ReplicaSets = append(f.snapshot.ReplicaSets, TrimReplicaSet(o))
	})},
	"StatefulSet.apps": {StatefulSets, object(func(f *file, o *appsv1.StatefulSet) {
		f.snapshot.StatefulSets = append(f.snapshot.StatefulSets, TrimStatefulSet(o))
	})},
	"DaemonSet.apps": {DaemonSets, object(func(f *file, o *appsv1.DaemonSet) {
		f.snapshot.DaemonSets = append(f.snapshot.DaemonSets, TrimDaemonSet(o))
	})},
	"Job.batch":     {Jobs, object(func(f *file, o *batchv1.Job) { f.snapshot.Jobs = append(f.snapshot.Jobs, TrimJob(o)) })},
	"CronJob.batch": {CronJobs, object(func(f *file, o *batchv1.CronJob) { f.snapshot.CronJobs = append(f.snapshot.CronJobs, TrimCronJob(o)) })},
	"Service": {Services, object(func(f *file, o *corev1.Service) {
		f.snapshot.Services = append(f.snapshot.Services, TrimService(o))
	})},
	"EndpointSlice.discovery.k8s.io": {EndpointSlices, object(func(f *file, o *discoveryv1.EndpointSlice) {
		f.snapshot.EndpointSlices = append(f.snapshot.EndpointSlices, TrimEndpointSlice(o))
	})},
	"MutatingWebhookConfiguration.admissionregistration.k8s.io": {MutatingWebhooks, object(func(f *file, o *webhooks) {
		f.snapshot.MutatingWebhooks = append(f.snapshot.MutatingWebhooks, withoutSecrets(TrimWebhooks(o)))
	})},
	"MutatingAdmissionPolicy.admissionregistration.k8s.io": {MutatingPolicies, object(func(f *file, o *admissionregistrationv1.MutatingAdmissionPolicy) {
		f.policies = append(f.policies, *o)
	})},
	"MutatingAdmissionPolicyBinding.admissionregistration.k8s.io": {MutatingPolicies, object(func(f *file, o *admissionregistrationv1.MutatingAdmissionPolicyBinding) {
		f.bindings = append(f.bindings, *o)
	})},
}

// leaseKind is apart: most Leases are not those of API servers.
const leaseKind = "Lease.coordination.k8s.io"

type (
	lease    = coordinationv1.Lease
	webhooks = admissionregistrationv1.MutatingWebhookConfiguration

	validatingWebhooks = admissionregistrationv1.ValidatingWebhookConfiguration
)

// object returns a reader of objects of type T.
func object[T any](add func(*file, *T)) func(*file, []byte) error {
	return func(f *file, raw []byte) error {
		var o T
		if err := f.decode(raw, &o); err != nil {
			return err
		}
		add(f, &o)
		return nil
	}
}

// decode reads JSON; what it does not know is an error only in strict files.
func (f *file) decode(raw []byte, into any) error {
	var problems []error
	var err error
	if f.strict {
		problems, err = kjson.UnmarshalStrict(raw, into)
	} else {
		problems, err = kjson.UnmarshalStrict(raw, into, kjson.DisallowDuplicateFields)
	}
	return errors.Join(append(problems, err)...)
}

// header is what every object has, and what lists have.
type header struct {
	metav1.TypeMeta
	Items []json.RawMessage `json:"items"`
}

// add reads a document.
func (f *file) add(d document) error {
	if !bytes.HasPrefix(d.json, []byte("{")) {
		return fmt.Errorf("%w, but plain text or a list", ErrNoObject)
	}
	var h header
	if err := kjson.UnmarshalCaseSensitivePreserveInts(d.json, &h); err != nil {
		return fmt.Errorf("%w: %w", ErrNoObject, err)
	}
	switch {
	case f.whole:
		return errors.New("a snapshot stands alone in its file")
	case h.Kind == "" && h.Items != nil:
		return errors.New("a list without a kind: the file is cut off")
	case h.Kind == "" || h.APIVersion == "":
		return fmt.Errorf("%w: it has no kind or no apiVersion", ErrNoObject)
	case h.group() == "kubectl-sidecar.dev":
		return f.addOwn(h, d.json)
	}
	return f.addObject(h, d.json)
}

func (h header) group() string {
	group, _, ok := strings.Cut(h.APIVersion, "/")
	if !ok {
		return ""
	}
	return group
}

// name is the kind as kubectl writes it: "Node", "Deployment.apps".
func (h header) name(kind string) string {
	if group := h.group(); group != "" {
		return kind + "." + group
	}
	return kind
}

// ErrNoObject is the error of a document that is well-formed and no object.
var ErrNoObject = errors.New("no Kubernetes object")

// ErrNothing is the error of what has no object in it.
var ErrNothing = errors.New("not a single Kubernetes object is in it")

// ErrReport is the error of reading a report where a snapshot is expected.
var ErrReport = errors.New("a report, not a snapshot; a snapshot is written by: kubectl sidecar snapshot -o FILE")

// addOwn reads what this program wrote.
func (f *file) addOwn(h header, raw []byte) error {
	switch {
	case h.Kind == "Report", h.Kind == "ReportList":
		return ErrReport
	case h.Kind != SnapshotKind:
		return fmt.Errorf("a %s, not a snapshot", h.Kind)
	case h.APIVersion != APIVersion:
		return fmt.Errorf("a snapshot of version %s; this program reads %s", h.APIVersion, APIVersion)
	case f.objects > 0:
		return errors.New("a snapshot stands alone in its file")
	}
	f.whole = true
	f.objects++
	if err := f.decode(raw, f.snapshot); err != nil {
		return fmt.Errorf("read the snapshot: %w", err)
	}
	f.dateLists(raw)
	return nil
}

// addObject reads an object or a list. Items of a list that the API server itself wrote have no
// kind of their own.
func (f *file) addObject(h header, raw []byte) error {
	itemKind, isList := strings.CutSuffix(h.Kind, "List")
	if !isList || h.Items == nil && !emptyList(raw) {
		return f.addOne(h, raw)
	}
	if k, ok := known[h.name(itemKind)]; ok {
		f.see(k.kind)
		f.objects++ // an empty list says something, too
	}
	for i, item := range h.Items {
		var ih header
		if err := kjson.UnmarshalCaseSensitivePreserveInts(item, &ih); err != nil {
			return fmt.Errorf("item %d: %w: %w", i+1, ErrNoObject, err)
		}
		if ih.Kind == "" && itemKind != "" {
			ih.Kind, ih.APIVersion = itemKind, h.APIVersion
		}
		if ih.Kind == "" || ih.APIVersion == "" {
			return fmt.Errorf("item %d: %w: it has no kind or no apiVersion", i+1, ErrNoObject)
		}
		if err := f.addObject(ih, item); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return nil
}

// emptyList reports whether a list says that there is nothing: kubectl cluster-info dump writes "items": null.
func emptyList(raw []byte) bool {
	var list map[string]json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return false
	}
	items, there := list["items"]
	return there && string(items) == "null"
}

func (f *file) addOne(h header, raw []byte) error {
	f.objects++
	if f.parts.again(h, raw) {
		return nil
	}
	f.date(h, raw)
	f.addSubject(h, raw)
	name := h.name(h.Kind)
	if name == leaseKind {
		return f.addLease(raw)
	}
	k, ok := known[name]
	if w, custom := CustomWorkloadOf(raw); custom && !ok {
		f.snapshot.CustomWorkloads = append(f.snapshot.CustomWorkloads, w)
		f.see(CustomWorkloads)
		return nil
	}
	if !ok {
		if f.strict {
			return fmt.Errorf("unknown kind %s", name)
		}
		f.unknown(name)
		return nil
	}
	if err := k.add(f, raw); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	f.see(k.kind)
	return nil
}

// manifest reports whether a pod is one that no cluster has made anything of.
func manifest(p *corev1.Pod) bool {
	return p.UID == "" && p.CreationTimestamp.IsZero() && equality.Semantic.DeepEqual(p.Status, corev1.PodStatus{})
}

// addPod keeps a pod of a cluster. A manifest is none: nothing is known of what has become of it.
func (f *file) addPod(p *corev1.Pod) {
	if static, ok := StaticPod(p); ok {
		f.snapshot.ControlPlane = append(f.snapshot.ControlPlane, static)
		f.see(ControlPlane)
	}
	if manifest(p) {
		f.manifests = append(f.manifests, TrimPod(p))
		return
	}
	f.addReferences(p)
	f.snapshot.Pods = append(f.snapshot.Pods, TrimPod(p))
}

func (f *file) addLease(raw []byte) error {
	var l coordinationv1.Lease
	if err := f.decode(raw, &l); err != nil {
		return fmt.Errorf("read %s: %w", leaseKind, err)
	}
	if !IdentityLease(&l) {
		f.unknown(leaseKind)
		return nil
	}
	f.snapshot.APIServerLeases = append(f.snapshot.APIServerLeases, TrimLease(&l))
	f.see(APIServers)
	return nil
}

func (f *file) unknown(name string) {
	if f.snapshot.Unknown == nil {
		f.snapshot.Unknown = map[string]int{}
	}
	f.snapshot.Unknown[name]++
}

func (f *file) see(k Kind) {
	if !f.snapshot.Has(k) {
		f.snapshot.Seen = append(f.snapshot.Seen, k)
	}
}

// finish adds the gaps of what half a file leaves open.
func (f *file) finish() (*Snapshot, error) {
	s := f.snapshot
	switch {
	case f.objects == 0:
		return nil, ErrNothing
	case f.whole:
		*s = withoutSecrets(*s) // who knows who wrote it
		return s, cmp.Or(f.complete(), s.impossibleName())
	}
	f.noteManifests()
	s.MutatingPolicies = MutatingPoliciesOf(f.policies, f.bindings)
	if s.Has(MutatingPolicies) && (len(f.policies) == 0 || len(f.bindings) == 0) {
		s.Gaps = append(s.Gaps, NewGap(MutatingPolicies, Instance{}, "the file has policies or bindings, but not both", HowToGet(MutatingPolicies)))
	}
	switch {
	case len(s.APIServerLeases) > 0:
		s.Gaps = append(s.Gaps, NewGap(APIServers, Instance{}, "the file has Leases of API servers, but not what their gates are", HowToGet(APIServers)))
	case s.ServerVersion != nil:
		s.Gaps = append(s.Gaps, NewGap(APIServers, Instance{}, "the file has the version that one API server told, but not how many there are and what their gates are", HowToGet(APIServers)))
	}
	s.Redact()
	s.Sort()
	return s, cmp.Or(s.impossibleName(), (&Snapshot{Pods: f.manifests}).impossibleName())
}

// noteManifests says of pods without a status that they are not judged.
func (f *file) noteManifests() {
	if len(f.manifests) == 0 {
		return
	}
	first := f.manifests[0]
	reason := fmt.Sprintf("the pod %s has no status: it is a manifest, not a pod of a cluster", first.Name)
	if n := len(f.manifests); n > 1 {
		reason = fmt.Sprintf("%d pods, such as %s, have no status: they are manifests, not pods of a cluster", n, first.Name)
	}
	f.snapshot.Gaps = append(f.snapshot.Gaps, NoPodsOf(PodInstance(first.Namespace, first.Name), reason, Do("get them as the cluster has them, or judge the manifests:", "kubectl get pods -o yaml", "kubectl sidecar lint -f FILE")))
}

// complete refuses a snapshot without its last part: keys are written in alphabetical order, and
// what was looked for comes after most facts.
func (f *file) complete() error {
	s := f.snapshot
	facts := len(s.APIServers) + len(s.Nodes) + len(s.Kubelets) + len(s.Namespaces) + len(s.Canaries) + len(s.Gaps)
	if len(s.Seen) == 0 && facts > 0 {
		return errors.New("the snapshot does not say what was seen: the file is cut off")
	}
	return nil
}
