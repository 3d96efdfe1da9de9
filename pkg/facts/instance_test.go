package facts

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestInstanceScope(t *testing.T) {
	class := &Class{ID: "class-2", Namespaces: []string{"prod", "test", "x", "y"}}
	shape := &Class{ID: "shape-1", Namespaces: []string{"prod"}, Shape: &Shape{Templates: 3, Examples: []string{"Deployment prod/web", "Job prod/b"}}}
	account := &Class{ID: "shape-2", Namespaces: []string{"prod"}, Shape: &Shape{Examples: []string{"ServiceAccount prod/up"}}}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	for want, i := range map[string]Instance{
		"":                                  {},
		NodeScope("worker-7"):               NodeInstance("worker-7"),
		NamespaceScope("prod"):              NamespaceInstance("prod"),
		ServiceScope(service):               ServiceInstance("shop", "web"),
		"pod/shop/web-1":                    PodInstance("shop", "web-1"),
		"replicaset/shop/web-5d":            {Kind: "ReplicaSet", Namespace: "shop", Name: "web-5d"},
		"hooks/a.example.com":               {Kind: KindMutatingWebhook, Configuration: "hooks", Name: "a.example.com"},
		"pod shapes":                        {Part: PartShapes},
		"owners":                            {Part: PartOwners},
		ScopeMetrics:                        APIServerInstance(PartMetrics),
		ScopeUnseen:                         APIServerInstance(PartUnseen),
		ScopeGate:                           APIServerInstance(PartGate),
		ScopeLeases:                         APIServerInstance(PartLeases),
		ScopeEndpoints:                      APIServerInstance(PartEndpoints),
		ScopeVersion:                        APIServerInstance(PartVersion),
		"class-2 (namespace prod, +3)":      class.Instance(),
		"shape-1 (Deployment prod/web, +2)": shape.Instance(),
		"shape-2 (ServiceAccount prod/up)":  account.Instance(),
		ScopeReview + "class-2 (namespace prod, +3)":        class.Instance().Of(PartReview),
		ScopeTemplate + "shape-1 (Deployment prod/web, +2)": shape.Instance().Of(PartTemplate),
	} {
		if got := i.Scope(); got != want {
			t.Errorf("%+v: scope %q, want %q", i, got, want)
		}
	}
}

// A snapshot keeps instances; one that was taken before there were any is read as well, and has none.
func TestInstanceInSnapshot(t *testing.T) {
	s := Snapshot{Seen: []Kind{Nodes, Kubelets}, Gaps: []Gap{
		NewGap(Kubelets, NodeInstance("worker-7"), "no answer", Do("run again")),
		NewGap(Nodes, Instance{}, "no right", Do("allow it")),
	}}
	s.APIVersion, s.Kind = APIVersion, SnapshotKind
	var file bytes.Buffer
	if err := s.Write(&file); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(file.String(), "instance:"); n != 1 {
		t.Errorf("%d instances in the file, want 1:\n%s", n, &file)
	}
	got, err := ReadStrict(bytes.NewReader(file.Bytes()), "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Gaps, got.Gaps); diff != "" {
		t.Error(diff)
	}
	before := strings.Replace(file.String(), "- instance:\n    kind: Node\n    name: worker-7\n  kind:", "- kind:", 1)
	if before == file.String() {
		t.Fatalf("no instance to cut out of:\n%s", before)
	}
	got, err = ReadStrict(strings.NewReader(before), "snapshot")
	if err != nil {
		t.Fatal(err)
	}
	if i := got.GapsOf(Kubelets, "*")[0].Instance; i != (Instance{}) {
		t.Errorf("an instance from nowhere: %+v", i)
	}
}
