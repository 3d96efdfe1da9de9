//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// What plan may take beside the bare lists of the workloads.
const (
	mostOfLists = 1.3
	mostMB      = 150
)

// plans is about a cluster full of workloads, each with a sidecar to move, and of their pods, which plan does not read.
func (b *bench) plans(ctx context.Context) error {
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	if err := c.AddFakeNodes(ctx, cluster.FakeNode{Name: "bench-00000", Version: "1.36", Metrics: cluster.NoAddress}); err != nil {
		return err
	}
	n := b.sizes.planned
	say("adding %d workloads with %d pods", n, 6*n)
	s := newStorage(ctx, c.Host())
	var failed []error
	for i := range n {
		for _, object := range plannedObjects(i) {
			failed = append(failed, s.add(object))
		}
	}
	if err := errors.Join(errors.Join(failed...), s.done()); err != nil {
		return err
	}
	config := rest.CopyConfig(c.Config())
	config.QPS, config.ContentType = -1, runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	args := []string{b.plugin, "plan", "-A", "-o", "json"}
	if _, err := b.command(ctx, c.Kubeconfig, &out, args...); err != nil { // the API server warms up, too
		return err
	}
	var p plan.Plan
	if err := json.Unmarshal(out.Bytes(), &p); err != nil {
		return fmt.Errorf("the plan: %w", err)
	}
	if len(p.Rows) != n {
		return fmt.Errorf("plan names %d workloads of %d", len(p.Rows), n)
	}
	bare, err := duration(b.sizes.repeat, func() error { return bareLists(ctx, client) })
	if err != nil {
		return err
	}
	u, err := b.commands(ctx, b.sizes.repeat, c.Kubeconfig, []string{b.plugin, "plan", "-A"})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("`plan -A` and bare lists of the workloads, %d of them with %d pods", n, 6*n)
	b.table.atMost(what+": time", seconds(u[0].Wall), seconds(bare), u[0].Wall.Seconds()/bare.Seconds(), mostOfLists)
	b.table.bound("the same: memory", megabytes(u[0].mb()), fmt.Sprintf("<= %d MB", mostMB), u[0].mb() <= mostMB)
	b.table.shown("the same: CPU of the plugin", seconds(u[0].CPU), "-", "-")
	return nil
}

// bareLists reads all kinds of workloads in pages, one kind after the other, and does nothing with them.
func bareLists(ctx context.Context, client kubernetes.Interface) error {
	apps, batch, core := client.AppsV1(), client.BatchV1(), client.CoreV1()
	for _, list := range []func(metav1.ListOptions) (metav1.ListInterface, error){
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return batch.CronJobs("").List(ctx, o) },
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return batch.Jobs("").List(ctx, o) },
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return apps.Deployments("").List(ctx, o) },
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return apps.StatefulSets("").List(ctx, o) },
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return apps.DaemonSets("").List(ctx, o) },
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return apps.ReplicaSets("").List(ctx, o) },
		func(o metav1.ListOptions) (metav1.ListInterface, error) {
			return core.ReplicationControllers("").List(ctx, o)
		},
		func(o metav1.ListOptions) (metav1.ListInterface, error) { return core.PodTemplates("").List(ctx, o) },
	} {
		for opts := (metav1.ListOptions{Limit: 500}); ; {
			page, err := list(opts)
			if err != nil {
				return err
			}
			if opts.Continue = page.GetContinue(); opts.Continue == "" {
				break
			}
		}
	}
	return nil
}

// plannedObjects are a workload of one of the usual kinds, most often a Deployment with its ReplicaSet, and its six pods.
func plannedObjects(i int) []runtime.Object {
	name, labels := fmt.Sprintf("app-%05d", i), map[string]string{"app": fmt.Sprintf("app-%05d", i)}
	meta := metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%03d", i%200), Name: name, UID: types.UID(name), Labels: labels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "work", Image: "registry.example/work:1", Args: []string{"--db=127.0.0.1:5432"}, Env: []corev1.EnvVar{{Name: "MODE", Value: name}}},
		{Name: "db", Image: "registry.example/cloud-sql-proxy:2", Args: []string{"--port=5432", "p:r:i"}},
	}}}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	job := batchv1.JobSpec{Template: *template.DeepCopy()}
	job.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	var out []runtime.Object
	switch i % 20 {
	case 0:
		out = append(out, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}})
	case 1:
		out = append(out, &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}})
	case 2:
		out = append(out, &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}})
	case 3:
		out = append(out, &batchv1.Job{ObjectMeta: meta, Spec: job})
	default:
		set := *meta.DeepCopy()
		set.Name += "-5c689d88bb"
		set.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, UID: meta.UID, Controller: ptr.To(true)}}
		out = append(out, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
			&appsv1.ReplicaSet{ObjectMeta: set, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}})
	}
	made := map[string]string{"app": name, "pod-template-hash": "5c689d88bb"} // as controllers label pods: the canaries look for others
	for k := range 6 {
		out = append(out, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: meta.Namespace, Name: fmt.Sprintf("%s-%d", name, k), Labels: made}, Spec: template.Spec})
	}
	return out
}
