//go:build real

package real

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// kyvernoRoles binds what a controller manager would aggregate into the roles that the release binds.
const kyvernoRoles = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kyverno-core}
subjects: [{kind: ServiceAccount, name: kyverno-admission-controller, namespace: kyverno}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "kyverno:admission-controller:core"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kyverno-view}
subjects: [{kind: ServiceAccount, name: kyverno-admission-controller, namespace: kyverno}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:aggregate-to-view"}
`

// policy is a ClusterPolicy of Kyverno with one rule for a kind.
func policy(kind, rule string) string {
	return fmt.Sprintf(`{"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "ours"}, "spec": {"background": false,
		"rules": [{"name": "ours", "match": {"any": [{"resources": {"kinds": [%q]}}]}, %s}]}}`, kind, rule)
}

// mutating is a MutatingPolicy of Kyverno for pods that are created with a native sidecar first, and for templates of them.
func mutating(templates bool, patchType, field, expression string) string {
	autogen := ""
	if !templates {
		autogen = `"autogen": {"podControllers": {"controllers": []}},`
	}
	return fmt.Sprintf(`{"apiVersion": "policies.kyverno.io/v1beta1", "kind": "MutatingPolicy", "metadata": {"name": "ours"}, "spec": {%s
		"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
		"matchConditions": [{"name": "sidecar", "expression": "has(object.spec.initContainers) && has(object.spec.initContainers[0].restartPolicy)"}],
		"mutations": [{"patchType": %q, %q: {"expression": %q}}]}}`, autogen, patchType, field, expression)
}

const webDeployment = `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
	"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": ` + podSpec + `}}}`

// running are a pod and a Deployment with a native sidecar that are there, of which doctor tries an update.
const running = `{"apiVersion": "v1", "kind": "List", "items": [
	{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "running", "namespace": "default"}, "spec": ` + podSpec + `},
	{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "running", "namespace": "default"}, "spec": {
		"selector": {"matchLabels": {"app": "running"}}, "template": {"metadata": {"labels": {"app": "running"}}, "spec": ` + podSpec + `}}}]}`

// kyvernoScene is a policy, what it makes of a pod and of a Deployment with a native sidecar, or why it does not let them
// be, and what doctor says of that.
type kyvernoScene struct {
	name, policy    string
	pod, deployment string
	before          bool   // the running ones are older than the policy
	immutable       bool   // no label of the running pod can be set
	quoted          string // what doctor quotes as evidence
	want            []string
}

var kyvernoScenes = []kyvernoScene{
	{
		name: "sets a field of every container, and of those of templates",
		policy: policy("Pod", `"mutate": {"patchStrategicMerge": {"spec": {
			"containers": [{"(name)": "*", "imagePullPolicy": "Always"}], "initContainers": [{"(name)": "*", "imagePullPolicy": "Always"}]}}}`),
		pod: "proxy=Always/Always ", deployment: "proxy=Always/Always ",
		want: said(unproven("mutate.kyverno.svc-fail", "2 ReplicaSet in namespace default, +2", "8 Deployment default/running", "9 Deployment default/running", "10 Deployment default/running")),
	},
	{
		name: "sets a field of every init container in a loop, and of those of templates",
		policy: policy("Pod", `"mutate": {"foreach": [{"list": "request.object.spec.initContainers", "patchStrategicMerge": {"spec": {
			"initContainers": [{"(name)": "{{element.name}}", "imagePullPolicy": "Always"}]}}}]}`),
		pod: "proxy=Always/Always ", deployment: "proxy=Always/Always ",
		want: said(unproven("mutate.kyverno.svc-fail", "2 ReplicaSet in namespace default, +2", "8 Deployment default/running", "9 Deployment default/running", "10 Deployment default/running")),
	},
	{
		name: "sets a field of containers that pods older than the policy do not have",
		policy: policy("Pod", `"mutate": {"patchStrategicMerge": {"spec": {
			"containers": [{"(name)": "*", "imagePullPolicy": "Always"}], "initContainers": [{"(name)": "*", "imagePullPolicy": "Always"}]}}}`),
		pod: "proxy=Always/Always ", deployment: "proxy=Always/Always ", before: true, immutable: true,
		want: said(unproven("mutate.kyverno.svc-fail", "2 ReplicaSet in namespace default, +2", "10 Deployment default/running"), brokenUpdates("mutate.kyverno.svc-fail")),
	},
	{
		name: "sets a label of Deployments and their templates",
		policy: policy("Deployment", `"mutate": {"patchStrategicMerge": {"metadata": {"labels": {"team": "ours"}},
			"spec": {"template": {"metadata": {"labels": {"team": "ours"}}}}}}`),
		pod: "proxy=Always/IfNotPresent ", deployment: "ours proxy=Always/IfNotPresent ",
		want: said(unproven("mutate.kyverno.svc-fail", "2 Deployment default/running", "3 Deployment default/running")),
	},
	{
		name:   "removes restartPolicy",
		policy: policy("Pod", `"mutate": {"patchesJson6902": "- {op: remove, path: /spec/initContainers/0/restartPolicy}"}`),
		pod:    "proxy=/IfNotPresent ", deployment: "proxy=Always/IfNotPresent ", before: true, immutable: true,
		// The first init container of a plain canary is not a sidecar.
		want: said(brokenUpdates("mutate.kyverno.svc-fail"), []string{"webhook-strips-restart-policy: MutatingWebhook " + resourceWebhooks +
			"mutate.kyverno.svc-fail: native sidecars lose restartPolicy: Always in pods like those of Deployment default/running, and in pods like those of Pod default/running"}),
	},
	{
		name:   "removes restartPolicy from the templates of Deployments",
		policy: policy("Deployment", `"mutate": {"patchesJson6902": "- {op: remove, path: /spec/template/spec/initContainers/0/restartPolicy}"}`),
		pod:    "proxy=Always/IfNotPresent ", deployment: "proxy=/IfNotPresent ", before: true,
		want: said(unproven("mutate.kyverno.svc-fail", "1 Deployment in namespace default, +2"), []string{"template-strips-restart-policy: MutatingWebhook " + resourceWebhooks +
			"mutate.kyverno.svc-fail: templates of Deployments like that of Deployment default/running"}),
	},
	{
		name:   "replaces the init containers",
		policy: policy("Pod", `"mutate": {"patchesJson6902": "- {op: replace, path: /spec/initContainers, value: [{name: theirs, image: example.com/theirs:1}]}"}`),
		pod:    "theirs=/IfNotPresent ", deployment: "proxy=Always/IfNotPresent ", before: true, immutable: true,
		want: said(brokenUpdates("mutate.kyverno.svc-fail"), []string{"webhook-removes-sidecar: MutatingWebhook " + resourceWebhooks +
			"mutate.kyverno.svc-fail: init containers are removed from pods in 3 namespaces (default, kube-node-lease, kube-public)"}),
	},
	{
		name: "applies a field to every init container with a MutatingPolicy, and to those of templates",
		policy: mutating(true, "ApplyConfiguration", "applyConfiguration", `Object{spec: Object.spec{initContainers:
			object.spec.initContainers.map(c, Object.spec.initContainers{name: c.name, imagePullPolicy: "Always"})}}`),
		pod: "proxy=Always/Always ", deployment: "proxy=Always/Always ",
		want: said(unproven("mpol.validate.kyverno.svc-fail-finegrained-ours", "1 Deployment default/running", "2 Deployment default/running"), []string{
			"template-strips-restart-policy: unknown workload/workload: " + resourceWebhooks + "mpol.validate.kyverno.svc-fail-finegrained-ours is called for StatefulSets, DaemonSets, Jobs, CronJobs",
			"webhook-breaks-canary: unknown workload/workload: " + resourceWebhooks + "mpol.validate.kyverno.svc-fail-finegrained-ours is called for StatefulSets, DaemonSets, Jobs, CronJobs",
		}), // it asks for a sidecar that is first: ours is second
	},
	{
		name:   "removes restartPolicy with a MutatingPolicy",
		policy: mutating(false, "JSONPatch", "jsonPatch", `[JSONPatch{op: "remove", path: "/spec/initContainers/0/restartPolicy"}]`),
		pod:    "proxy=/IfNotPresent ", deployment: "proxy=Always/IfNotPresent ", before: true,
		want: said([]string{"webhook-strips-restart-policy: MutatingWebhook " + resourceWebhooks + "mpol.validate.kyverno.svc-fail-finegrained-ours: " +
			"native sidecars lose restartPolicy: Always in pods like those of Deployment default/running, and in pods like those of Pod default/running"}),
	},
	{
		name: "refuses restartPolicy in init containers",
		policy: policy("Pod", `"validate": {"failureAction": "Enforce", "message": "no restartPolicy in init containers",
			"pattern": {"spec": {"=(initContainers)": [{"X(restartPolicy)": "null"}]}}}`),
		pod:        "rule ours failed at path /spec/initContainers/0/restartPolicy/'",
		deployment: "rule autogen-ours failed at path /spec/template/spec/initContainers/0/restartPolicy/'",
		before:     true, quoted: "no restartPolicy in init containers",
		want: said(sidecarsRefused("validate.kyverno.svc-fail")),
	},
}

const webStatefulSet = `{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {
	"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": ` + podSpec + `}}}`

// onStatefulSets is a policy of Kyverno on StatefulSets whose first init container is a sidecar. There is none, and in a
// template of doctor's own the sidecar is the second.
func onStatefulSets(kind, what string) string {
	return fmt.Sprintf(`{"apiVersion": "policies.kyverno.io/v1beta1", "kind": %q, "metadata": {"name": "ours"}, "spec": {
		"matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["statefulsets"]}]},
		"matchConditions": [{"name": "sidecar", "expression":
			"has(object.spec.template.spec.initContainers) && has(object.spec.template.spec.initContainers[0].restartPolicy)"}], %s}}`, kind, what)
}

// kyvernoUnmet are policies that are asked about templates, but about none that doctor can try: it must not say nothing.
var kyvernoUnmet = []struct{ name, policy, makes, want string }{
	{
		"removes restartPolicy from templates that there are none of",
		onStatefulSets("MutatingPolicy", `"mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
			"[JSONPatch{op: \"remove\", path: \"/spec/template/spec/initContainers/0/restartPolicy\"}]"}}]`),
		"proxy=/IfNotPresent ",
		"template-strips-restart-policy: unknown workload/workload: " + resourceWebhooks + "mpol.validate.kyverno.svc-fail-finegrained-ours is called for StatefulSets",
	},
	{
		"refuses templates that there are none of",
		onStatefulSets("ValidatingPolicy", `"validationActions": ["Deny"], "validations": [{"expression": "false", "message": "no sidecars here"}]`),
		"no sidecars here",
		"webhook-breaks-canary: unknown workload/workload: kyverno-resource-validating-webhook-cfg/vpol.validate.kyverno.svc-fail-finegrained-ours is called for StatefulSets",
	},
}

const resourceWebhooks = "kyverno-resource-mutating-webhook-cfg/"

// said is what doctor says of a policy.
func said(lists ...[]string) []string {
	out := slices.Concat(lists...)
	slices.Sort(out)
	return out
}

// unproven are templates, as doctor counts them, that came back well from a webhook that says of itself that it may do nothing
// in a dry run, and had nothing to do for them.
func unproven(webhook string, templates ...string) []string {
	var out []string
	for _, t := range templates {
		number, what, _ := strings.Cut(t, " ")
		out = append(out, fmt.Sprintf("template-strips-restart-policy: unknown workload/workload-%s (%s) %s%s: it is not certain what %[3]s%[4]s does to it: "+
			"its sideEffects are NoneOnDryRun", number, what, resourceWebhooks, webhook))
	}
	return out
}

func brokenUpdates(webhook string) []string {
	return []string{"webhook-breaks-pod-updates: MutatingWebhook " + resourceWebhooks + webhook + ": no pod with a native sidecar can be updated in namespace default"}
}

// sidecarsRefused is that a webhook refuses every native sidecar, so nothing shows what the others do.
func sidecarsRefused(webhook string) []string {
	const namespaces = "in 3 namespaces (default, kube-node-lease, kube-public)"
	out := []string{
		"webhook-breaks-canary: AdmissionWebhook " + webhook + ": pods with a native sidecar are refused " + namespaces,
		"webhook-breaks-canary: AdmissionWebhook " + webhook + ": templates of CronJobs, DaemonSets, Deployments, Jobs, ReplicationControllers and StatefulSets " +
			namespaces + " are refused with a native sidecar",
	}
	for _, id := range []string{"webhook-moves-restart-policy", "webhook-removes-sidecar", "webhook-strips-newer-fields", "webhook-strips-restart-policy"} {
		for _, canary := range []string{"class-1 (namespace default, +2)", "shape-2 (Deployment default/running)", "shape-3 (Pod default/running)"} {
			out = append(out, fmt.Sprintf("%s: unknown %s: the canary was refused: admission webhook %q denied the request", id, canary, webhook))
		}
	}
	return out
}

// TestKyverno: policies of Kyverno v1.19.1 that reach init containers leave native sidecars alone, and those that take away or
// refuse what makes one are named.
func TestKyverno(t *testing.T) {
	const path = "github.com/kyverno/kyverno"
	program := built(t, "kyverno", path, "./cmd/kyverno")
	manifests := read(t, filepath.Join(released(t, "kyverno", path), "config", "install-latest-testing.yaml"))
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			apply(t, c, manifests)
			apply(t, c, kyvernoRoles)
			runKyverno(t, c, program)
			becomes(t, c, said())
			for _, scene := range kyvernoUnmet {
				t.Run(scene.name, func(t *testing.T) {
					apply(t, c, scene.policy)
					defer kubectl(t, c, scene.policy, "delete", "-f", "-")
					until(t, "the policy acts", func(context.Context) error {
						if got := stands(t, c, webStatefulSet, ".spec.template.spec"); !strings.HasSuffix(got, scene.makes) {
							return errors.New(got)
						}
						return nil
					})
					got := judged(t, c)
					if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, scene.want) }) {
						t.Errorf("doctor says\n  %s\nwithout\n  %s", strings.Join(got, "\n  "), scene.want)
					}
				})
			}
			for _, scene := range kyvernoScenes {
				t.Run(scene.name, func(t *testing.T) {
					if scene.before {
						apply(t, c, running) // before there is the policy
					}
					apply(t, c, scene.policy)
					defer kubectl(t, c, running, "delete", "--ignore-not-found", "-f", "-")
					defer kubectl(t, c, scene.policy, "delete", "-f", "-")
					until(t, "the policy acts", func(context.Context) error {
						pod, deployment := stands(t, c, webPod, ".spec"), stands(t, c, webDeployment, ".spec.template.spec")
						if !strings.HasSuffix(pod, scene.pod) || !strings.HasSuffix(deployment, scene.deployment) {
							return fmt.Errorf("pod: %q, deployment: %q", pod, deployment)
						}
						return nil
					})
					if !scene.before {
						apply(t, c, running)
					}
					out, err := tryKubectl(t, c, "", "label", "pod", "running", "team=ours", "--dry-run=server")
					if scene.immutable != (err != nil && strings.Contains(out, "pod updates may not change fields")) {
						t.Errorf("a label of a pod: %v, %s", err, out)
					}
					becomes(t, c, scene.want)
					if scene.quoted == "" {
						return
					}
					t.Run("quoted", func(t *testing.T) {
						r := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", "webhook-breaks-canary")
						if !strings.Contains(r.Stdout, scene.quoted) {
							t.Errorf("doctor does not quote %q", scene.quoted)
						}
					})
				})
			}
		})
	}
}

// runKyverno runs the admission controller with the flags of its Deployment in the release, apart from where it listens.
func runKyverno(t *testing.T, c *cluster.Cluster, program string) {
	t.Helper()
	port := freePort(t, c)
	check(t, c.RunSoftware(t.Context(), cluster.Software{
		Name: "kyverno-admission-controller-0", Path: program, Namespace: "kyverno", Account: "kyverno-admission-controller",
		Service: "kyverno-svc", Port: port, Image: "kyverno/kyverno:v1.19.1",
		Env: []string{
			"INIT_CONFIG=kyverno", "METRICS_CONFIG=kyverno-metrics", "KYVERNO_NAMESPACE=kyverno", "KYVERNO_POD_NAME=kyverno-admission-controller-0",
			"KYVERNO_SERVICEACCOUNT_NAME=kyverno-admission-controller", "KYVERNO_ROLE_NAME=kyverno:admission-controller",
			"KYVERNO_SVC=kyverno-svc", "KYVERNO_DEPLOYMENT=kyverno-admission-controller", "TUF_ROOT=" + t.TempDir(),
		},
		Args: []string{
			"--kubeconfig=$(KUBECONFIG)", "--webhookServerHost=" + c.Host(), fmt.Sprintf("--webhookServerPort=%d", port),
			"--metricsHost=" + c.Host(), fmt.Sprintf("--metricsPort=%d", freePort(t, c)), "--controllerRuntimeMetricsAddress=0",
			"--caSecretName=kyverno-svc.kyverno.svc.kyverno-tls-ca", "--tlsSecretName=kyverno-svc.kyverno.svc.kyverno-tls-pair", "--tlsKeyAlgorithm=RSA",
			"--backgroundServiceAccountName=system:serviceaccount:kyverno:kyverno-background-controller",
			"--reportsServiceAccountName=system:serviceaccount:kyverno:kyverno-reports-controller",
			"--servicePort=443", "--resyncPeriod=15m", "--crdWatcher=false", "--disableMetrics=false", "--otelConfig=prometheus",
			"--admissionReports=true", "--maxAdmissionReports=1000", "--autoUpdateWebhooks=true", "--excludeBootstrapResources=false",
			"--enableConfigMapCaching=true", "--enableDeferredLoading=true", "--dumpPayload=false", "--forceFailurePolicyIgnore=false",
			"--generateValidatingAdmissionPolicy=true", "--generateMutatingAdmissionPolicy=false", "--dumpPatches=false",
			"--maxAPICallResponseLength=2000000", "--apiCallTimeout=30s", "--maxGlobalContextEntries=0", "--loggingFormat=text", "--v=2",
			"--omitEvents=PolicyApplied,PolicySkipped", "--enablePolicyException=false", "--protectManagedResources=false",
			"--allowInsecureRegistry=false", "--registryCredentialHelpers=default,google,amazon,azure,github",
			"--enableReporting=validate,mutate,mutateExisting,imageVerify,generate",
		},
	}))
}

// stands is what the API server would store of an object: the label of a team, and the init containers with their
// restartPolicy and imagePullPolicy; or why it would not.
func stands(t *testing.T, c *cluster.Cluster, object, spec string) string {
	t.Helper()
	out, err := tryKubectl(t, c, object, "create", "--dry-run=server", "-f", "-", "-o",
		"jsonpath={.metadata.labels.team} {range "+spec+".initContainers[*]}{.name}={.restartPolicy}/{.imagePullPolicy} {end}")
	if err != nil {
		return strings.TrimSpace(out)
	}
	return strings.TrimPrefix(out, " ")
}
