package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A PodQuery says which pods to look at.
type PodQuery struct {
	// Namespace is that of the names.
	Namespace string
	// Names are pods and what makes pods. Without them, and without Selector, every suspicious pod
	// of the namespace is looked for.
	Names []Name
	// Selector chooses pods by their labels instead of names.
	Selector string
	// AllNamespaces looks in all namespaces; not with Names.
	AllNamespaces bool
}

// An Asked is an object that the user asked about: the pod, or what makes pods.
type Asked struct{ Kind, Namespace, Name string }

func (a Asked) String() string {
	if a.Namespace == "" {
		return a.Kind + " " + a.Name
	}
	return a.Kind + " " + a.Namespace + "/" + a.Name
}

// PodReader reads pods and what explains them, step by step: the caller judges what was read, and
// may then ask for logs.
//
// One pod costs at most five requests: the pod, its events, its node, its owner, its owner's owner.
// A workload costs as much: itself, the ReplicaSets or Jobs between it and its pods, the pods,
// their events, a node. Who sends to a ready pod is asked only where it may matter; see readServices.
// No right is asked for first, since that would cost as much as trying.
type PodReader struct {
	c     *collector
	query PodQuery

	mu     sync.Mutex
	asked  []Asked
	uids   map[types.UID]bool // of everything that was read
	owners map[string]bool    // that were read, or tried
	nodes  map[string]bool    // to read

	// chosen are the selectors of the workloads whose pods were read.
	chosen  []string
	podless []Podless
	// everywhere is set where pods of more than one namespace may be meant.
	everywhere bool
}

// NewPodReader prepares the clients. It sends nothing.
func NewPodReader(o Options, q PodQuery) (*PodReader, error) {
	c, err := newCollector(o)
	if err != nil {
		return nil, err
	}
	return podReader(c, q), nil
}

func podReader(c *collector, q PodQuery) *PodReader {
	return &PodReader{c: c, query: q, uids: map[types.UID]bool{}, owners: map[string]bool{}, nodes: map[string]bool{}}
}

// podKinds are the kinds of facts that Read looks for.
var podKinds = []facts.Kind{
	facts.Pods, facts.Events, facts.Nodes, facts.Deployments, facts.ReplicaSets, facts.StatefulSets,
	facts.DaemonSets, facts.Jobs, facts.CronJobs, facts.CustomWorkloads,
}

// PodKinds are the kinds of facts that Read looks for.
func PodKinds() []facts.Kind { return slices.Clone(podKinds) }

// Progress has show told how far a step is.
func (r *PodReader) Progress(show func(step string, done, total int)) { r.c.opts.Progress = show }

// Ledger lists what was sent.
func (r *PodReader) Ledger() *Ledger { return r.c.ledger }

// Asked is what the user asked about, as far as it exists.
func (r *PodReader) Asked() []Asked { return slices.Clone(r.asked) }

// Read reads what was asked for. An error means that there is nothing to judge: a name that does
// not exist and never did, a cluster that does not answer. What is missing besides is a gap.
func (r *PodReader) Read(ctx context.Context) (*facts.Snapshot, error) {
	ctx, cancel := r.c.opts.bounded(ctx)
	defer cancel()
	r.c.snapshot.Seen = append(r.c.snapshot.Seen, podKinds...)
	err := r.read(ctx)
	if broken := r.c.broken.get(); broken != nil {
		return nil, broken
	}
	if err != nil {
		return nil, r.explained(ctx, err)
	}
	r.c.finish(podKinds)
	return r.c.snapshot, nil
}

// explained is an error of the first request in a few words: without an answer there is no cluster.
func (r *PodReader) explained(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errRunTime):
		return fmt.Errorf("%w before anything was read: give it more: --timeout 5m", cause)
	case cause != nil:
		return fmt.Errorf("interrupted before anything was read: %w", cause)
	}
	var network *url.Error
	if a, ok := answered(err); ok && a.Code == http.StatusUnauthorized || errors.As(err, &network) {
		return r.c.unreachable(err)
	}
	return err
}

func (r *PodReader) read(ctx context.Context) error {
	switch {
	case len(r.query.Names) > 0:
		return r.readNames(ctx)
	case r.query.Selector != "":
		return r.readSelected(ctx)
	}
	return r.scan(ctx)
}

