package e2e

import (
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

var (
	none  = admissionregistrationv1.SideEffectClassNone
	fail  = admissionregistrationv1.Fail
	never = admissionregistrationv1.NeverReinvocationPolicy

	creationOfPods = admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
	}
)

func labelled(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

// webhooks installs one, in a pod, that strips the field, and one that refuses pods.
func (st *stage) webhooks() error {
	old, err := st.cluster.RunWebhook(st.ctx, cluster.WebhookPod{
		Namespace: "injection", Name: "old-injector", Node: st.cluster.Kubelets[0], Strip: true,
	})
	if err != nil {
		return err
	}
	_, err = st.cluster.InstallWebhook(st.ctx, cluster.Webhook{
		Configuration: "old-injector", Client: old.Client("/"), NamespaceSelector: labelled("injection", "old"),
	})
	if err != nil {
		return err
	}
	server, err := st.cluster.ServeWebhooks()
	if err != nil {
		return err
	}
	// The first injects a sidecar, the second moves its restartPolicy.
	for name, path := range map[string]string{"mesh-injector": "/inject", "zz-orderer": "/move"} {
		_, err = st.cluster.InstallWebhook(st.ctx, cluster.Webhook{
			Configuration: name, Client: server.Client(path), NamespaceSelector: labelled("injection", "moved"),
		})
		if err != nil {
			return err
		}
	}
	object := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "guard"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "guard.example.com", ClientConfig: server.Client("/deny"), NamespaceSelector: labelled("pods", "denied"),
			Rules:       []admissionregistrationv1.RuleWithOperations{creationOfPods},
			SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
		}},
	}
	_, err = st.cluster.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(st.ctx, object, metav1.CreateOptions{})
	return err
}

// refusingPolicy installs one that refuses pods with a sidecar.
func (st *stage) refusingPolicy() error {
	const name = "no-sidecars"
	client := st.cluster.Client().AdmissionregistrationV1()
	_, err := client.ValidatingAdmissionPolicies().Create(st.ctx, &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: creationOfPods}},
			},
			Validations: []admissionregistrationv1.Validation{{
				Expression: "!has(object.spec.initContainers) || object.spec.initContainers.all(c, !has(c.restartPolicy))",
				Message:    "init containers must not set restartPolicy",
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("install a policy: %w", err)
	}
	_, err = client.ValidatingAdmissionPolicyBindings().Create(st.ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			MatchResources: &admissionregistrationv1.MatchResources{NamespaceSelector: labelled("sidecars", "refused")},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("install a policy: %w", err)
	}
	return st.await("refused", func(_ *corev1.Pod, err error) bool { return err != nil })
}

// stripping takes the field from the first three init containers.
func stripping() []admissionregistrationv1.Mutation {
	var all []admissionregistrationv1.Mutation
	for i := range 3 {
		all = append(all, admissionregistrationv1.Mutation{
			PatchType: admissionregistrationv1.PatchTypeJSONPatch,
			JSONPatch: &admissionregistrationv1.JSONPatch{Expression: fmt.Sprintf(
				`object.spec.initContainers.size() > %[1]d && has(object.spec.initContainers[%[1]d].restartPolicy) ? `+
					`[JSONPatch{op: "remove", path: "/spec/initContainers/%[1]d/restartPolicy"}] : []`, i)},
		})
	}
	return all
}

// strippingPolicy installs one that strips the field, as somebody might who wants plain init
// containers.
func (st *stage) strippingPolicy() error {
	const name = "plain-init-containers"
	client := st.cluster.Client().AdmissionregistrationV1()
	_, err := client.MutatingAdmissionPolicies().Create(st.ctx, &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: creationOfPods}},
			},
			FailurePolicy:      &fail,
			ReinvocationPolicy: never,
			Mutations:          stripping(),
			MatchConditions: []admissionregistrationv1.MatchCondition{{
				Name: "sidecar", Expression: "has(object.spec.initContainers) && object.spec.initContainers.exists(c, has(c.restartPolicy))",
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("install a policy: %w", err)
	}
	_, err = client.MutatingAdmissionPolicyBindings().Create(st.ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{
			PolicyName:     name,
			MatchResources: &admissionregistrationv1.MatchResources{NamespaceSelector: labelled("sidecars", "plain")},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("install a policy: %w", err)
	}
	return st.await("plain", func(p *corev1.Pod, err error) bool {
		return err == nil && p.Spec.InitContainers[0].RestartPolicy == nil
	})
}

// await returns when the policy for namespaces labelled sidecars=label has an effect: API servers
// learn of policies some time after they were made.
func (st *stage) await(label string, effect func(*corev1.Pod, error) bool) error {
	s := &situation{name: "await-" + label, Labels: map[string]string{"sidecars": label}}
	if err := st.namespace(s); err != nil {
		return err
	}
	always := corev1.ContainerRestartPolicyAlways
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "canary"},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "sidecar", Image: cluster.ToolImage, RestartPolicy: &always}},
			Containers:     []corev1.Container{{Name: "main", Image: cluster.ToolImage}},
		},
	}
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var made *corev1.Pod
		made, err = st.cluster.Client().CoreV1().Pods(s.name).Create(st.ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if effect(made, err) {
			return nil
		}
	}
	return fmt.Errorf("the policy for sidecars=%s has no effect (%v)", label, err)
}
