package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// A plantedKind is a kind of object that is read from files, with what an object of it needs to be taken for a real one.
type plantedKind struct {
	object any
	base   string
}

// A pod in trouble, and one of everything that makes pods, uses them, or tells of them.
var plantedKinds = []plantedKind{
	{corev1.Pod{}, `{apiVersion: v1, kind: Pod, metadata: {name: web-1-a, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u1, controller: true}]},
		spec: ` + plantedSpec + `, status: {phase: Pending, conditions: [{type: Ready, status: "False"}], initContainerStatuses: [{name: proxy, ready: false, restartCount: 5,
		state: {waiting: {reason: CrashLoopBackOff}, running: null, terminated: null}, lastState: {waiting: null, running: null, terminated: {exitCode: 1, reason: Error}}}],
		containerStatuses: [{name: web, ready: false, state: {waiting: {reason: PodInitializing}, running: null, terminated: null}, lastState: {waiting: null, running: null, terminated: null}}], ephemeralContainerStatuses: null}}`},
	{corev1.Pod{}, `{apiVersion: v1, kind: Pod, metadata: {name: pull, namespace: shop, ownerReferences: null}, spec: ` + plantedSpec + `,
		status: {phase: Pending, initContainerStatuses: [{name: proxy, state: {waiting: {reason: ErrImagePull}, running: null, terminated: null}, lastState: null}], containerStatuses: null, ephemeralContainerStatuses: null}}`},
	{corev1.Pod{}, `{apiVersion: v1, kind: Pod, metadata: {name: waits, namespace: shop, ownerReferences: null}, spec: ` + plantedSpec + `,
		status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable}], initContainerStatuses: null, containerStatuses: null, ephemeralContainerStatuses: null}}`},
	{appsv1.Deployment{}, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop, uid: d1}, spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: ` + plantedSpec + `}}}`},
	{appsv1.ReplicaSet{}, `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: shop, uid: u1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}, spec: {replicas: 1, template: {spec: ` + plantedSpec + `}}}`},
	{appsv1.ReplicaSet{}, `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: refused, namespace: shop, uid: u2}, spec: {replicas: 1, template: {spec: ` + plantedSpec + `}}, status: {replicas: 0, conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate}]}}`},
	{appsv1.StatefulSet{}, `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 1, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: ` + plantedSpec + `}}}`},
	{appsv1.DaemonSet{}, `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: shop}, spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: ` + plantedSpec + `}}}`},
	{batchv1.Job{}, `{apiVersion: batch/v1, kind: Job, metadata: {name: once, namespace: shop}, spec: {template: {spec: ` + plantedSpec + `}}}`},
	{batchv1.CronJob{}, `{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly, namespace: shop}, spec: {schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: ` + plantedSpec + `}}}}}`},
	{corev1.Event{}, `{apiVersion: v1, kind: Event, metadata: {name: e1, namespace: shop}, involvedObject: {apiVersion: v1, kind: Pod, namespace: shop, name: web-1-a}, type: Warning, reason: BackOff}`},
	{corev1.Event{}, `{apiVersion: v1, kind: Event, metadata: {name: e2, namespace: shop}, involvedObject: {apiVersion: apps/v1, kind: ReplicaSet, namespace: shop, name: refused}, type: Warning, reason: FailedCreate}`},
	{corev1.Event{}, `{apiVersion: v1, kind: Event, metadata: {name: e3, namespace: shop}, involvedObject: {apiVersion: v1, kind: Pod, namespace: shop, name: pull}, type: Warning, reason: Failed}`},
	{corev1.Node{}, `{apiVersion: v1, kind: Node, metadata: {name: node-a}, status: {nodeInfo: {kubeletVersion: v1.33.0}, conditions: [{type: Ready, status: "False"}]}}`},
	{corev1.Namespace{}, `{apiVersion: v1, kind: Namespace, metadata: {name: shop}}`},
	{corev1.Service{}, `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80}]}}`},
	{discoveryv1.EndpointSlice{}, `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}}`},
	{corev1.PersistentVolumeClaim{}, `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}}`},
	{corev1.ConfigMap{}, `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}}`},
	{corev1.Secret{}, `{apiVersion: v1, kind: Secret, metadata: {name: token, namespace: shop}}`},
	{corev1.ServiceAccount{}, `{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}}`},
	{autoscalingv2.HorizontalPodAutoscaler{}, `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: shop}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`},
	{policyv1.PodDisruptionBudget{}, `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web, namespace: shop}, spec: {selector: {matchLabels: {app: web}}}}`},
	{coordinationv1.Lease{}, `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: apiserver-x, namespace: kube-system, labels: {apiserver.kubernetes.io/identity: kube-apiserver}}}`},
	{admissionregistrationv1.MutatingWebhookConfiguration{}, `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: touch},
		webhooks: [{name: touch.example.com, sideEffects: None, admissionReviewVersions: [v1], rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}], clientConfig: {service: {name: touch, namespace: shop}}, matchConditions: null, namespaceSelector: null, objectSelector: null}]}`},
	{admissionregistrationv1.MutatingAdmissionPolicy{}, `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicy, metadata: {name: tidy}, spec: {matchConstraints: {resourceRules: [{apiGroups: ["", apps], apiVersions: [v1],
		operations: [CREATE, UPDATE], resources: [pods, deployments], resourceNames: null}], excludeResourceRules: null}}}`},
	{admissionregistrationv1.MutatingAdmissionPolicyBinding{}, `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicyBinding, metadata: {name: tidy}, spec: {policyName: tidy, matchResources: null}}`},
	{admissionregistrationv1.ValidatingAdmissionPolicy{}, `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: images}}`},
	{admissionregistrationv1.ValidatingAdmissionPolicyBinding{}, `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: images}, spec: {policyName: images}}`},
	{admissionregistrationv1.ValidatingWebhookConfiguration{}, `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: guard}}`},
	{plantedCRD{}, `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: gadgets.example.com}, spec: {group: example.com, scope: Namespaced, names: {plural: gadgets, kind: Gadget},
		versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {initContainers: {type: array, items: {type: object,
		properties: {name: {type: string}, image: {type: string}}}}}}}}}}]}}`},
	{map[string]any{}, `{apiVersion: example.com/v1, kind: Gadget, metadata: {name: one, namespace: shop}, spec: {initContainers: [{name: proxy, image: "TEXT", restartPolicy: Always}], containers: [{name: web, image: "TEXT", args: ["TEXT"]}]}}`},
}

// plantedCRD is what a definition of a custom resource says in words, and whom it has convert objects.
type plantedCRD struct {
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Names struct {
			Singular   string   `json:"singular"`
			ShortNames []string `json:"shortNames"`
			ListKind   string   `json:"listKind"`
			Categories []string `json:"categories"`
		} `json:"names"`
		Conversion struct {
			Strategy string `json:"strategy"`
			Webhook  struct {
				ClientConfig struct {
					URL      string `json:"url"`
					CABundle string `json:"caBundle"`
				} `json:"clientConfig"`
				ConversionReviewVersions []string `json:"conversionReviewVersions"`
			} `json:"webhook"`
		} `json:"conversion"`
		Versions []struct {
			DeprecationWarning string         `json:"deprecationWarning"`
			Columns            []plantedWords `json:"additionalPrinterColumns"`
			Schema             struct {
				Schema plantedWords `json:"openAPIV3Schema"`
			} `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

