package admission

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A Template is what a webhook may look at in a pod template of the cluster, and in its service
// account; or in a service account alone.
type Template struct {
	// Object says whose template it is: "Deployment shop/web".
	Object    string
	Namespace string
	Labels    map[string]string
	// Annotations are the pod's.
	Annotations map[string]string
	// Account is the name of the service account; empty means default.
	Account                           string
	AccountLabels, AccountAnnotations map[string]string
	// Bare is a service account that no pod template uses.
	Bare bool
	// Spec is the pod's; nil where only its metadata are known, and it gets the containers of a plain canary.
	Spec *corev1.PodSpec
	// Name and GenerateName are what the pod's creator calls it: one of them.
	Name, GenerateName string
	Owners             []metav1.OwnerReference
	Finalizers         []string
	// Made are labels that the creator adds, with values of each pod's own.
	Made map[string]string
	// Creator is the user that creates the pods: the service account of a controller. It is empty where it is not
	// known.
	Creator string
	// Running is a pod that is there, of which no template is known.
	Running bool
}

// madeUp ends the names of owners that are yet to come: of the next ReplicaSet, of the next Job.
const (
	madeUpHash = "7d9c5b6f48"
	madeUpTime = "29000000"
	madeUpUID  = types.UID("3b1f7a52-6c0d-4e8a-9f43-5d2e8c7b1a60")
)

// OfWorkload is the template of a built-in workload, with what its controller adds to each pod.
func OfWorkload(kind string, owner *metav1.ObjectMeta, template *corev1.PodTemplateSpec) Template {
	t := Template{
		Object: kind + " " + owner.Namespace + "/" + owner.Name, Namespace: owner.Namespace,
		Labels: template.Labels, Annotations: template.Annotations, Account: template.Spec.ServiceAccountName,
		Spec: &template.Spec,
	}
	name, uid := owner.Name, cmp.Or(owner.UID, madeUpUID) // one of a file has none, which no API server accepts
	switch kind {
	case "Deployment": // its next ReplicaSet
		name, uid = name+"-"+madeUpHash, madeUpUID
		t.owned("apps/v1", "ReplicaSet", name, uid, ReplicaSetController)
		t.Made = map[string]string{"pod-template-hash": madeUpHash}
	case "StatefulSet":
		t.owned("apps/v1", kind, name, uid, StatefulSetController)
		t.GenerateName, t.Name = "", name+"-"+nextOrdinal
		t.Made = map[string]string{
			"controller-revision-hash": name + "-" + madeUpHash, "statefulset.kubernetes.io/pod-name": t.Name, "apps.kubernetes.io/pod-index": nextOrdinal,
		}
	case "DaemonSet":
		t.owned("apps/v1", kind, name, uid, DaemonSetController)
		t.Made = map[string]string{"controller-revision-hash": madeUpHash, "pod-template-generation": "1"}
	case "CronJob": // its next Job
		name, uid = name+"-"+madeUpTime, madeUpUID
		t.job(name, uid)
	case "Job":
		t.job(name, uid)
	}
	return t
}

// nextOrdinal is that of a pod which a StatefulSet would have if it were scaled that far.
const nextOrdinal = "1000"

func (t *Template) owned(version, kind, name string, uid types.UID, controller string) {
	t.Owners = []metav1.OwnerReference{ControllerRef(version, kind, name, uid)}
	t.GenerateName, t.Creator = name+"-", ControllerUser(controller)
}

func (t *Template) job(name string, uid types.UID) {
	t.owned("batch/v1", "Job", name, uid, JobController)
	t.Finalizers = []string{"batch.kubernetes.io/job-tracking"}
	t.Made = map[string]string{
		"job-name": name, "batch.kubernetes.io/job-name": name, "controller-uid": string(uid), "batch.kubernetes.io/controller-uid": string(uid),
	}
}

// ControllerRef is what a controller writes into each of its pods.
func ControllerRef(version, kind, name string, uid types.UID) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: uid, Controller: &yes, BlockOwnerDeletion: &yes}
}

// OfRunning is the template of a pod that is there: without what the API server and the scheduler have added to it.
func OfRunning(p *corev1.Pod) Template {
	t := Template{
		Object: "Pod " + p.Namespace + "/" + p.Name, Namespace: p.Namespace, Labels: p.Labels, Annotations: p.Annotations,
		Account: p.Spec.ServiceAccountName, GenerateName: p.GenerateName, Owners: p.OwnerReferences, Running: true,
	}
	if t.GenerateName == "" {
		t.GenerateName = p.Name + "-"
	}
	spec := p.Spec.DeepCopy()
	spec.NodeName, spec.EphemeralContainers, spec.Priority, spec.PreemptionPolicy = "", nil, nil, nil
	var tokens []string
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool {
		ours := v.Projected != nil && len(v.Name) > len(tokenVolume) && v.Name[:len(tokenVolume)] == tokenVolume
		if ours {
			tokens = append(tokens, v.Name)
		}
		return ours
	})
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = slices.DeleteFunc(list[i].VolumeMounts, func(m corev1.VolumeMount) bool { return slices.Contains(tokens, m.Name) })
		}
	}
	t.Spec = spec
	return t
}

// tokenVolume begins the name of the volume that the ServiceAccount plugin adds.
const tokenVolume = "kube-api-access-"

// Canary is the template's pod, as its controller creates it, with a native sidecar if it has none: a webhook may count
// containers. A running pod, which may have one from a webhook, gets one more. Where only its
// metadata are known, it is the plain canary with these; that of a service account alone has the plain canary's
// label.
func (t Template) Canary() *corev1.Pod {
	if t.Spec == nil {
		pod := Canary(t.Namespace)
		if !t.Bare {
			pod.Labels = maps.Clone(t.Labels)
		}
		pod.Annotations = maps.Clone(t.Annotations)
		pod.Spec.ServiceAccountName = t.Account
		return pod
	}
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: t.Name, GenerateName: t.GenerateName, Namespace: t.Namespace, Labels: maps.Clone(t.Labels), Annotations: maps.Clone(t.Annotations),
			OwnerReferences: slices.Clone(t.Owners), Finalizers: slices.Clone(t.Finalizers),
		},
		Spec: *t.Spec.DeepCopy(),
	}
	if pod.Labels == nil && t.Made != nil {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, t.Made)
	if t.Running || !slices.ContainsFunc(pod.Spec.InitContainers, nativeSidecar) {
		addSidecar(&pod.Spec)
	}
	return pod
}

func nativeSidecar(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// addSidecar adds a native sidecar that is allowed to run wherever the first container is: it has that
// one's image and security context.
func addSidecar(spec *corev1.PodSpec) {
	always := corev1.ContainerRestartPolicyAlways
	sidecar := canaryContainer(CanarySidecar)
	sidecar.RestartPolicy = &always
	if len(spec.Containers) > 0 {
		sidecar.Image, sidecar.SecurityContext = spec.Containers[0].Image, spec.Containers[0].SecurityContext.DeepCopy()
	}
	spec.InitContainers = append(spec.InitContainers, sidecar)
}
