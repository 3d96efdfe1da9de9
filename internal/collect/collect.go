// Package collect reads the facts of a snapshot from a running cluster. It is the only package
// that talks to one. It changes nothing there: every request passes the guard in guard.go.
// What it is not allowed to read, or cannot, becomes a gap with its reason and remedy, never a default.
package collect

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// ScrapeMode says which kubelets are asked for their metrics page.
type ScrapeMode string

const (
	// ScrapeAuto asks the kubelets whose version leaves the gate open (1.28 to 1.32).
	ScrapeAuto ScrapeMode = "auto"
	// ScrapeAll asks every kubelet.
	ScrapeAll ScrapeMode = "all"
	// ScrapeNone asks none.
	ScrapeNone ScrapeMode = "none"
)

// What Options has when a field is zero.
const (
	// DefaultConcurrency bounds what nobody else does: to the API server, what passes through
	// nodes/proxy is long-running (k8s.io/kubernetes pkg/controlplane/apiserver, LongRunningFunc), so
	// that neither its limit on requests in flight nor its priority and fairness holds it back. 32 is
	// less than the 49 of 600 seats that those grant to users in the level global-default, and at
	// 30 ms per kubelet 5,000 of them are read in about 5 s. docs/performance.md says what it costs.
	DefaultConcurrency    = 32
	DefaultTimeout        = 60 * time.Second
	DefaultRequestTimeout = 5 * time.Second
)

// Options say what to collect and how.
type Options struct {
	// Config is how to reach the cluster. It is copied, not changed.
	Config *rest.Config
	// Kinds are the facts about the cluster to collect; what those build on is collected as well.
	// nil is every kind. Facts about pods are not for Run.
	Kinds []facts.Kind
	// Scrape is which kubelets to ask; "" is auto.
	Scrape ScrapeMode
	// Kubelets is how they are reached; "" is by the proxy.
	Kubelets KubeletWay
	// KubeletCA is who signs the certificates of kubelets that are read directly, as PEM; nil is the cluster's CA.
	KubeletCA []byte
	// InsecureKubelets sends credentials to kubelets that are read directly without verifying who they are.
	InsecureKubelets bool
	// Concurrency is how many kubelets are asked at once; 0 is DefaultConcurrency.
	Concurrency int
	// QPS is how many requests are sent per second at most; 0 is as many as are answered.
	QPS float32
	// Timeout bounds the whole run; 0 is DefaultTimeout.
	Timeout time.Duration
	// Until, if set, is when the run has to be over instead: several runs that are one command for
	// the user share it.
	Until time.Time
	// RequestTimeout bounds one scrape. Lists and reviews, which may be large or go through
	// slower machinery, get four times as long. 0 is DefaultRequestTimeout.
	RequestTimeout time.Duration
	// Namespace limits the canaries to one namespace.
	Namespace string
	// Selector limits the canaries to namespaces whose labels match it.
	Selector string
	// MaxCanaries is how many canaries are sent at most; 0 is DefaultMaxCanaries.
	MaxCanaries int
	// NoURLs keeps webhooks outside the cluster from being called directly, unless their host is among
	// AskHosts.
	NoURLs bool
	// AskHosts are the hosts, with or without a port, at which webhooks are called although they are not public.
	AskHosts []string
	// NoImpersonation sends all canaries as the caller, whoever would create the pod.
	NoImpersonation bool
	// Pods are pods of the cluster whose own shapes are tried as well as those of pod templates.
	Pods []corev1.Pod
	// Handover, if set, is given the workloads that are listed for the canaries.
	Handover *Handover
	// Workloads, if set, are the only templates that are tried, and their namespaces the only ones: each has one.
	Workloads []*podtemplate.Workload
	// Progress, if set, is told how far a step is; total is 0 when that is not known yet.
	// It may be called from several goroutines, one call at a time.
	Progress func(step string, done, total int)
	// Tool is the version of the plugin, for the User-Agent and the snapshot.
	Tool string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// A collector is one run. Its methods fill the snapshot and may run at the same time; they take
// mu to write to it.
type collector struct {
	opts      Options
	config    *rest.Config // guarded; every client is made from it
	client    kubernetes.Interface
	rest      rest.Interface // core/v1, for requests to a path
	http      *http.Client   // the same connections, for answers that are streamed
	base      *url.URL       // of the API server
	ledger    *Ledger
	broken    *breach
	access    *access
	pace      *pace
	clock     *serverClock
	addresses nodeAddresses
	// standIns are whom canaries may be sent as.
	standIns *standIns
	began    time.Time // by this machine's clock

	mu       sync.Mutex
	snapshot *facts.Snapshot
	// policies and bindings are whole, for whoever computes what they match; the snapshot has
	// less of them.
	policies []admissionregistrationv1.MutatingAdmissionPolicy
	bindings []admissionregistrationv1.MutatingAdmissionPolicyBinding
	// validatingPolicies and validatingBindings are the same of those that can only refuse.
	validatingPolicies []admissionregistrationv1.ValidatingAdmissionPolicy
	validatingBindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding
	// served is what is served of each of admissionVersions.
	served [len(admissionVersions)]served
	// chain is made of them and of the webhooks of the snapshot; see admissionChain.
	chain *admission.Chain
	// places are the namespaces with what webhooks may look at; the snapshot has less of them.
	places []corev1.Namespace
	// customKinds are the kinds of custom resources that can have init containers; they are known when crdsRead is
	// closed. customs are those that the guard lets be created with dryRun=All.
	customKinds []customKind
	crdsRead    chan struct{}
	customs     *customResources

	progress sync.Mutex
}

// gap records that something of kind could not be read.
func (c *collector) gap(kind facts.Kind, about facts.Instance, reason string, remedy facts.Remedy) {
	c.add(facts.NewGap(kind, about, reason, remedy))
}

func (c *collector) add(g facts.Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.Gaps = append(c.snapshot.Gaps, g)
}

// gapsOf is Snapshot.GapsOf for a snapshot that others are still writing to.
func (c *collector) gapsOf(kind facts.Kind, scope string) []facts.Gap {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot.GapsOf(kind, scope)
}

// step tells the caller how far a step is.
func (c *collector) step(name string, done, total int) {
	if c.opts.Progress == nil {
		return
	}
	c.progress.Lock()
	defer c.progress.Unlock()
	c.opts.Progress(name, done, total)
}

// bounded returns a context that ends when the run has to be over.
func (o Options) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if !o.Until.IsZero() {
		return context.WithDeadlineCause(ctx, o.Until, errRunTime)
	}
	return context.WithTimeoutCause(ctx, o.Timeout, errRunTime)
}

// reading returns a context for one request that reads or reviews objects.
func (c *collector) reading(ctx context.Context) (context.Context, context.CancelFunc) {
	return c.request(ctx, 4*c.opts.RequestTimeout)
}

// withDefaults fills what the caller left open.
func (o Options) withDefaults() Options {
	if o.Scrape == "" {
		o.Scrape = ScrapeAuto
	}
	if o.Kubelets == "" {
		o.Kubelets = KubeletsByProxy
	}
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	if o.Tool == "" {
		o.Tool = "unknown"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// newSnapshot is an empty snapshot taken now.
func newSnapshot(o Options, server string) *facts.Snapshot {
	return &facts.Snapshot{
		TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: facts.SnapshotKind},
		TakenAt:  metav1.NewTime(o.Now().UTC().Truncate(time.Second)),
		Tool:     o.Tool,
		Server:   server,
		Seen:     []facts.Kind{facts.Clock},
	}
}
