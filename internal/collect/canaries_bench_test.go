package collect_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
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

var (
	benchNamespaces = flag.Int("bench-namespaces", 10_000, "how many namespaces the benchmark of canaries makes")
	benchSample     = flag.Int("bench-sample", 500, "in how many of them it tries one dry run each; the rest is extrapolated")
)

// BenchmarkCanaries compares one canary for each class with one dry run for each namespace, on a real
// API server with 30 webhook configurations and five classes. The latter is tried in a sample of the
// namespaces, and "s-for-all" is what all of them would take:
//
//	go test ./internal/collect -run '^$' -bench Canaries -benchtime 1x
func BenchmarkCanaries(b *testing.B) {
	c, err := cluster.Start(b.Context(), cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Stop() })
	server, err := c.ServeWebhooks()
	if err != nil {
		b.Fatal(err)
	}
	for i := range 30 {
		_, err := c.InstallWebhook(b.Context(), cluster.Webhook{
			Configuration: fmt.Sprintf("config-%02d", i), Client: server.Client("/annotate"), Timeout: 30 * time.Second,
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": fmt.Sprint(i % 4)}},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	config := rest.CopyConfig(c.Config())
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	forEach(b, *benchNamespaces, func(ctx context.Context, i int) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: nameOf(i), Labels: map[string]string{"tier": fmt.Sprint(i % 5)}}}
		_, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
		return err
	})
	b.Run("class", func(b *testing.B) {
		for b.Loop() {
			snapshot, ledger, err := collect.Run(b.Context(), collect.Options{Config: c.Config(), Kinds: []facts.Kind{facts.Canaries}, Timeout: 5 * time.Minute})
			if err != nil || len(snapshot.Canaries) == 0 {
				b.Fatalf("%d canaries, %v", len(snapshot.Canaries), err)
			}
			b.ReportMetric(float64(len(ledger.Requests())), "requests")
			b.ReportMetric(float64(len(snapshot.Canaries)), "canaries")
		}
	})
	b.Run("namespace", func(b *testing.B) {
		for b.Loop() {
			sample := min(*benchSample, *benchNamespaces)
			start := time.Now()
			forEach(b, sample, func(ctx context.Context, i int) error {
				_, err := client.CoreV1().Pods(nameOf(i)).Create(ctx, admission.Canary(nameOf(i)), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				return err
			})
			b.ReportMetric(float64(*benchNamespaces), "requests-for-all")
			b.ReportMetric(time.Since(start).Seconds()*float64(*benchNamespaces)/float64(sample), "s-for-all")
		}
	})
}

func nameOf(i int) string { return fmt.Sprintf("bench-%05d", i) }

// forEach does something for the first n namespaces, 8 at a time as canaries are sent.
func forEach(b *testing.B, n int, do func(context.Context, int) error) {
	b.Helper()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	errs := make(chan error, n)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(b.Context(), i); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		b.Fatal(err)
	default:
	}
}
