package collect

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// longestCreate is how long an API server works on one request by default (--request-timeout).
const longestCreate = 60 * time.Second

// fitTries is how often a canary is adapted to limit ranges: each says one thing at a time.
const fitTries = 3

// send creates pod with dryRun=All and returns what came back.
func (c *collector) send(ctx context.Context, class *class, pod *corev1.Pod) facts.Canary {
	canary := c.sendOnce(ctx, class, pod)
	if uncalled(canary) {
		// A connection breaks, a webhook is slow once: who says that no pod can be created tries twice.
		if again := c.sendOnce(ctx, class, pod); again.Refusal == nil || again.Refusal.Code != 0 {
			canary = again
		}
	}
	for range fitTries {
		if canary.Refusal == nil || !admission.Fit(pod, canary.Refusal.Message) {
			break
		}
		canary = c.sendOnce(ctx, class, pod)
	}
	return canary
}

// uncalled is a canary that was refused because a webhook could not be called.
func uncalled(canary facts.Canary) bool {
	if canary.Refusal == nil {
		return false
	}
	cause, _ := canary.Refusal.Cause()
	return cause == facts.CauseFailed
}

func (c *collector) sendOnce(ctx context.Context, class *class, pod *corev1.Pod) facts.Canary {
	ctx, cancel := c.request(ctx, c.createTimeout(class))
	defer cancel()
	canary := facts.Canary{Class: class.fact.ID, Namespace: pod.Namespace, Sent: class.sent(pod)}
	request := c.client.CoreV1().RESTClient().Post().Namespace(pod.Namespace).Resource("pods").
		VersionedParams(&metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}, scheme.ParameterCodec)
	if class.fact.User != "" {
		request = request.SetHeader(impersonateUser, class.fact.User)
		if uid, _ := c.standIns.of(class.fact.User); uid != "" {
			request = request.SetHeader(impersonateUID, uid)
		}
	}
	result := request.Body(pod).Do(ctx)
	for _, w := range result.Warnings() {
		canary.Warnings = append(canary.Warnings, oneLine(w.Text))
	}
	var returned corev1.Pod
	if err := result.Into(&returned); err != nil {
		canary.Refusal = refusal(err)
		return canary
	}
	class.returned = &returned
	canary.Returned = reduce(pod, &returned)
	if sent := facts.FieldsOf(pod); len(sent) > 0 || class.own() {
		canary.Fields = &facts.FieldTrial{Sent: sent, Lost: facts.LostFields(pod, &returned)}
	}
	return canary
}

// whateverThePod are causes that do not depend on what is in the pod: to send another one costs the
// webhooks' time-outs again and tells nothing new.
var whateverThePod = []facts.Cause{
	facts.CauseNamespace, facts.CauseAccess, facts.CauseNoAnswer, facts.CauseFailed, facts.CauseNoDryRun,
}

// sendWithFields sends the canary with the newer fields that the API server keeps, and without them
// when it is refused with them. It returns the try that counts.
func (c *collector) sendWithFields(ctx context.Context, class *class, t try) (try, facts.Canary) {
	rich := try{t.ns, t.pod.DeepCopy(), t.own}
	if t.own {
		facts.AddNewerFields(rich.pod, c.serverMinor())
	} else {
		facts.SetNewerFields(rich.pod, c.serverMinor())
	}
	canary := c.send(ctx, class, rich.pod)
	if canary.Refusal == nil {
		return rich, canary
	}
	if cause, _ := canary.Refusal.Cause(); slices.Contains(whateverThePod, cause) {
		return rich, canary
	}
	canary = c.send(ctx, class, t.pod)
	canary.Fields = nil
	return t, canary
}

// serverMinor is 0 when the API server's version is not known: then no newer field is tried.
func (c *collector) serverMinor() int {
	if c.snapshot.ServerVersion == nil {
		return 0
	}
	minor, _ := strconv.Atoi(strings.TrimRight(c.snapshot.ServerVersion.Minor, "+"))
	return minor
}

