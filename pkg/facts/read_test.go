package facts

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
)

const twoNodes = `apiVersion: v1
items:
- apiVersion: v1
  kind: Node
  metadata:
    annotations:
      secret: hunter2
    labels:
      zone: b
    name: b
  status:
    addresses:
    - address: 10.0.0.2
      type: InternalIP
    conditions:
    - status: "False"
      type: MemoryPressure
    - status: "True"
      type: Ready
    nodeInfo:
      kubeletVersion: v1.29.0
      machineID: a0123
- apiVersion: v1
  kind: Node
  metadata:
    name: a
  status:
    nodeInfo:
      kubeletVersion: v1.33.1
kind: List
metadata:
  resourceVersion: ""
`

func node(name, version string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Status.NodeInfo.KubeletVersion = version
	return n
}

func twoNodesRead() *Snapshot {
	b := node("b", "v1.29.0")
	b.Labels = map[string]string{"zone": "b"}
	b.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return &Snapshot{
		TypeMeta: metav1.TypeMeta{APIVersion: APIVersion, Kind: SnapshotKind},
		Nodes:    []corev1.Node{node("a", "v1.33.1"), b},
		Seen:     []Kind{Nodes},
	}
}

func TestReadObjects(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       func(*Snapshot)
	}{
		{"a list, trimmed and sorted", twoNodes, func(s *Snapshot) { *s = *twoNodesRead() }},
		{"Windows line ends", strings.ReplaceAll(twoNodes, "\n", "\r\n"), func(s *Snapshot) { *s = *twoNodesRead() }},
		{"a list of the API server, whose items have no kind", `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"}}]}`, func(s *Snapshot) {
			s.Nodes, s.Seen = []corev1.Node{node("a", "")}, []Kind{Nodes}
		}},
		{"an empty list of a kind says that there are none", `{"kind":"NodeList","apiVersion":"v1","items":[]}`, func(s *Snapshot) {
			s.Seen = []Kind{Nodes}
		}},
		{"several documents, one of them empty, one unknown", `# what we have
---
apiVersion: v1
kind: Namespace
metadata: {name: a, annotations: {x: z}}
status: {phase: Active}
---
# nothing
---
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}, "status": {"phase": "Terminating"}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: c}
---
apiVersion: v1
kind: Secret
data: {password: aHVudGVyMg==}
`, func(s *Snapshot) {
			s.Namespaces = []corev1.Namespace{
				{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
				{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating}},
			}
			s.Seen, s.Unknown = []Kind{Namespaces}, map[string]int{"Certificate.cert-manager.io": 1, "Secret": 1}
		}},
		{"JSON documents one after the other", `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}
{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"b"}}`, func(s *Snapshot) {
			s.Namespaces = []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}
			s.Seen = []Kind{Namespaces}
		}},
		{"a YAML mapping in braces", `{apiVersion: v1, kind: Namespace, metadata: {name: a}}`, func(s *Snapshot) {
			s.Namespaces, s.Seen = []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}}, []Kind{Namespaces}
		}},
		{"aliases", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {x: &l v, z: *l}}\n", func(s *Snapshot) {
			s.Namespaces = []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"x": "v", "z": "v"}}}}
			s.Seen = []Kind{Namespaces}
		}},
		{"a policy without any binding", "apiVersion: admissionregistration.k8s.io/v1beta1\nkind: MutatingAdmissionPolicy\nmetadata: {name: p}\n", func(s *Snapshot) {
			s.MutatingPolicies, s.Seen = []MutatingPolicy{{Name: "p"}}, []Kind{MutatingPolicies}
			s.Gaps = []Gap{NewGap(MutatingPolicies, Instance{}, "the file has policies or bindings, but not both", HowToGet(MutatingPolicies))}
		}},
		{"policies and bindings", `apiVersion: admissionregistration.k8s.io/v1alpha1
kind: MutatingAdmissionPolicy
metadata: {name: p}
spec: {matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}}
---
apiVersion: admissionregistration.k8s.io/v1alpha1
kind: MutatingAdmissionPolicyBinding
metadata: {name: b}
spec: {policyName: p}
`, func(s *Snapshot) {
			s.MutatingPolicies, s.Seen = []MutatingPolicy{{Name: "p", Bindings: []string{"b"}, MatchesPods: true}}, []Kind{MutatingPolicies}
		}},
		{"leases: one of an API server, one of a node", `apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: apiserver-x, namespace: kube-system, labels: {apiserver.kubernetes.io/identity: kube-apiserver, other: x}}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: node-1, namespace: kube-node-lease}
`, func(s *Snapshot) {
			s.APIServerLeases = []coordinationv1.Lease{{ObjectMeta: metav1.ObjectMeta{
				Name: "apiserver-x", Namespace: "kube-system", Labels: map[string]string{identityLabel: identity}}}}
			s.Seen, s.Unknown = []Kind{APIServers}, map[string]int{"Lease.coordination.k8s.io": 1}
			s.Gaps = []Gap{NewGap(APIServers, Instance{}, "the file has Leases of API servers, but not what their gates are", HowToGet(APIServers))}
		}},
		{"a webhook configuration", `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: w, annotations: {x: z}, labels: {a: b}, managedFields: []}
webhooks:
- name: a.b.c
  clientConfig: {caBundle: c2VjcmV0, url: "https://user:hunter2@example.com/x?token=hunter2"}
`, func(s *Snapshot) {
			url := "https://REDACTED@example.com/x?token=REDACTED"
			s.MutatingWebhooks = []admissionregistrationv1.MutatingWebhookConfiguration{{
				ObjectMeta: metav1.ObjectMeta{Name: "w", Labels: map[string]string{"a": "b"}},
				Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "a.b.c",
					ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url}}},
			}}
			s.Seen = []Kind{MutatingWebhooks}
		}},
	} {
		want := &Snapshot{TypeMeta: metav1.TypeMeta{APIVersion: APIVersion, Kind: SnapshotKind}}
		test.want(want)
		got, err := Read(strings.NewReader(test.text), "x.yaml")
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}

