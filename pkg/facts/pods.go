package facts

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kinds of facts about pods and those that make them.
const (
	// Pods is the Pod objects that were asked for, not all of the cluster.
	Pods Kind = "pods"
	// Events is the core/v1 events that are about the pods or their owners. They expire, after one
	// hour by default, so an event that is not there proves nothing.
	Events Kind = "events"
	// The owners of the pods, and the owners' owners.
	Deployments  Kind = "deployments"
	ReplicaSets  Kind = "replicasets"
	StatefulSets Kind = "statefulsets"
	DaemonSets   Kind = "daemonsets"
	Jobs         Kind = "jobs"
	CronJobs     Kind = "cronjobs"
	// ReplicationControllers and PodTemplates are no owners that are looked at; no snapshot has them.
	ReplicationControllers Kind = "replicationcontrollers"
	PodTemplates           Kind = "podtemplates"
	// Referrers are autoscalers, Services and monitors that may mean a container by its name or by that of a port.
	Referrers Kind = "referrers"
	// CustomWorkloads is owners of other kinds: Rollouts, ScaledJobs.
	CustomWorkloads Kind = "customworkloads"
	// Logs is the last lines of single containers.
	Logs Kind = "logs"
)

// A ContainerLog is the last lines of one container.
type ContainerLog struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Container string `json:"container"`
	// Previous is set for the lines of the run before the current one.
	Previous bool `json:"previous,omitempty"`
	// Lines are without line ends, the oldest first.
	Lines []string `json:"lines"`
}

// A CustomWorkload is an object of a kind that is not built in and has a pod template.
type CustomWorkload struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
	// Path is where the template is: "spec.template", "spec.jobTargetRef.template".
	Path string `json:"path"`
	// Template is the pod template as stored.
	Template corev1.PodTemplateSpec `json:"template"`
	// Replicas is how many pods it wants; nil where it does not say so in spec.replicas.
	Replicas *int64 `json:"replicas,omitempty"`
	// Suspended is set by spec.suspend, Paused by spec.paused.
	Suspended bool `json:"suspended,omitempty"`
	Paused    bool `json:"paused,omitempty"`
	// Applied is the names of those init containers that had restartPolicy Always when the object
	// was last applied (its last-applied-configuration annotation), also where the stored object
	// lacks it.
	Applied []string `json:"applied,omitempty"`
}

// keptPrefixes are the annotations that say how a sidecar was injected, or that somebody works
// around what native sidecars do, and who has the manifest. No other annotation is kept.
var keptPrefixes = []string{
	"sidecar.istio.io/", "proxy.istio.io/", "config.linkerd.io/", "config.alpha.linkerd.io/",
	"config.beta.linkerd.io/", "linkerd.io/", "dapr.io/", "kuma.io/", "kubernetes.io/config.mirror",
	"meta.helm.sh/release-name", "helm.sh/hook", "argocd.argoproj.io/tracking-id", "kubectl.kubernetes.io/default-container",
	"batch.kubernetes.io/job-completion-index", "consul.hashicorp.com/", "vault.hashicorp.com/agent-init", "vault.hashicorp.com/agent-pre", "vault.hashicorp.com/agent-enable-quit",
	corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix,
}

// LastAppliedAnnotation is where a client-side kubectl apply notes what was applied.
const LastAppliedAnnotation = corev1.LastAppliedConfigAnnotation

// TrimPod keeps what a check can use of a pod: no environment values, no credentials in command
// lines, no addresses, of security contexts the user, capabilities, profiles and kernel parameters; of managedFields what
// tells who set a restartPolicy.
func TrimPod(p *corev1.Pod) corev1.Pod {
	out := corev1.Pod{ObjectMeta: trimMeta(&p.ObjectMeta), Spec: trimPodSpec(&p.Spec), Status: p.Status}
	s := &out.Status
	s.HostIP, s.HostIPs, s.PodIP, s.PodIPs = "", nil, "", nil
	s.InitContainerStatuses = trimStatuses(p.Status.InitContainerStatuses)
	s.ContainerStatuses = trimStatuses(p.Status.ContainerStatuses)
	s.EphemeralContainerStatuses = nil
	s.Message = redactText(s.Message)
	return withoutSecrets(out)
}

// trimMeta is what is kept of every object's metadata.
func trimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: m.Name, GenerateName: m.GenerateName, Namespace: m.Namespace, UID: m.UID, Labels: m.Labels,
		Annotations: trimAnnotations(m.Annotations), CreationTimestamp: m.CreationTimestamp,
		DeletionTimestamp: m.DeletionTimestamp, DeletionGracePeriodSeconds: m.DeletionGracePeriodSeconds,
		Finalizers: m.Finalizers, OwnerReferences: possibleOwners(m.OwnerReferences), Generation: m.Generation,
		ManagedFields: trimManagedFields(m.ManagedFields),
	}
}

func trimAnnotations(in map[string]string) map[string]string {
	var out map[string]string
	keep := func(key, value string) {
		if out == nil {
			out = map[string]string{}
		}
		out[key] = value
	}
	for key, value := range in {
		for _, prefix := range keptPrefixes {
			if strings.HasPrefix(key, prefix) {
				keep(key, redactText(value))
				break
			}
		}
	}
	if applied := trimApplied(in[LastAppliedAnnotation]); applied != "" {
		keep(LastAppliedAnnotation, applied)
	}
	return out
}

