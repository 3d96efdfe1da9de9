//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

// What the pods are: as they were recorded on real kubelets, with their owners, events and managed
// fields, again and again under other names.
const (
	healthy = "silent-deployment" // running and ready, a native sidecar
	pending = "14-unschedulable"
	held    = "18-job-held" // the Job is done, its sidecar is not
	done    = "silent-job-done"
)

// The mix: of a hundred pods one is pending, five are of Jobs, of which one in ten is held.
const (
	perDeployment = 10
	perPending    = 25
	perNode       = 100
	perNamespace  = 500
)

// A template is what one situation looks like.
type template struct{ objects []runtime.Object }

func readTemplate(situation string) (*template, error) {
	root, err := binaries.Root()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(root, "test", "e2e", "cases", situation, "seen.yaml"))
	if err != nil {
		return nil, err
	}
	var list struct{ Items []json.RawMessage }
	if err := yaml.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", situation, err)
	}
	t := &template{}
	for _, item := range list.Items {
		object, _, err := scheme.Codecs.UniversalDeserializer().Decode(item, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", situation, err)
		}
		if _, node := object.(*corev1.Node); !node {
			t.objects = append(t.objects, object)
		}
	}
	return t, nil
}

// A crowd multiplies templates.
type crowd struct {
	storage   *storage
	templates map[string]*template
	families  int
	made      int // pods
	nodes     int // that they are spread over
}

// grow adds pods until there are n, in the mix.
func (c *crowd) grow(n int) error {
	from := c.made
	share := func(of int) int { return n/of - from/of }
	for range max(1, share(100)/perPending) {
		if err := c.family(pending, perPending); err != nil {
			return err
		}
	}
	for i := range share(20) {
		situation := done
		if i%10 == 0 {
			situation = held
		}
		if err := c.family(situation, 1); err != nil {
			return err
		}
	}
	for c.made < n {
		if err := c.family(healthy, perDeployment); err != nil {
			return err
		}
	}
	return nil
}

// family adds a workload with some pods of a situation, and the events of each.
func (c *crowd) family(situation string, pods int) error {
	c.families++
	t := c.templates[situation]
	var first *corev1.Pod
	for _, object := range t.objects {
		switch o := object.(type) {
		case *corev1.Pod:
			if first == nil {
				first = o
			}
		case *corev1.Event:
		default:
			if err := c.put(object, "", 0); err != nil {
				return err
			}
		}
	}
	for i := range pods {
		c.made++
		if err := c.put(first, fmt.Sprintf("-%d", i), i); err != nil {
			return err
		}
		for _, object := range t.objects {
			// Those of healthy and finished pods are gone after an hour (--event-ttl).
			e, ok := object.(*corev1.Event)
			if !ok || e.InvolvedObject.UID != first.UID || situation != pending && situation != held {
				continue
			}
			if err := c.put(e, fmt.Sprintf("-%d", i), i); err != nil {
				return err
			}
		}
	}
	return nil
}

// put stores a copy of an object under another name. Its place in the family makes its UID.
func (c *crowd) put(object runtime.Object, suffix string, member int) error {
	object = object.DeepCopyObject()
	meta := object.(metav1.Object)
	family := fmt.Sprintf("-%d", c.families)
	uid := func(old types.UID, member int) types.UID {
		return types.UID(fmt.Sprintf("%s-%04x-4%03x-8%03x-%012x", old[:8], c.families>>12, c.families&0xfff, member&0xfff, c.families<<12|member))
	}
	namespace := fmt.Sprintf("bench-%04d", c.families*perDeployment/perNamespace)
	if e, ok := object.(*corev1.Event); ok {
		e.InvolvedObject.Name += family + suffix
		e.InvolvedObject.UID = uid(e.InvolvedObject.UID, member)
		e.InvolvedObject.Namespace = namespace
	}
	if p, ok := object.(*corev1.Pod); ok && p.Spec.NodeName != "" {
		p.Spec.NodeName = fmt.Sprintf("bench-%05d", c.made%max(1, c.nodes))
	}
	meta.SetNamespace(namespace)
	meta.SetName(meta.GetName() + family + suffix)
	meta.SetUID(uid(meta.GetUID(), member))
	owners := meta.GetOwnerReferences()
	for i := range owners {
		owners[i].Name += family
		owners[i].UID = uid(owners[i].UID, 0)
	}
	meta.SetOwnerReferences(owners)
	return c.storage.add(object)
}