// What PowerShell writes with ">".
func TestReadUTF16(t *testing.T) {
	for _, bigEndian := range []bool{false, true} {
		var text bytes.Buffer
		for _, unit := range append([]uint16{0xFEFF}, utf16.Encode([]rune(twoNodes))...) {
			if bigEndian {
				text.Write([]byte{byte(unit >> 8), byte(unit)})
			} else {
				text.Write([]byte{byte(unit), byte(unit >> 8)})
			}
		}
		got, err := Read(&text, "x.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(twoNodesRead(), got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestReadErrors(t *testing.T) {
	const snapshot = "apiVersion: kubectl-sidecar.dev/v1\nkind: Snapshot\n"
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'p'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 8)+fmt.Sprintf("*%c", c-1))
	}
	long := "x: &x " + strings.Repeat("a", 1<<20) + "\ny: [" + strings.Repeat("*x, ", 200) + "*x]\n"
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "f: the file is empty"},
		{"only space", " \n\t\n", "f: the file is empty"},
		{"only comments", "# a\n---\n# b\n", "f: not a single Kubernetes object is in it"},
		{"an empty list of anything", "apiVersion: v1\nitems: []\nkind: List\n", "f: not a single Kubernetes object is in it"},
		{"binary", "\x7fELF\x02\x01\x01\x00", "f: neither YAML nor JSON: it is not a text file (byte 7 is zero)"},
		{"text", "No resources found\n", "f: document 1 (line 1): no Kubernetes object, but plain text or a list"},
		{"a JSON list", `[{"kind": "Node"}]`, "f: document 1 (line 1): no Kubernetes object, but plain text or a list"},
		{"no kind", "a: b\n", "f: document 1 (line 1): no Kubernetes object: it has no kind or no apiVersion"},
		{"second document", "apiVersion: v1\nkind: Namespace\n---\n\nkind: Namespace\n", "f: document 2 (line 5): no Kubernetes object: it has no kind or no apiVersion"},
		{"bad YAML", "a: b\nc: [d\ne: f\ng: h\ni: j\n", "f: line 2: neither YAML nor JSON: did not find expected ',' or ']'"},
		{"bad YAML in the second document", "apiVersion: v1\nkind: Namespace\n---\na: b\n\tc: d\ne: f\ng: h\n", "f: line 5: neither YAML nor JSON: found a tab character that violates indentation"},
		{"bad JSON", "{\"a\": 1,\n \"b\" 2}", "f: line 2: neither YAML nor JSON: invalid character '2' after object key"},
		{"JSON cut off", `{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"na`, "f: line 1: the JSON ends in the middle: the file is cut off"},
		{"a YAML list cut off between two lines", twoNodes[:strings.Index(twoNodes, "kind: List")], "f: document 1 (line 1): a list without a kind: the file is cut off"},
		{"a YAML list cut off in a line", twoNodes[:strings.Index(twoNodes, "me: b")], "f: line 10: could not find expected ':': the file looks cut off"},
		{"a wrong type", "apiVersion: v1\nkind: Node\nmetadata: {name: [a]}\n", "f: document 1 (line 1): read Node: json: cannot unmarshal array into Go struct field ObjectMeta.metadata.name of type string"},
		{"a wrong type in a list", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Namespace}, {apiVersion: v1, kind: Node, spec: 3}]\n",
			"f: document 1 (line 1): item 2: read Node: json: cannot unmarshal number into Go struct field Node.spec of type v1.NodeSpec"},
		{"a report", "apiVersion: kubectl-sidecar.dev/v1\nkind: Report\n", "f: document 1 (line 1): a report, not a snapshot; a snapshot is written by: kubectl sidecar snapshot -o FILE"},
		{"a later version", "apiVersion: kubectl-sidecar.dev/v2\nkind: Snapshot\n", "f: document 1 (line 1): a snapshot of version kubectl-sidecar.dev/v2; this program reads kubectl-sidecar.dev/v1"},
		{"two snapshots", snapshot + "---\n" + snapshot, "f: document 2 (line 4): a snapshot stands alone in its file"},
		{"a snapshot behind an object", "apiVersion: v1\nkind: Namespace\n---\n" + snapshot, "f: document 2 (line 4): a snapshot stands alone in its file"},
		{"an object behind a snapshot", snapshot + "---\napiVersion: v1\nkind: Namespace\n", "f: document 2 (line 4): a snapshot stands alone in its file"},
		{"a snapshot cut off", snapshot + "nodes:\n- metadata:\n    name: a\n", "f: the snapshot does not say what was seen: the file is cut off"},
		{"an anchor bomb", bomb, "f: line 8: with its aliases written out this is larger than 100 MB, the most that is read"},
		{"a long text many times", long, "f: line 2: with its aliases written out this is larger than 100 MB, the most that is read"},
		{"an anchor in itself", "a: &a\n  b: *a\n", "f: line 1: an anchor contains itself"},
	} {
		start := time.Now()
		_, err := Read(strings.NewReader(test.text), "f")
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.name, err, test.want)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", test.name, took)
		}
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadTooLarge(t *testing.T) {
	_, err := Read(zeroes{}, "f")
	if want := "f: larger than 100 MB, the most that is read"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadStrict(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"apiVersion: kubectl-sidecar.dev/v1\nkind: Snapshot\nnode: []\n", `f: document 1 (line 1): read the snapshot: unknown field "node"`},
		{"apiVersion: v1\nkind: Node\nmetadata: {nam: a}\n", `f: document 1 (line 1): read Node: unknown field "metadata.nam"`},
		{"apiVersion: v1\nkind: Secret\n", `f: document 1 (line 1): unknown kind Secret`},
		{"apiVersion: v1\nkind: Node\nkind: Node\n", `f: line 3: the key "kind" is there already, in line 2: which of the two counts is not known`},
	} {
		if _, err := ReadStrict(strings.NewReader(test.text), "f"); err == nil || err.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.text, err, test.want)
		}
	}
	if _, err := ReadStrict(strings.NewReader(twoNodes), "f"); err != nil {
		t.Error(err)
	}
}