// plantedWords are what a schema or a column says of itself.
type plantedWords struct {
	Name, Title, Description, Default, Example, Pattern, Format, JSONPath string
	Enum                                                                  []string
}

// plantedSpec has a native sidecar, and what a container calls its probes and hooks for.
const plantedSpec = `{nodeName: node-a, restartPolicy: Always, serviceAccountName: web, containers: [{name: web}], initContainers: [{name: proxy, restartPolicy: Always}], ephemeralContainers: null,
	volumes: [{name: data, ephemeral: null}], os: null, affinity: null, topologySpreadConstraints: null, resourceClaims: null, imagePullSecrets: null}`

// structural are fields that no API server stores whatever is written into them: names, labels and what refers to them.
var structural = []string{
	"name", "generateName", "namespace", "kind", "apiVersion", "uid", "labels", "matchLabels", "matchExpressions", "selector", "labelSelector",
	"ownerReferences", "finalizers", "managedFields", "creationTimestamp", "deletionTimestamp", "nodeName", "serviceAccountName", "serviceAccount", "envFrom",
	"nominatedNodeName", "runtimeClassName", "priorityClassName", "storageClassName", "volumeName", "schedulerName", "containerName", "configMap", "secret", "secretRef", "configMapRef", "configMapKeyRef", "secretKeyRef", "claimName",
	"operator", "targetRef", "related", "conditions", "involvedObject", "scaleTargetRef", "nodeSelector", "data", "stringData", "binaryData", "deletionGracePeriodSeconds",
}

