package e2e

import (
	"fmt"
	"path/filepath"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
)

// caseClusters are the clusters that situations happen on. Each is started once.
func caseClusters() map[string]cluster.Config {
	part := func(version string) *cluster.Component { return &cluster.Component{Version: version} }
	with := func(version string, on bool) cluster.Component {
		return cluster.Component{Version: version, FeatureGates: gate(on)}
	}
	return map[string]cluster.Config{
		// Most situations: the last minor whose kubelets can refuse sidecars, and older ones.
		"mixed": {
			APIServers:        []cluster.Component{{Version: "1.32"}},
			ControllerManager: part("1.32"),
			Scheduler:         part("1.32"),
			Nodes: []cluster.Node{
				{Name: "node-132", Component: cluster.Component{Version: "1.32"}},
				{Name: "node-132-off", Component: with("1.32", false)},
				{Name: "node-128", Component: cluster.Component{Version: "1.28"}},
				{Name: "node-128-on", Component: with("1.28", true)},
				{Name: "node-127", Component: cluster.Component{Version: "1.27"}},
			},
		},
		"newest": {
			APIServers:        []cluster.Component{{Version: "1.36"}},
			ControllerManager: part("1.36"),
			Scheduler:         part("1.36"),
			Nodes:             []cluster.Node{{Name: "node-136", Component: cluster.Component{Version: "1.36"}}},
		},
		"apiserver-off": {
			APIServers:        []cluster.Component{{Version: "1.28"}},
			ControllerManager: part("1.28"),
			Nodes:             []cluster.Node{{Name: "node-128", Component: cluster.Component{Version: "1.28"}}},
		},
		"scheduler-off-128": {
			APIServers:        []cluster.Component{with("1.28", true)},
			ControllerManager: part("1.28"),
			Scheduler:         part("1.28"),
			FakeNodes:         []cluster.FakeNode{{Version: "1.28"}},
		},
		// The controllers work through the first API server, which drops the field.
		"disagreeing": {
			APIServers:        []cluster.Component{with("1.32", false), with("1.32", true)},
			ControllerManager: part("1.32"),
			Scheduler:         &cluster.Component{Version: "1.32", FeatureGates: gate(false)},
			FakeNodes:         []cluster.FakeNode{{Version: "1.32"}},
		},
	}
}

// furnish gives a cluster what its situations find there.
func (st *stage) furnish(name string) error {
	switch name {
	case "mixed":
		if err := st.nameImage("docker.io/istio/proxyv2:1.20.0"); err != nil {
			return err
		}
		return st.webhooks()
	case "newest":
		return st.policy()
	}
	return nil
}

// nameImage puts an image like that of the tests under the name of a well-known proxy.
func (st *stage) nameImage(name string) error {
	tool, err := binaries.Program(st.ctx, ".", "./test/cluster/image/tool")
	if err != nil {
		return err
	}
	archive := filepath.Join(st.cluster.Dir(), "proxy.tar")
	// With the same contents it would be the same image under two names.
	err = image.Image{Name: name, Files: map[string]string{"/tool": tool}, Entrypoint: []string{"/tool"}, Cmd: []string{"pause"}}.WriteFile(archive)
	for _, node := range st.cluster.Kubelets {
		if err == nil {
			err = node.Import(st.ctx, archive)
		}
	}
	return err
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
	none, fail := admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.Fail
	object := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "guard"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "guard.example.com", ClientConfig: server.Client("/deny"), NamespaceSelector: labelled("pods", "denied"),
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
		}},
	}
	_, err = st.cluster.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(st.ctx, object, metav1.CreateOptions{})
	return err
}

func labelled(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

// policy installs one that strips the field, as somebody might who wants plain init containers.
func (st *stage) policy() error {
	const name = "plain-init-containers"
	client := st.cluster.Client().AdmissionregistrationV1()
	fail, never := admissionregistrationv1.Fail, admissionregistrationv1.NeverReinvocationPolicy
	create := admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
	}}
	object := &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			MatchConstraints:   &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{create}},
			FailurePolicy:      &fail,
			ReinvocationPolicy: never,
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: `[JSONPatch{op: "remove", path: "/spec/initContainers/0/restartPolicy"}]`},
			}},
			MatchConditions: []admissionregistrationv1.MatchCondition{{
				Name: "sidecar", Expression: "has(object.spec.initContainers) && has(object.spec.initContainers[0].restartPolicy)",
			}},
		},
	}
	if _, err := client.MutatingAdmissionPolicies().Create(st.ctx, object, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("install a policy: %w", err)
	}
	_, err := client.MutatingAdmissionPolicyBindings().Create(st.ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{
			PolicyName:     name,
			MatchResources: &admissionregistrationv1.MatchResources{NamespaceSelector: labelled("sidecars", "plain")},
		},
	}, metav1.CreateOptions{})
	return err
}