// templateOf says whether the API server itself keeps the canary's field: a PodTemplate passes its
// gate (k8s.io/kubernetes pkg/registry/core/podtemplate), but no webhook on pods. Where it is refused for the probes
// of a sidecar, whose field has then gone, that is known as well.
func templateOf(sent *corev1.Pod, spec corev1.PodSpec, err error) facts.Template {
	switch {
	case err != nil && refusedAsStripped(refusal(err)):
		return facts.TemplateLost
	case err != nil:
		return facts.TemplateUnknown
	case len(facts.Changes(sent, &corev1.Pod{Spec: spec})) > 0:
		return facts.TemplateLost
	}
	return facts.TemplateKept
}

// refusedAsStripped reports whether validation says that a sidecar has lost its field.
func refusedAsStripped(r *facts.Refusal) bool {
	if r == nil {
		return false
	}
	cause, _ := r.Cause()
	return cause == facts.CauseStripped
}

// kept are those of fields that a PodTemplate came back with; never nil.
func kept(fields []string, spec corev1.PodSpec) []string {
	has := facts.FieldsOf(&corev1.Pod{Spec: spec})
	return slices.DeleteFunc(append([]string{}, fields...), func(f string) bool { return !slices.Contains(has, f) })
}

// defaulted creates a PodTemplate with the canary's containers, with dryRun=All, and returns its spec.
func (c *collector) defaulted(ctx context.Context, sent *corev1.Pod) (corev1.PodSpec, error) {
	if ok, why := c.mayIn(ctx, createTemplates, sent.Namespace); !ok {
		return corev1.PodSpec{}, &missingRight{right: createTemplates.In(sent.Namespace), why: why}
	}
	ctx, cancel := c.reading(ctx)
	defer cancel()
	template := &corev1.PodTemplate{
		ObjectMeta: metav1.ObjectMeta{GenerateName: admission.CanaryPrefix, Namespace: sent.Namespace},
		Template:   corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: sent.Labels}, Spec: sent.Spec},
	}
	got, err := c.client.CoreV1().PodTemplates(sent.Namespace).Create(ctx, template, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return corev1.PodSpec{}, err
	}
	return got.Template.Spec, nil
}

// createTimeout leaves the webhooks of the class the time that their configuration grants them.
func (c *collector) createTimeout(class *class) time.Duration {
	total := c.opts.RequestTimeout
	for _, call := range class.webhooks {
		total += reviewTimeout(c.webhook(call))
	}
	total += c.slowestValidator(class.validating)
	return min(total, longestCreate)
}

// refusal keeps the API server's words; without any, those of the connection.
func refusal(err error) *facts.Refusal {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		s := status.Status()
		return &facts.Refusal{Code: s.Code, Reason: string(s.Reason), Message: s.Message}
	}
	return &facts.Refusal{Message: err.Error()}
}

// own reports whether the class is tried with the pods of workloads.
func (c *class) own() bool { return len(c.tries) > 0 && c.tries[0].own }

// sent is what the snapshot keeps of a pod: all of a canary but the values of annotations. Of a workload's pod
// nothing but what tells of sidecars.
func (c *class) sent(pod *corev1.Pod) *corev1.Pod {
	out := withoutValues(pod)
	if !c.own() {
		return out
	}
	kept := reduce(pod, pod)
	kept.Name, kept.Annotations, kept.OwnerReferences = pod.Name, out.Annotations, pod.OwnerReferences
	kept.Spec.ServiceAccountName = pod.Spec.ServiceAccountName
	return kept
}

// withoutValues is the pod without the values of its annotations, which are a pod template's.
func withoutValues(pod *corev1.Pod) *corev1.Pod {
	out := pod.DeepCopy()
	for k := range out.Annotations {
		out.Annotations[k] = ""
	}
	return out
}

// reduce keeps of a returned pod what the canary brought and what tells of sidecars. Webhooks put
// credentials into environments, commands and annotations; none of that is anybody's business.
func reduce(sent, returned *corev1.Pod) *corev1.Pod {
	out := &corev1.Pod{TypeMeta: sent.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		GenerateName: returned.GenerateName, Namespace: returned.Namespace, Labels: returned.Labels,
	}}
	out.Spec.InitContainers = reduceContainers(returned.Spec.InitContainers)
	out.Spec.Containers = reduceContainers(returned.Spec.Containers)
	return out
}

func reduceContainers(returned []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for _, r := range returned {
		out = append(out, corev1.Container{Name: r.Name, Image: r.Image, RestartPolicy: r.RestartPolicy})
	}
	return out
}