// plant puts a text into every string of an object, as deep as it goes.
func plant(v reflect.Value, text string, depth int) {
	switch {
	case depth > 16 || !v.CanSet():
	case v.Type() == reflect.TypeFor[metav1.Time](), v.Type() == reflect.TypeFor[metav1.MicroTime](), v.Type() == reflect.TypeFor[metav1.FieldsV1]():
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		plant(v.Elem(), text, depth+1)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			plant(v.Field(i), text, depth+1)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plant(v.Index(0), text, depth+1)
	case v.Kind() == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.SetString("note")
		plant(value, text, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	}
}

// without drops what is structural, and what is null.
func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			if slices.Contains(structural, key) || v[key] == nil {
				delete(v, key)
			} else {
				v[key] = without(v[key])
			}
		}
	case []any:
		for i := range v {
			v[i] = without(v[i])
		}
	}
	return v
}

// over lays what an object needs over what was planted in it; null takes something out.
func over(planted, base any) any {
	switch base := base.(type) {
	case map[string]any:
		out, ok := planted.(map[string]any)
		if !ok {
			out = map[string]any{}
		}
		for key, value := range base {
			if out[key] = over(out[key], value); value == nil {
				delete(out, key)
			}
		}
		return out
	case []any:
		list, _ := planted.([]any)
		out := make([]any, len(base))
		for i := range base {
			if i < len(list) {
				out[i] = over(list[i], base[i])
			} else {
				out[i] = base[i]
			}
		}
		return out
	}
	return base
}

// plantedFile is a list of all kinds with a text in every string that an API server stores unread.
func plantedFile(t *testing.T, text string) string {
	t.Helper()
	var items []any
	for _, k := range plantedKinds {
		o := reflect.New(reflect.TypeOf(k.object))
		plant(o.Elem(), text, 0)
		raw, err := json.Marshal(o.Interface())
		mustBe(t, err)
		var tree, base any
		mustBe(t, json.Unmarshal(raw, &tree))
		mustBe(t, yaml.Unmarshal([]byte(strings.NewReplacer("\t", " ", "TEXT", strings.ReplaceAll(text, `"`, `\"`)).Replace(k.base)), &base))
		items = append(items, over(without(tree), base))
	}
	raw, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", " ")
	mustBe(t, err)
	file := filepath.Join(t.TempDir(), "all.json")
	mustBe(t, os.WriteFile(file, raw, 0o600))
	return file
}

func mustBe(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plantedTexts are credentials as people write them: in URLs, in image names, as arguments, as headers, as settings.
var plantedTexts = []string{
	"https://user:hunter2@host.example/x?token=hunter2",
	"robot:hunter2@registry.example/x:1",
	"curl -u admin:hunter2 -H 'X-Api-Key: hunter2' http://localhost",
	"PGPASSWORD=hunter2 psql --password hunter2",
	`{"password": "hunter2", "Authorization": "Bearer hunter2hunter2"}`,
}

// TestSecretsOfFiles plants a credential in every string of every kind of object that a file may have, and looks for it
// in what every command says about the file, in every format. Not among them is convert: what it prints is the
// manifest of the user, or the part of it that changes.
func TestSecretsOfFiles(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var commands [][]string
	for command, formats := range map[string][]print.Format{"doctor": print.Formats, "lint": print.Formats, "why -A": print.WhyFormats, "why deploy/web": print.WhyFormats} {
		for _, f := range formats {
			commands = append(commands, append(strings.Fields(command), "-o", f.Name))
		}
	}
	for _, o := range []string{"webhooks", "webhooks -o json", "plan", "plan -o json", "plan -o yaml", "plan -o wide", "baseline", "why pull", "why waits", "why rs/refused", "why pvc/data", "why hpa/web"} {
		commands = append(commands, strings.Fields(o))
	}
	leak := regexp.MustCompile(`.{0,60}hunter2.{0,20}`)
	for i, text := range plantedTexts {
		file := plantedFile(t, text)
		if i > 0 { // what is redacted is redacted before it is formatted
			commands = slices.DeleteFunc(commands, func(args []string) bool { return slices.Contains(args, "-o") && !slices.Contains(args, "json") })
		}
		all := slices.Concat(commands, [][]string{{"diff", file, file}, {"diff", file, file, "-o", "json"}})
		for _, args := range all {
			if args[0] != "diff" {
				args = append(slices.Clone(args), "-f", file)
			}
			code, stdout, stderr := call(t, "", args...)
			if code == 1 || code == 2 || stdout == "" && !slices.Contains(args, "github") {
				t.Errorf("%v: exit %d\n%.400s", args, code, stderr)
			}
			if found := leak.FindAllString(stdout+stderr, -1); len(found) > 0 {
				t.Errorf("%v prints %d of %q: %q", args, len(found), text, found[0])
			}
		}
	}
}