// full is a snapshot with something in every field that is about the cluster.
func full() *Snapshot {
	on, always := true, corev1.ContainerRestartPolicyAlways
	renewed := metav1.NewMicroTime(time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC))
	holder := "apiserver-x_1"
	n := node("a", "v1.29.0")
	n.CreationTimestamp = metav1.NewTime(time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC))
	n.Spec = corev1.NodeSpec{ProviderID: "aws:///i-1", Unschedulable: true, Taints: []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoSchedule}}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "R", Message: "m"}}
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "s", Image: "i", RestartPolicy: &always}},
	}}
	return &Snapshot{
		TypeMeta: metav1.TypeMeta{APIVersion: APIVersion, Kind: SnapshotKind},
		TakenAt:  metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), Tool: "v1", Server: "https://10.0.0.1:6443",
		ServerVersion: &version.Info{Major: "1", Minor: "33", GitVersion: "v1.33.1", EmulationMajor: "1", EmulationMinor: "32"},
		APIServers: []APIServer{{Started: "1760000000.12", Version: "v1.33.1", Emulation: "1.32", Reading: &FeatureReading{
			Component: "kube-apiserver", Enabled: &on, Stage: "BETA", Source: SourceMetrics, Evidence: `x{name="SidecarContainers"} 1`}}},
		APIServerLeases: []coordinationv1.Lease{{
			ObjectMeta: metav1.ObjectMeta{Name: "apiserver-x", Namespace: "kube-system", Labels: map[string]string{identityLabel: identity, "kubernetes.io/hostname": "h"},
				Annotations: map[string]string{PeerAddressAnnotation: "10.0.0.1:6443"}},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &renewed},
		}},
		APIServerEndpoints: []string{"10.0.0.1:6443"},
		ControlPlane:       []ControlPlanePod{{Component: "kube-apiserver", Name: "kube-apiserver-a", Node: "a", Version: "v1.33.1", FeatureGates: "A=true", EmulatedVersion: "1.32", Address: "10.0.0.1:6443", Ready: true}},
		Nodes:              []corev1.Node{n},
		Kubelets:           []FeatureReading{{Component: "kubelet", Instance: "a", Source: SourceConfigz, Evidence: "e"}},
		Namespaces:         []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"b": "c"}}}},
		MutatingWebhooks:   []admissionregistrationv1.MutatingWebhookConfiguration{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}},
		MutatingPolicies:   []MutatingPolicy{{Name: "p", Bindings: []string{"b"}, MatchesPods: true}},
		Classes:            []Class{{ID: "class-1", Namespaces: []string{"a"}, Webhooks: []string{"a/b"}}},
		Canaries:           []Canary{{Class: "class-1", Namespace: "a", Sent: pod, Returned: pod, Warnings: []string{"w"}}},
		Seen:               []Kind{Clock, APIServers, Nodes},
		Gaps:               []Gap{{Kind: Nodes, Scope: "node/a", Reason: "r", Remedy: "m"}},
		Unknown:            map[string]int{"Secret": 1},
		Limits:             []string{"l"},
	}
}

