package workload

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A kind is a kind of object with pod templates, or one that has sidecars of its own making.
type kind struct {
	group, kind string
	// ways lead to pod specs; "*" is every item of a list and every value of a mapping.
	ways [][]string
	// alone is why it is left alone; empty for one that is not.
	alone Reason
}

// A Reason is why the sidecars in an object are not ours to judge.
type Reason string

const (
	// OwnSidecars: the kind has a field for sidecars whose meaning its controller gives.
	OwnSidecars Reason = "own-sidecars"
	// NoManifest: it has neither apiVersion nor kind, as the values of a chart, and containers nonetheless.
	NoManifest Reason = "no-manifest"
	// OwnEnd: its controller ends the sidecars of its pods.
	OwnEnd Reason = "ends-sidecars"
)

func way(text string) []string { return strings.Split(text, ".") }

func ways(texts ...string) [][]string {
	var out [][]string
	for _, t := range texts {
		out = append(out, way(t))
	}
	return out
}

const usual = "spec.template.spec"

// ray are the templates of a RayCluster below a key.
func ray(below string) [][]string {
	return ways(below+"headGroupSpec.template.spec", below+"workerGroupSpecs.*.template.spec")
}

// custom are kinds that are not built in. Where they keep their templates is in their API documentation.
var custom = []kind{
	{group: "argoproj.io", kind: "Rollout", ways: ways(usual)},
	{group: "serving.knative.dev", kind: "Service", ways: ways(usual)},
	{group: "serving.knative.dev", kind: "Configuration", ways: ways(usual)},
	{group: "apps.kruise.io", kind: "CloneSet", ways: ways(usual)},
	{group: "apps.kruise.io", kind: "StatefulSet", ways: ways(usual)},
	{group: "apps.kruise.io", kind: "DaemonSet", ways: ways(usual)},
	{group: "apps.kruise.io", kind: "BroadcastJob", ways: ways(usual)},
	{group: "apps.kruise.io", kind: "AdvancedCronJob", ways: ways("spec.template.jobTemplate.spec.template.spec", "spec.template.broadcastJobTemplate.spec.template.spec")},
	{group: "apps.kruise.io", kind: "UnitedDeployment", ways: ways("spec.template.statefulSetTemplate.spec.template.spec", "spec.template.advancedStatefulSetTemplate.spec.template.spec", "spec.template.cloneSetTemplate.spec.template.spec", "spec.template.deploymentTemplate.spec.template.spec")},
	{group: "batch.volcano.sh", kind: "Job", ways: ways("spec.tasks.*.template.spec")},
	{group: "ray.io", kind: "RayCluster", ways: ray("spec.")},
	{group: "ray.io", kind: "RayService", ways: ray("spec.rayClusterConfig.")},
	{group: "ray.io", kind: "RayJob", ways: append(ray("spec.rayClusterSpec."), way("spec.submitterPodTemplate.spec"))},
	{group: "sparkoperator.k8s.io", kind: "SparkApplication", ways: ways("spec.driver.template.spec", "spec.executor.template.spec"), alone: OwnSidecars},
	{group: "sparkoperator.k8s.io", kind: "ScheduledSparkApplication", ways: ways("spec.template.driver.template.spec", "spec.template.executor.template.spec"), alone: OwnSidecars},
	{group: "keda.sh", kind: "ScaledJob", ways: ways("spec.jobTargetRef.template.spec")},
	{group: "jobset.x-k8s.io", kind: "JobSet", ways: ways("spec.replicatedJobs.*.template.spec.template.spec")},
	{group: "leaderworkerset.x-k8s.io", kind: "LeaderWorkerSet", ways: ways("spec.leaderWorkerTemplate.leaderTemplate.spec", "spec.leaderWorkerTemplate.workerTemplate.spec")},
	{group: "agones.dev", kind: "GameServer", ways: ways(usual)},
	{group: "agones.dev", kind: "Fleet", ways: ways("spec.template.spec.template.spec")},
	{group: "apps.openshift.io", kind: "DeploymentConfig", ways: ways(usual)},
	{group: "kubeflow.org", kind: "PyTorchJob", ways: ways("spec.pytorchReplicaSpecs.*.template.spec")},
	{group: "kubeflow.org", kind: "TFJob", ways: ways("spec.tfReplicaSpecs.*.template.spec")},
	{group: "kubeflow.org", kind: "MPIJob", ways: ways("spec.mpiReplicaSpecs.*.template.spec")},
	{group: "kubeflow.org", kind: "XGBoostJob", ways: ways("spec.xgbReplicaSpecs.*.template.spec")},
	{group: "kubeflow.org", kind: "Notebook", ways: ways(usual)},
	{group: "argoproj.io", kind: "Workflow", alone: OwnEnd},
	{group: "argoproj.io", kind: "CronWorkflow", alone: OwnEnd},
	{group: "argoproj.io", kind: "WorkflowTemplate", alone: OwnEnd},
	{group: "argoproj.io", kind: "ClusterWorkflowTemplate", alone: OwnEnd},
	{group: "tekton.dev", kind: "Task", alone: OwnEnd},
	{group: "tekton.dev", kind: "ClusterTask", alone: OwnEnd},
	{group: "tekton.dev", kind: "TaskRun", alone: OwnEnd},
	{group: "tekton.dev", kind: "Pipeline", alone: OwnEnd},
	{group: "tekton.dev", kind: "PipelineRun", alone: OwnEnd},
	{group: "tekton.dev", kind: "StepAction", alone: OwnEnd},
}