func trimPodSpec(p *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		InitContainers: trimContainers(p.InitContainers), Containers: trimContainers(p.Containers),
		Volumes:       trimVolumes(p.Volumes),
		RestartPolicy: p.RestartPolicy, TerminationGracePeriodSeconds: p.TerminationGracePeriodSeconds,
		ActiveDeadlineSeconds: p.ActiveDeadlineSeconds,
		NodeName:              p.NodeName, NodeSelector: p.NodeSelector, Affinity: p.Affinity, Tolerations: p.Tolerations,
		SchedulerName: p.SchedulerName, SchedulingGates: p.SchedulingGates, PriorityClassName: p.PriorityClassName,
		ServiceAccountName: p.ServiceAccountName, RuntimeClassName: p.RuntimeClassName, Overhead: p.Overhead,
		HostNetwork: p.HostNetwork, ShareProcessNamespace: p.ShareProcessNamespace, Resources: p.Resources,
		HostUsers: p.HostUsers, OS: p.OS, ReadinessGates: p.ReadinessGates, SecurityContext: trimPodSecurity(p.SecurityContext),
	}
}

// trimPodSecurity keeps as which user containers run, since some users' traffic goes past a mesh, and what a node may not
// have or not allow: profiles and kernel parameters.
func trimPodSecurity(s *corev1.PodSecurityContext) *corev1.PodSecurityContext {
	if s == nil || s.RunAsUser == nil && s.SeccompProfile == nil && s.AppArmorProfile == nil && len(s.Sysctls) == 0 {
		return nil
	}
	return &corev1.PodSecurityContext{RunAsUser: s.RunAsUser, SeccompProfile: s.SeccompProfile, AppArmorProfile: s.AppArmorProfile, Sysctls: s.Sysctls}
}

// trimSecurity keeps that of a container, and with which capabilities: some let it stop others.
func trimSecurity(s *corev1.SecurityContext) *corev1.SecurityContext {
	if s == nil || s.RunAsUser == nil && s.Capabilities == nil && s.SeccompProfile == nil && s.AppArmorProfile == nil {
		return nil
	}
	return &corev1.SecurityContext{RunAsUser: s.RunAsUser, Capabilities: s.Capabilities, SeccompProfile: s.SeccompProfile, AppArmorProfile: s.AppArmorProfile}
}

func trimContainers(in []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for i := range in {
		c := &in[i]
		out = append(out, corev1.Container{
			Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy,
			Command: redactWords(c.Command), Args: redactWords(c.Args),
			Ports: c.Ports, Env: trimEnv(c.Env), EnvFrom: c.EnvFrom,
			Resources: c.Resources, VolumeMounts: c.VolumeMounts,
			RestartPolicy: c.RestartPolicy, RestartPolicyRules: c.RestartPolicyRules,
			StartupProbe: trimProbe(c.StartupProbe), ReadinessProbe: trimProbe(c.ReadinessProbe), LivenessProbe: trimProbe(c.LivenessProbe),
			Lifecycle: trimLifecycle(c.Lifecycle), SecurityContext: trimSecurity(c.SecurityContext),
		})
	}
	return out
}

func trimProbe(p *corev1.Probe) *corev1.Probe {
	if p == nil {
		return nil
	}
	out := *p
	out.Exec, out.HTTPGet = trimExec(p.Exec), trimHTTPGet(p.HTTPGet)
	return &out
}

func trimLifecycle(l *corev1.Lifecycle) *corev1.Lifecycle {
	if l == nil {
		return nil
	}
	handler := func(h *corev1.LifecycleHandler) *corev1.LifecycleHandler {
		if h == nil {
			return nil
		}
		out := *h
		out.Exec, out.HTTPGet = trimExec(h.Exec), trimHTTPGet(h.HTTPGet)
		return &out
	}
	return &corev1.Lifecycle{PostStart: handler(l.PostStart), PreStop: handler(l.PreStop), StopSignal: l.StopSignal}
}

func trimExec(e *corev1.ExecAction) *corev1.ExecAction {
	if e == nil {
		return nil
	}
	return &corev1.ExecAction{Command: redactWords(e.Command)}
}

func trimHTTPGet(g *corev1.HTTPGetAction) *corev1.HTTPGetAction {
	if g == nil {
		return nil
	}
	out := *g
	out.Path = redactText(g.Path)
	out.HTTPHeaders = nil
	for _, h := range g.HTTPHeaders { // may hold credentials; that they are there says what a probe needs
		out.HTTPHeaders = append(out.HTTPHeaders, corev1.HTTPHeader{Name: h.Name, Value: redacted})
	}
	return &out
}

func trimStatuses(in []corev1.ContainerStatus) []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for i := range in {
		c := in[i]
		c.State, c.LastTerminationState = trimState(c.State), trimState(c.LastTerminationState)
		c.ContainerID, c.ImageID = "", ""
		c.AllocatedResources, c.AllocatedResourcesStatus, c.Resources, c.VolumeMounts, c.User = nil, nil, nil, nil, nil
		out = append(out, c)
	}
	return out
}

// trimState bounds and redacts the messages of a state: a termination message may be a log.
func trimState(s corev1.ContainerState) corev1.ContainerState {
	out := corev1.ContainerState{Running: s.Running}
	if s.Waiting != nil {
		out.Waiting = &corev1.ContainerStateWaiting{Reason: s.Waiting.Reason, Message: bound(redactText(s.Waiting.Message))}
	}
	if s.Terminated != nil {
		t := *s.Terminated
		t.ContainerID, t.Message = "", bound(redactText(t.Message))
		out.Terminated = &t
	}
	return out
}

// bound cuts a text of a container to what is worth quoting; its end is the telling part.
func bound(s string) string {
	const most = 1024
	if len(s) > most {
		return "..." + strings.ToValidUTF8(s[len(s)-most:], "")
	}
	return s
}