func TestWriteRead(t *testing.T) {
	var text bytes.Buffer
	if err := full().Write(&text); err != nil {
		t.Fatal(err)
	}
	got, err := ReadStrict(bytes.NewReader(text.Bytes()), "f")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), got); diff != "" {
		t.Errorf("(-written +read)\n%s", diff)
	}
	var again bytes.Buffer
	if err := got.Write(&again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text.String(), again.String()); diff != "" {
		t.Errorf("written twice: %s", diff)
	}
}

// Whatever got into the snapshot, the file does not have it.
func TestWriteRedacts(t *testing.T) {
	const secret = "hunter2"
	s := full()
	s.Server = "https://me:" + secret + "@10.0.0.1"
	s.Nodes[0].Annotations = map[string]string{"a": secret}
	s.Nodes[0].Status.NodeInfo.MachineID = secret
	s.Namespaces[0].Annotations = map[string]string{"a": secret}
	s.APIServerLeases[0].Annotations["x"] = secret
	url := "https://" + secret + "@x/"
	s.MutatingWebhooks[0].Webhooks = []admissionregistrationv1.MutatingWebhook{{
		Name: "w", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: []byte(secret)},
	}}
	returned := s.Canaries[0].Returned.DeepCopy()
	returned.Annotations = map[string]string{"a": secret}
	returned.Spec.InitContainers[0].Env = []corev1.EnvVar{{Name: "A", Value: secret}}
	returned.Spec.InitContainers[0].Args = []string{"--password=" + secret}
	s.Canaries[0].Returned = returned
	before := s.Nodes[0].Annotations["a"]
	var text bytes.Buffer
	if err := s.Write(&text); err != nil {
		t.Fatal(err)
	}
	if i := strings.Index(text.String(), secret); i >= 0 {
		t.Errorf("the secret is in the file: %s", text.String()[max(0, i-60):i+20])
	}
	if strings.Contains(text.String(), "aHVudGVyMg") {
		t.Error("the CA bundle is in the file")
	}
	if s.Nodes[0].Annotations["a"] != before || s.Canaries[0].Returned.Annotations["a"] != secret {
		t.Error("Write changed the snapshot")
	}
}

func TestWriteError(t *testing.T) {
	_, w := io.Pipe()
	w.CloseWithError(io.ErrShortWrite)
	if err := full().Write(w); err == nil {
		t.Error("no error")
	}
}