// guesses are where kinds that are not known keep their template, as most do.
var guesses = ways(usual, "spec.jobTemplate.spec.template.spec", "spec.podTemplate.spec", "spec.podTemplateSpec.spec", "spec.workload.template.spec", "spec.deployment.template.spec")

func builtIn(group string) bool { return group == "" || group == "apps" || group == "batch" }

// kindOf is the kind with that name; nil when it is not known. Versions are not told apart.
func kindOf(apiVersion, name string) *kind {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = ""
	}
	if group == "extensions" { // until Kubernetes 1.16
		group = "apps"
	}
	if name == "Pod" && group == "" {
		return &kind{kind: "Pod", ways: ways("spec")}
	}
	for _, k := range facts.TemplateKinds {
		if k.Group == group && k.Kind == name {
			return &kind{group: group, kind: name, ways: [][]string{append(slices.Clone(k.Path), "spec")}}
		}
	}
	for i := range custom {
		if custom[i].group == group && custom[i].kind == name {
			return &custom[i]
		}
	}
	return nil
}

// resolve are the ways without "*" that lead to something.
func resolve(at any, rest []string, done []string) [][]string {
	if len(rest) == 0 {
		if fields, ok := at.(map[string]any); ok && fields != nil {
			return [][]string{slices.Clone(done)}
		}
		return nil
	}
	next := func(key string, value any) [][]string {
		return resolve(value, rest[1:], append(slices.Clone(done), key))
	}
	var out [][]string
	switch value := at.(type) {
	case map[string]any:
		if rest[0] != "*" {
			return next(rest[0], value[rest[0]])
		}
		for _, key := range sortedKeys(value) {
			out = append(out, next(key, value[key])...)
		}
	case []any:
		if rest[0] != "*" {
			return nil
		}
		for i, item := range value {
			out = append(out, next(strconv.Itoa(i), item)...)
		}
	}
	return out
}

// hasOwnSidecars reports whether an object has a field for sidecars that is not the pod's.
func hasOwnSidecars(at any, depth int) bool {
	fields, ok := at.(map[string]any)
	if !ok || depth == 0 {
		return false
	}
	for key, value := range fields {
		if key == "sidecars" || key == "sidecarContainers" || key == "extraSidecars" {
			if _, list := value.([]any); list {
				return true
			}
		}
		if hasOwnSidecars(value, depth-1) {
			return true
		}
	}
	return false
}

// Knows reports whether a kind is known to have pod templates.
func Knows(group, name string) bool {
	k := kindOf(group+"/v1", name)
	return k != nil && len(k.ways) > 0
}
