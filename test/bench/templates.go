//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// distinct is of how many templates the Deployments are, which differ in labels, image and environment. In four of
// the five kinds of namespaces webhooks are called for their pods.
const distinct = 300

// What doctor may take there, in all.
const (
	mostRequests = 300
	mostTime     = 3 * time.Second
)

// templates is about workloads: many of them, a few hundred templates, each with a canary of its own where a webhook is
// called.
func (b *bench) templates(ctx context.Context) error {
	c, err := b.classes(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return err
	}
	if err := b.addWorkloads(ctx, client); err != nil {
		return err
	}
	var listed bytes.Buffer
	doctor := fmt.Sprintf("%q doctor --show-requests 2>&1 >/dev/null", b.plugin)
	if _, err := b.command(ctx, c.Kubeconfig, &listed, "sh", "-c", doctor); err != nil { // the API server warms up, too
		return err
	}
	requests, created := 0, 0
	for line := range strings.Lines(listed.String()) {
		if strings.Contains(line, " /") {
			requests++
		}
		if strings.Contains(line, "/pods?dryRun=All") {
			created++
		}
	}
	u, err := b.commands(ctx, b.sizes.repeat, c.Kubeconfig, []string{b.plugin, "doctor"})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d namespaces, %d webhook configurations, %d workloads of %d templates", b.sizes.namespaces, configurations, b.sizes.workloads, distinct)
	b.table.bound(what+": requests of `doctor`", strconv.Itoa(requests), fmt.Sprintf("<= %d", mostRequests), requests <= mostRequests)
	b.table.bound("the same: canaries", strconv.Itoa(created), "each template that meets a webhook", created >= distinct*(tiers-1)/tiers)
	b.table.bound("the same: time", seconds(u[0].Wall), "<= "+seconds(mostTime), u[0].Wall <= mostTime)
	b.table.shown("the same: CPU and memory of the plugin", fmt.Sprintf("%s, %s", seconds(u[0].CPU), megabytes(u[0].mb())), "-", "-")
	return nil
}

// addWorkloads adds the Deployments, and to each namespace the service account that a controller would.
func (b *bench) addWorkloads(ctx context.Context, client kubernetes.Interface) error {
	say("adding %d service accounts and %d workloads", b.sizes.namespaces, b.sizes.workloads)
	if err := each(ctx, b.sizes.namespaces, 16, func(ctx context.Context, i int) error {
		_, err := client.CoreV1().ServiceAccounts(namespace(i)).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}); err != nil {
		return err
	}
	return each(ctx, b.sizes.workloads, 16, func(ctx context.Context, i int) error {
		// A template is in namespaces of one kind: 5 divides both.
		ns := namespace(i % b.sizes.namespaces)
		_, err := client.AppsV1().Deployments(ns).Create(ctx, deploymentOf(i, i%distinct), metav1.CreateOptions{})
		return err
	})
}

func deploymentOf(i, template int) *appsv1.Deployment {
	labels := map[string]string{"app": fmt.Sprintf("app-%03d", template), "team": fmt.Sprintf("team-%02d", template%20)}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("app-%05d", i)},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"prometheus.io/scrape": "true"}},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: fmt.Sprintf("example.com/app-%03d:1", template),
					Env: []corev1.EnvVar{{Name: "MODE", Value: fmt.Sprintf("mode-%d", template)}},
				}}},
			},
		},
	}
}
