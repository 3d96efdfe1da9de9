//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// What the namespaces are told apart by: five labels, for four of which webhooks are called.
const configurations, tiers = 30, 5

// sampledNamespaces is in how many namespaces a dry run of their own is tried.
const sampledNamespaces = 500

// canaries is about namespaces: many of them, a few classes.
func (b *bench) canaries(ctx context.Context) error {
	c, err := b.classes(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Stop() }()
	// What is there besides (default and the system's) is a class of its own, so that is counted too.
	snapshot, _, err := collect.Run(ctx, collect.Options{Config: c.Config(), Kinds: []facts.Kind{facts.Canaries}, Timeout: 5 * time.Minute})
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d namespaces, %d webhook configurations", b.sizes.namespaces, configurations)
	b.table.bound(what+": canaries", strconv.Itoa(len(snapshot.Canaries)), fmt.Sprintf("the %d classes", len(snapshot.Classes)),
		len(snapshot.Canaries) == len(snapshot.Classes) && len(snapshot.Classes) == tiers)
	u, err := b.commands(ctx, 2*b.sizes.repeat, c.Kubeconfig, []string{b.plugin, "webhooks"})
	if err != nil {
		return err
	}
	bare, err := duration(2*b.sizes.repeat, func() error { return listsAndCreates(ctx, c.Config()) })
	if err != nil {
		return err
	}
	b.table.atMost("the same: `webhooks`; the bare lists and 5 creates", seconds(u[0].Wall), seconds(bare), u[0].Wall.Seconds()/bare.Seconds(), 2)
	sample := min(sampledNamespaces, b.sizes.namespaces)
	tried, err := duration(1, func() error { return tryEach(ctx, c.Config(), sample) })
	if err != nil {
		return err
	}
	all := time.Duration(float64(tried) / float64(sample) * float64(b.sizes.namespaces))
	b.table.shown(fmt.Sprintf("the same; one dry run for each namespace (%d, extrapolated)", sample), seconds(u[0].Wall), seconds(all), number(u[0].Wall.Seconds()/all.Seconds()))
	return nil
}

// tryEach does without classes: a dry run in each of the first n namespaces, as many at once as
// canaries are sent.
func tryEach(ctx context.Context, config *rest.Config, n int) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return each(ctx, n, 8, func(ctx context.Context, i int) error {
		_, err := client.CoreV1().Pods(namespace(i)).Create(ctx, admission.Canary(namespace(i)), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	})
}

func namespace(i int) string { return fmt.Sprintf("bench-%05d", i) }

// classes is a cluster with namespaces of five kinds.
func (b *bench) classes(ctx context.Context) (*cluster.Cluster, error) {
	c, err := cluster.Start(ctx, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		return nil, err
	}
	server, err := c.ServeWebhooks()
	if err != nil {
		return c, err
	}
	for i := range configurations {
		_, err := c.InstallWebhook(ctx, cluster.Webhook{
			Configuration: fmt.Sprintf("config-%02d", i), Client: server.Client("/annotate"), Timeout: 30 * time.Second,
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": fmt.Sprint(i % (tiers - 1))}},
		})
		if err != nil {
			return c, err
		}
	}
	say("adding %d namespaces", b.sizes.namespaces)
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return c, err
	}
	return c, each(ctx, b.sizes.namespaces, 16, func(ctx context.Context, i int) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(i), Labels: map[string]string{"tier": fmt.Sprint(i % tiers)}}}
		_, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		return err
	})
}

// each does something n times, so many at a time, and returns the first error.
func each(ctx context.Context, n, atOnce int, do func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() == nil {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// listsAndCreates asks for as much as nobody can do without: the namespaces, the webhooks and the
// policies, as a client does that knows where they are, and one dry run for each class.
func listsAndCreates(ctx context.Context, config *rest.Config) error {
	config = rest.CopyConfig(config)
	config.QPS, config.ContentType = -1, "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for opts := (metav1.ListOptions{Limit: 500}); ; {
		page, err := client.CoreV1().Namespaces().List(ctx, opts)
		if err != nil {
			return err
		}
		if opts.Continue = page.Continue; opts.Continue == "" {
			break
		}
	}
	admissions := client.AdmissionregistrationV1()
	if _, err := admissions.MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
		return err
	}
	if _, err := admissions.MutatingAdmissionPolicies().List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
		return err
	}
	if _, err := admissions.MutatingAdmissionPolicyBindings().List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
		return err
	}
	if _, err := admissions.ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
		return err
	}
	if _, err := admissions.ValidatingAdmissionPolicies().List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
		return err
	}
	if _, err := admissions.ValidatingAdmissionPolicyBindings().List(ctx, metav1.ListOptions{Limit: 500}); err != nil {
		return err
	}
	for i := range tiers {
		if _, err := client.CoreV1().Pods(namespace(i)).Create(ctx, admission.Canary(namespace(i)), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			return err
		}
	}
	return nil
}