// readNames reads each object, then what belongs to it.
func (r *PodReader) readNames(ctx context.Context) error {
	if done, err := r.readNamespace(ctx); done {
		return err
	}
	var errs []error
	for _, n := range r.query.Names {
		if err := r.readName(ctx, n); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == len(r.query.Names) {
		return r.missing(ctx, errors.Join(errs...))
	}
	for _, err := range errs {
		r.limit("not looked at: %s", oneLine(err.Error()))
		r.c.gap(facts.Pods, whole, oneLine(err.Error()), whatExists)
	}
	r.readAround(ctx)
	return nil
}

func (r *PodReader) readName(ctx context.Context, n Name) error {
	if read := r.usersOf(n); read != nil {
		return read(ctx, n)
	}
	object, err := r.c.named(ctx, r.query.Namespace, n)
	switch {
	case absent(err) && n.isPod():
		return r.readVanished(ctx, n.Name, err)
	case apierrors.IsForbidden(err):
		r.c.failedFor(ctx, facts.Pods, r.rightTo(n, err), whole, err) // without it, its pods are not known
		r.askByName(n)
		return nil
	case apierrors.IsNotFound(err):
		return fmt.Errorf("reading %s in namespace %s: %w", n, r.query.Namespace, err)
	case err != nil && builtinNamed(n.Resource) == nil:
		return r.readUnlisted(ctx, n, fmt.Errorf("reading %s: %w", n, err))
	case err != nil:
		return fmt.Errorf("reading %s: %w", n, err)
	}
	return r.follow(ctx, object)
}

// readSelected reads the pods with the labels that were asked for.
func (r *PodReader) readSelected(ctx context.Context) error {
	namespace := r.query.Namespace
	if r.query.AllNamespaces {
		namespace = ""
	}
	pods, err := r.listPods(ctx, namespace, metav1.ListOptions{LabelSelector: r.query.Selector}, nil)
	if apierrors.IsForbidden(err) {
		r.c.failed(ctx, listPods.In(namespace), whole, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	if len(pods) == 0 {
		return fmt.Errorf("no pods have the labels %q", r.query.Selector)
	}
	for i := range pods {
		r.addPod(&pods[i])
		r.ask("Pod", &pods[i])
	}
	r.readAround(ctx)
	return nil
}

// readAround reads what explains the pods of the snapshot: events, owners, nodes.
func (r *PodReader) readAround(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { r.readOwners(ctx) })
	wg.Go(func() { r.readNodes(ctx) })
	wg.Go(func() { r.readServices(ctx) })
	if len(r.c.snapshot.Pods) <= fewPods && r.onlyPods() {
		wg.Go(func() { r.readEventsOfPods(ctx) })
		wg.Wait()
		return
	}
	wg.Wait() // the owners' events are wanted too
	r.readWarnings(ctx, r.namespace())
	if r.namespace() == "" {
		r.readNormal(ctx)
	}
}

// fewPods is how many pods have their events read one by one, all of them; beyond, the warnings of
// the namespace are read, and the others where one tells what nothing else does ([indeterminate]).
const fewPods = 3

// onlyPods reports whether nothing that makes pods was asked about.
func (r *PodReader) onlyPods() bool {
	return !slices.ContainsFunc(r.asked, func(a Asked) bool {
		b := builtinNamed(a.Kind)
		return a.Kind != "Pod" && (b == nil || b.role == maker)
	})
}

// namespace is where to look; "" is everywhere.
func (r *PodReader) namespace() string {
	if r.query.AllNamespaces || r.everywhere {
		return ""
	}
	return r.query.Namespace
}

// ask notes that the user asked about an object.
func (r *PodReader) ask(kind string, o metav1.Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := Asked{kind, o.GetNamespace(), o.GetName()}
	if !slices.Contains(r.asked, a) {
		r.asked = append(r.asked, a)
	}
}

// seen reports whether an object was seen before, and notes that it is now.
func (r *PodReader) seen(o metav1.Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.uids[o.GetUID()] {
		return true
	}
	r.uids[o.GetUID()] = true
	return false
}

// addPod puts a pod into the snapshot.
func (r *PodReader) addPod(p *corev1.Pod) {
	if r.seen(p) {
		return
	}
	trimmed := facts.TrimPod(p)
	r.c.mu.Lock()
	r.c.snapshot.Pods = append(r.c.snapshot.Pods, trimmed)
	r.c.mu.Unlock()
	if p.Spec.NodeName != "" {
		r.mu.Lock()
		r.nodes[p.Spec.NodeName] = true
		r.mu.Unlock()
	}
}

// listPods lists pods, page by page, and keeps those that keep wants; nil wants all.
func (r *PodReader) listPods(ctx context.Context, namespace string, opts metav1.ListOptions, keep func(*corev1.Pod) bool) ([]corev1.Pod, error) {
	var out []corev1.Pod
	done := 0
	err := longList(ctx, r.c, listRequest{namespace: namespace, resource: "pods", opts: opts}, func(page *corev1.PodList) {
		for i := range page.Items {
			if keep == nil || keep(&page.Items[i]) {
				out = append(out, facts.TrimPod(&page.Items[i])) // there may be very many
			}
		}
		done += len(page.Items)
		r.c.step("pods", done, done+remaining(page))
	}, func() { out, done = nil, 0 })
	return out, err
}
