package workload

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// TestParse: every kind of text gives the workloads that are in it, with their place and the way to the pod spec.
func TestParse(t *testing.T) {
	const pod = "{containers: [{name: app, image: a}, {name: helper, image: b}]}"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"bare pod", "kind: Pod\napiVersion: v1\nmetadata: {name: one}\nspec: " + pod, []string{"Pod one 0:1:1 spec"}},
		{"two documents, the first has none", "apiVersion: v1\nkind: Service\n---\n# a comment\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  template:\n    spec: " + pod,
			[]string{"Deployment shop/web 1:5:1 spec.template.spec"}},
		{"CronJob", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: {spec: " + pod + "}}}}", []string{"CronJob c 0:1:1 spec.jobTemplate.spec.template.spec"}},
		{"PodTemplate", "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: c}\ntemplate: {spec: " + pod + "}", []string{"PodTemplate c 0:1:1 template.spec"}},
		{"ReplicaSet", "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: r}\nspec: {template: {spec: " + pod + "}}", []string{"ReplicaSet r 0:1:1 spec.template.spec"}},
		{"ReplicationController", "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: r}\nspec: {template: {spec: " + pod + "}}", []string{"ReplicationController r 0:1:1 spec.template.spec"}},
		{"List", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: two}\n  spec: " + pod, []string{"Pod two 0:6:3 spec"}},
		{"JSON with tabs", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\", \"metadata\": {\"name\": \"j\"},\n\t\"spec\": {\"containers\": [{\"name\": \"app\"}, {\"name\": \"helper\"}]}}", []string{"Pod j 0:1:1 spec"}},
		{"mark and CRLF", "\ufeffapiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: crlf\r\nspec: " + pod + "\r\n", []string{"Pod crlf 0:1:1 spec"}},
		{"several templates", "apiVersion: batch.volcano.sh/v1alpha1\nkind: Job\nmetadata: {name: v}\nspec: {tasks: [{template: {spec: " + pod + "}}, {template: {spec: " + pod + "}}]}",
			[]string{"Job v 0:1:1 spec.tasks.0.template.spec", "Job v 0:1:1 spec.tasks.1.template.spec"}},
		{"templates under names", "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: p}\nspec: {pytorchReplicaSpecs: {Worker: {template: {spec: " + pod + "}}, Master: {template: {spec: " + pod + "}}}}",
			[]string{"PyTorchJob p 0:1:1 spec.pytorchReplicaSpecs.Master.template.spec", "PyTorchJob p 0:1:1 spec.pytorchReplicaSpecs.Worker.template.spec"}},
		{"unknown kind", "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {template: {spec: " + pod + "}}", []string{"Thing t 0:1:1 spec.template.spec unknown"}},
		{"unknown kind with sidecars of its own", "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: {sidecars: [{name: s}], template: {spec: " + pod + "}}", []string{"alone Thing own-sidecars"}},
		{"workflow", "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-}\nspec: {templates: [{container: {image: a, args: [a]}, sidecars: [{name: s}]}]}\nx:\n- say-{{inputs.parameters.x}}\n", []string{"alone Workflow ends-sidecars"}},
		{"containers where nobody knows of", "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec:\n  pools:\n  - worker:\n      pod: " + pod + "\n", []string{"unrecognized Thing t 0:7:13 spec.pools.0.worker.pod.containers"}},
		{"a known kind with containers elsewhere, too", "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec:\n  template: {spec: " + pod + "}\n  extra: " + pod, []string{"Rollout r 0:1:1 spec.template.spec", "unrecognized Rollout r 0:6:11 spec.extra.containers"}},
		{"a misspelled kind", "apiVersion: v1\nkind: Pot\nmetadata: {name: t}\nspec: " + pod, []string{"unrecognized Pot t 0:4:8 spec.containers"}},
		{"a list of the API server, whose items have no kind", "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: d}\n  spec: {template: {spec: " + pod + "}}\n- apiVersion: v1\n  kind: Secret\n", []string{"Deployment d 0:4:3 spec.template.spec"}},
		{"containers in a List of what nobody knows", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: example.com/v1\n  kind: Thing\n  metadata: {name: t}\n  pod: " + pod, []string{"unrecognized Thing t 0:7:9 pod.containers"}},
		{"what is called containers and has none", "apiVersion: example.com/v1\nkind: Thing\nspec: {containers: [{name: a}, b, {image: c}], x: {containers: 3}, y: {containers: {name: a, image: b}}}", nil},
		{"containers of no object", "containers: [{name: a, image: b}]", []string{"alone  no-manifest"}},
		{"an object without apiVersion", "kind: Job\nmetadata: {name: j}\nspec: {template: {spec: " + pod + "}}", []string{"unrecognized Job j 0:3:26 spec.template.spec.containers"}},
		{"an object without kind", "apiVersion: batch/v1\nmetadata: {name: j}\nspec: {template: {spec: " + pod + "}}", []string{"unrecognized  j 0:3:26 spec.template.spec.containers"}},
		{"an item without both", "apiVersion: v1\nkind: List\nitems:\n- metadata: {name: j}\n  spec: {template: {spec: " + pod + "}}", []string{"unrecognized  j 0:5:28 spec.template.spec.containers"}},
		{"values", "image: x\nweb: {extraContainers: [{name: a, image: b}]}", []string{"alone  no-manifest"}},
		{"values without containers", "image: {name: a, image: b}\nsidecars: []", nil},
		{"a schema", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {versions: [{schema: {default: " + pod + "}}]}", nil},
		{"a history", "apiVersion: apps/v1\nkind: ControllerRevision\ndata: {spec: {template: {spec: " + pod + "}}}", nil},
		{"only comments", "# nothing\n", nil},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			documents, err := Parse("f.yaml", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range documents {
				for _, w := range d.Workloads {
					line := fmt.Sprintf("%s %d:%d:%d %s", w, w.Place.Document, w.Place.Line, w.Place.Column, strings.Join(w.Way, "."))
					if !w.Known {
						line += " unknown"
					}
					got = append(got, line)
					if len(w.Spec().Containers) != 2 || w.Unreadable != nil {
						t.Errorf("%s: %d containers, %v", w, len(w.Spec().Containers), w.Unreadable)
					}
				}
				for _, a := range d.Alone {
					got = append(got, fmt.Sprintf("alone %s %s", a.Kind, a.Reason))
				}
				for _, u := range d.Unrecognized {
					got = append(got, fmt.Sprintf("unrecognized %s %s %d:%d:%d %s", u.Kind, u.Name, u.Place.Document, u.Place.Line, u.Place.Column, strings.Join(u.Way, ".")))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseTemplates(t *testing.T) {
	for _, text := range []string{
		"kind: Pod\n{{- if .Values.on }}\nspec: {}\n{{- end }}\n",
		"kind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n",
		"kind: Pod\nspec:\n  containers:\n  - image: app:{{ .Values.tag }}\n",
		"{{- define \"x\" }}\nkind: Pod\n{{- end }}\n",
	} {
		if _, err := Parse("f", []byte(text)); !errors.Is(err, ErrTemplate) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"kind: Pod\n# {{ in a comment }}\nmetadata: {name: \"{{ x }}\"}\n",
		"kind: ConfigMap\ndata:\n  x: |\n    {{ range .Items }}\n",
	} {
		if _, err := Parse("f", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Parse("f", []byte("a: [\n")); err == nil || errors.Is(err, ErrTemplate) {
		t.Errorf("broken YAML: %v", err)
	}
}

// TestAt: fields have the place of their key, items that of their start; what is not there, that of its parent.
func TestAt(t *testing.T) {
	documents, err := Parse("dir/pod.yaml", []byte(`# head
apiVersion: batch/v1
kind: Job
metadata:
  name: one
  annotations: {a: b}
spec:
  template:
    metadata: {labels: {x: z}}
    spec:
      containers:
      - &first
        name: app
        image: "a"
      - <<: *first
        name: other
        ports:
          - containerPort: 80
`))
	if err != nil {
		t.Fatal(err)
	}
	w := documents[0].Workloads[0]
	for field, want := range map[string]string{
		"containers": "11:7", "containers 0": "12:9", "containers 0 image": "14:9", "containers 1": "15:9", "containers 1 image": "14:9",
		"containers 1 ports 0 containerPort": "18:13", "containers 1 ports 0 name": "18:13", "containers 7 image": "11:7", "restartPolicy": "10:5", "": "10:5",
	} {
		if got := w.At(strings.Fields(field)...); got.String() != "dir/pod.yaml:"+want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
	if got := w.AtTemplate("metadata", "labels"); got.Line != 9 || got.Column != 16 {
		t.Errorf("labels of the template: %s", got)
	}
	if got := w.AtObject("metadata", "annotations", "a"); got.Line != 6 || got.Column != 17 {
		t.Errorf("annotation: %s", got)
	}
	if w.Template.Spec.Containers[1].Image != "a" || w.Template.Labels["x"] != "z" {
		t.Errorf("template: %+v", w.Template)
	}
}

// TestValues: values are what kubectl makes of them.
func TestValues(t *testing.T) {
	const text = "a: yes\nb: \"yes\"\nc: 0755\nd: 1.5\ne: ~\nf: 2020-01-01\ng: off\nh: [1, true, x]\ni: 0x10\nj: n\nk: 1_000\nl: 12e3\nm: !!str 5\n8080: z\n"
	var want map[string]any
	if err := yaml.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	documents, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := asJSON(documents[0].Object, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadable(t *testing.T) {
	documents, err := Parse("f", []byte("apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: [no], command: [x]}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if w := documents[0].Workloads[0]; w.Unreadable == nil || w.Spec().Containers[0].Name != "a" {
		t.Errorf("%v, %+v", w.Unreadable, w.Template)
	}
	for _, text := range []string{"a: &x [*x]\n", "a: &x {b: *x}\n"} {
		if _, err := Parse("f", []byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestOf(t *testing.T) {
	d := &appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}}
	list, err := Of(d)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	typed := OfTemplate("apps/v1", "Deployment", &d.ObjectMeta, &d.Spec.Template)
	for _, w := range []*Workload{list[0], typed} {
		if w.String() != "Deployment shop/web" || w.Spec().Containers[0].Name != "app" || !w.Is("Deployment") || w.Completes() || w.At("containers").Line != 0 {
			t.Errorf("%+v", w)
		}
		if diff := cmp.Diff([]string{"spec", "template", "spec"}, w.Way); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: List\nitems: [{kind: Pod, apiVersion: v1, spec: {containers: [{name: a}]}}]\n"))
	f.Add([]byte("a: &a {b: 1}\nc: {<<: [*a, *a]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, _ := Parse("f", data)
		for _, d := range documents {
			for _, w := range d.Workloads {
				w.At("containers", "0", "image")
				w.AtTemplate("metadata")
			}
		}
	})
}
