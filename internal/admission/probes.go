package admission

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Probe is one AdmissionReview by which a webhook is tested.
type Probe struct {
	// Name says what it tries.
	Name string
	Pod  *corev1.Pod
	// Old is the pod before an update; nil for a create.
	Old *corev1.Pod
}

// newestMinor is beyond all API servers of which NewerFields knows: a webhook has to cope with what
// it will meet next.
const newestMinor = 99

// Probes are what a webhook must get through unharmed, and extra, if it is not nil, as the author's own.
func Probes(namespace string, extra *corev1.Pod) []Probe {
	between := withProbes(Canary(namespace))
	last := canaryContainer("canary-last")
	between.Spec.InitContainers = append(between.Spec.InitContainers, last)

	two := withProbes(Canary(namespace))
	second := *two.Spec.InitContainers[1].DeepCopy()
	second.Name = "canary-second"
	two.Spec.InitContainers = []corev1.Container{two.Spec.InitContainers[1], second}

	only := Canary(namespace)
	only.Spec.InitContainers = only.Spec.InitContainers[1:]

	newer := Canary(namespace)
	facts.SetNewerFields(newer, newestMinor)

	out := []Probe{
		{Name: "create: a sidecar between two init containers, with probes and a lifecycle", Pod: between},
		{Name: "create: two sidecars and no other init container", Pod: two},
		{Name: "create: one sidecar without probes", Pod: only},
		{Name: "create: fields that are newer than restartPolicy or as old", Pod: newer},
		update("update: a label of a pod with a sidecar", between),
	}
	if extra != nil {
		own := extra.DeepCopy()
		if own.Namespace == "" {
			own.Namespace = namespace
		}
		out = append(out, Probe{Name: "create: your pod", Pod: own}, update("update: a label of your pod", own))
	}
	return out
}

// withProbes gives the sidecar what only a sidecar may have.
func withProbes(pod *corev1.Pod) *corev1.Pod {
	sidecar := &pod.Spec.InitContainers[1]
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
	sidecar.StartupProbe, sidecar.ReadinessProbe, sidecar.LivenessProbe = probe, probe.DeepCopy(), probe.DeepCopy()
	sidecar.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/true"}}}}
	return pod
}

// update is the update of a stored pod that changes one label.
func update(name string, pod *corev1.Pod) Probe {
	old := pod.DeepCopy()
	old.Name, old.GenerateName, old.UID = "stored", "", "11111111-2222-3333-4444-555555555555"
	old.ResourceVersion = "7"
	after := old.DeepCopy()
	metav1.SetMetaDataLabel(&after.ObjectMeta, "changed", "yes")
	return Probe{Name: name, Pod: after, Old: old}
}

// A ProbeResult is what a webhook did to a probe.
type ProbeResult struct {
	Name string `json:"name"`
	// Problems are what is wrong; none is good.
	Problems []Problem `json:"problems"`
	// Operations is how many operations its patch has; 0 means that it left the pod as it was.
	Operations int `json:"operations"`
	// Patch are the operations of its patch that reach the init containers, where there are problems.
	Patch []string `json:"patch"`
}

// A Problem is one thing that is wrong with an answer.
type Problem struct {
	// Kind is stripped, moved, removed, stripped-field, denied or invalid.
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
}

// An Asker sends the body of an AdmissionReview and returns the body of the answer.
type Asker func(ctx context.Context, body []byte) ([]byte, error)

// Run asks one probe. An error means that there was no answer at all.
func (p Probe) Run(ctx context.Context, ask Asker, version string) (ProbeResult, error) {
	result := ProbeResult{Name: p.Name, Problems: []Problem{}, Patch: []string{}}
	q := Question{UID: uuid.NewUUID(), Namespace: p.Pod.Namespace, Version: version}
	var err error
	if q.Pod, err = json.Marshal(p.Pod); err != nil {
		return result, fmt.Errorf("encode the pod: %w", err)
	}
	if p.Old != nil {
		if q.Old, err = json.Marshal(p.Old); err != nil {
			return result, fmt.Errorf("encode the pod: %w", err)
		}
	}
	body, err := q.Body()
	if err != nil {
		return result, err
	}
	raw, err := ask(ctx, body)
	if err != nil {
		return result, err
	}
	answer, err := q.Understand(raw)
	if err != nil {
		result.Problems = append(result.Problems, Problem{"invalid", err.Error()})
		return result, nil
	}
	result.compare(p, answer)
	return result, nil
}

// compare notes what the answer does to the pod of the probe that it must not do.
func (r *ProbeResult) compare(p Probe, answer *Answer) {
	r.Operations = len(answer.Patch)
	if !answer.Allowed {
		r.Problems = append(r.Problems, Problem{"denied", answer.Message})
		return
	}
	var after corev1.Pod
	if err := json.Unmarshal(answer.Pod, &after); err != nil {
		r.Problems = append(r.Problems, Problem{"invalid", err.Error()})
		return
	}
	for _, c := range facts.Changes(p.Pod, &after) {
		r.Problems = append(r.Problems, Problem{string(c.Kind), c.Detail})
	}
	for _, f := range facts.LostFields(p.Pod, &after) {
		r.Problems = append(r.Problems, Problem{"stripped-field", f + " was sent, and is gone"})
	}
	if len(r.Problems) > 0 {
		r.Patch = append(r.Patch, answer.Touching("/spec/initContainers")...)
	}
}
