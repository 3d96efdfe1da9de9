package collect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// widgets is a kind of which the cluster knows nothing but that it is in a namespace, gadgets one that is in none.
const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {plural: widgets, singular: widget, kind: Widget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.com}
spec: {group: example.com, scope: Cluster, names: {plural: gadgets, singular: gadget, kind: Gadget}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}
`

// subjects are what is asked about, and their pods. "owner: kind/name" is filled in with the UID.
const subjects = `
{apiVersion: v1, kind: ServiceAccount, metadata: {name: builder}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: leader}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: elsewhere}, spec: {type: ExternalName, externalName: example.com}}
---
{apiVersion: v1, kind: Service, metadata: {name: nobody}, spec: {selector: {app: nobody}, ports: [{port: 80}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-abcde, labels: {kubernetes.io/service-name: web}}, addressType: IPv4, endpoints: []}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: leader-abcde, labels: {kubernetes.io/service-name: leader}}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: data, namespace: shop}}]}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: zero}, spec: {replicas: 0, selector: {matchLabels: {app: zero}}, template: {metadata: {labels: {app: zero}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1}, owner: Deployment/web, spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: wid}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: example.com/v1, kind: Widget, name: direct}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: nobody}, spec: {minAvailable: 1, selector: {matchLabels: {app: nobody}}}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: direct}, spec: {selector: {matchLabels: {app: nothing-of-its-own}}}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: top}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: middle}, owner: Widget/top}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: map}, spec: {selector: {app: mapped}, template: {metadata: {}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: alone}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: scales}, spec: {scaleTargetRef: {name: web}}}
---
{apiVersion: example.com/v1, kind: Gadget, metadata: {name: wide}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: middle}, owner: Widget/middle, spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web-1-x, labels: {app: web}}, owner: ReplicaSet/web-1, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: data}, spec: {nodeName: node-1, volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: conf}, spec: {serviceAccountName: builder, imagePullSecrets: [{name: pull}], containers: [{name: a, image: a, envFrom: [{configMapRef: {name: conf}}]}], initContainers: [{name: i, image: a, env: [{name: A, valueFrom: {secretKeyRef: {name: key, key: a}}}]}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: wpod}, owner: Widget/direct, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: jpod, labels: {job-name: middle}}, owner: Job/middle, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: mpod, labels: {app: mapped}}, owner: Widget/map, spec: {containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: gpod}, owner: Gadget/wide, spec: {nodeName: node-1, containers: [{name: a, image: a}]}}
`

// TestSubjects asks a real API server about what has no pods of its own: the pods that use it, that it chooses or
// owns are read, and where there are none that is said.
func TestSubjects(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: []cluster.FakeNode{{Name: "node-1", Version: "1.36"}, {Name: "node-2", Version: "1.36"}},
	})
	for _, name := range []string{"shop", "quiet"} {
		if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	createAll(t, c, widgets)
	createAll(t, c, subjects)
	for name, want := range map[string]string{
		"node/node-1":                "data gpod",
		"no/node-2":                  "no pods are on node node-2",
		"node/node-3":                "error: node node-3 does not exist",
		"ns/shop":                    "conf data gpod jpod mpod web-1-x wpod",
		"ns/quiet":                   "",
		"ns/nowhere":                 "error: namespace nowhere does not exist",
		"pvc/data":                   "data",
		"pvc/other":                  "no pods of namespace shop use PersistentVolumeClaim other",
		"configmap/conf":             "conf",
		"cm/other":                   "no pods of namespace shop use ConfigMap other",
		"secret/key":                 "conf",
		"secret/pull":                "conf",
		"secret/other":               "no pods of namespace shop use Secret other",
		"sa/builder":                 "conf",
		"sa/other":                   "no pods of namespace shop run as ServiceAccount other",
		"svc/web":                    "web-1-x",
		"endpoints/web":              "web-1-x",
		"svc/leader":                 "data",
		"ep/leader":                  "data",
		"svc/elsewhere":              "Service shop/elsewhere has no selector, and its endpoints are no pods",
		"svc/nobody":                 "no pods of namespace shop have the labels that Service nobody selects",
		"svc/nothing":                "error: namespace shop has no service nothing",
		"endpointslice/web-abcde":    "web-1-x",
		"endpointslice/leader-abcde": "data",
		"endpointslice/none":         "error: namespace shop has no endpointslice none",
		"hpa/web":                    "web-1-x",
		"hpa/wid":                    "wpod",
		"pdb/web":                    "web-1-x",
		"pdb/nobody":                 "PodDisruptionBudget shop/nobody selects no pods",
		"deploy/web":                 "web-1-x",
		"deploy/zero":                "Deployment shop/zero has no pods",
		"widget/direct":              "wpod",
		"widget/top":                 "jpod",
		"widgets.example.com/middle": "jpod",
		"widget/map":                 "mpod",
		"widget/alone":               "Widget shop/alone has no pods",
		"widget/scales":              "web-1-x",
		"gadget/wide":                "gpod",
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, podsOf(t, c, name)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// podsOf is the pods that are read of an object, else why there are none, or the error.
func podsOf(t *testing.T, c *cluster.Cluster, name string) string {
	t.Helper()
	names, err := collect.ParseNames([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	r, err := collect.NewPodReader(options(c.Config()), collect.PodQuery{Namespace: "shop", Names: names})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Read(t.Context())
	if err != nil {
		return "error: " + err.Error()
	}
	var out []string
	for _, p := range s.Pods {
		out = append(out, p.Name)
	}
	for _, p := range r.Podless() {
		out = append(out, p.Gap.Reason)
	}
	for _, g := range s.Gaps {
		if g.Kind != facts.Nodes {
			out = append(out, "gap: "+g.Reason)
		}
	}
	return strings.Join(out, " ")
}

// createAll creates the objects of a manifest, in the namespace shop where they are in one.
func createAll(t *testing.T, c *cluster.Cluster, manifest string) {
	t.Helper()
	uids := map[string]types.UID{}
	for _, text := range strings.Split(manifest, "\n---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if owner, ok := o.Object["owner"].(string); ok {
			delete(o.Object, "owner")
			kind, name, _ := strings.Cut(owner, "/")
			versions := map[string]string{"Deployment": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1"}
			version, ok := versions[kind]
			if !ok {
				version = "example.com/v1"
			}
			controller := true
			o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: version, Kind: kind, Name: name, UID: uids[owner], Controller: &controller}})
		}
		uids[o.GetKind()+"/"+o.GetName()] = create(t, c, &o)
	}
}

func create(t *testing.T, c *cluster.Cluster, o *unstructured.Unstructured) types.UID {
	t.Helper()
	group, version := o.GroupVersionKind().Group, o.GroupVersionKind().Version
	path := "/apis/" + group + "/" + version
	if group == "" {
		path = "/api/" + version
	}
	if !slices.Contains([]string{"CustomResourceDefinition", "Gadget"}, o.GetKind()) {
		path += "/namespaces/shop"
	}
	path += "/" + strings.ToLower(o.GetKind()) + "s"
	body, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) { // until a new kind is served
		var got unstructured.Unstructured
		raw, err := c.Client().CoreV1().RESTClient().Post().AbsPath(path).SetHeader("Content-Type", runtime.ContentTypeJSON).Body(body).DoRaw(t.Context())
		if err == nil && got.UnmarshalJSON(raw) == nil {
			return got.GetUID()
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
	}
}
