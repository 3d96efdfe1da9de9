package collect

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// shapeExamples is how many templates of a shape are named, and how many are tried.
const shapeExamples = 5

// listFor is the right to list what has pod templates, or service accounts.
func listFor(group, resource string) Rule {
	return Rule{
		PolicyRule: rule("list", group, resource), Kind: facts.Canaries,
		Why: "know the shapes of the cluster's own pods: webhooks may act on labels, annotations and service accounts",
	}
}

var (
	listAccounts = listFor("", "serviceaccounts")
	listRunning  = listFor("", "pods")
	shapeRules   = []Rule{
		listFor("apps", "deployments"), listFor("apps", "statefulsets"), listFor("apps", "daemonsets"),
		listFor("batch", "jobs"), listFor("batch", "cronjobs"), listAccounts, listRunning,
	}
)

// allShapes is a gap that concerns all shapes.
var allShapes = facts.Instance{Part: facts.PartShapes}

// shapes turns the pod templates and service accounts of the cluster into classes, each with the pods
// to try.
func (c *collector) shapes(senders senders, templates []admission.Template, namespaces []*corev1.Namespace) []class {
	byName := map[string]*corev1.Namespace{}
	for _, ns := range namespaces {
		byName[ns.Name] = ns
	}
	var out []class
	for i, s := range senders.chain.Shapes(templates, namespaces) {
		next := newShape(fmt.Sprintf("shape-%d", i+1), s, byName)
		if c.opts.Workloads != nil { // who gave them looks for each
			next.fact.Shape.Examples = objectsOf(s)
		}
		out = append(out, next)
	}
	c.noteSenders(senders, out)
	return out
}

func newShape(id string, s admission.Shape, byName map[string]*corev1.Namespace) class {
	first := s.Templates[0]
	shape := &facts.Shape{
		Labels: sortedKeys(first.Labels), Annotations: sortedKeys(first.Annotations),
		AccountLabels: sortedKeys(first.AccountLabels), AccountAnnotations: sortedKeys(first.AccountAnnotations),
		Templates: s.Workloads(), Own: first.Spec != nil, Running: first.Running,
	}
	group := admission.Class{Calls: s.Calls}
	var tries []try
	seen := map[string]bool{}
	for _, t := range s.Templates {
		if len(shape.Examples) < shapeExamples {
			shape.Examples = append(shape.Examples, t.Object)
			tries = append(tries, try{byName[t.Namespace], t.Canary(), t.Spec != nil})
		}
		if !seen[t.Namespace] {
			seen[t.Namespace] = true
			group.Namespaces = append(group.Namespaces, byName[t.Namespace])
		}
	}
	out := newClass(id, group, admission.Canary)
	out.fact.Shape, out.fact.User = shape, first.Creator
	out.tries = tries
	return out
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// templates reads what webhooks may look at, of every workload, of every pod that no template shows, and of every
// service account that has annotations or labels. What the caller is not allowed to list is a gap.
func (c *collector) templates(ctx context.Context) (out []admission.Template, accounts map[string]*corev1.ServiceAccount) {
	accounts = map[string]*corev1.ServiceAccount{}
	lists := append(c.templateLists(accounts), c.runningPods())
	if c.opts.Workloads != nil {
		lists = []templateList{{listAccounts, c.listAccounts(c.opts.Namespace, accounts)}}
	}
	found := make([][]admission.Template, len(lists))
	each(len(lists), len(lists), func(i int) {
		if c.mayNotList(ctx, lists[i].right) {
			return
		}
		err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
			opts.Limit = smallPage
			return lists[i].page(ctx, opts, &found[i])
		}, func() { found[i] = nil })
		if err != nil {
			c.failed(ctx, lists[i].right, allShapes, err)
		}
	})
	out = slices.Concat(found...)
	for i := range c.opts.Pods {
		out = append(out, shapeOfPod(&c.opts.Pods[i]))
	}
	if c.opts.Workloads != nil {
		return withoutBare(withAccounts(c.givenTemplates(), accounts)), accounts
	}
	return withAccounts(out, accounts), accounts
}

// smallPage is how many namespaces, workloads or service accounts are read at once: they are a few kilobytes each,
// and each page costs the API server and us a request.
const smallPage = 5000

// shapeOfPod is what webhooks may look at of a pod that is there already, of which not all is known. What names
// the pod itself is left out: its owner's other pods have the same without it.
func shapeOfPod(p *corev1.Pod) admission.Template {
	labels := maps.Clone(p.Labels)
	for _, own := range admission.ControllerLabels {
		delete(labels, own)
	}
	annotations := maps.Clone(p.Annotations)
	delete(annotations, facts.LastAppliedAnnotation)
	return admission.Template{
		Object: "Pod " + p.Namespace + "/" + p.Name, Namespace: p.Namespace,
		Labels: labels, Annotations: annotations, Account: p.Spec.ServiceAccountName,
	}
}

// mayNotList records the gap of a list that the caller is not allowed to read.
func (c *collector) mayNotList(ctx context.Context, r Rule) bool {
	if c.opts.Namespace != "" {
		ok, _ := c.mayIn(ctx, r, c.opts.Namespace)
		if ok {
			return false
		}
		r = r.In(c.opts.Namespace)
	}
	return c.forbidden(ctx, r, allShapes)
}

// withAccounts adds to each template what its service account has, and the accounts that have
// something which no template uses.
func withAccounts(templates []admission.Template, accounts map[string]*corev1.ServiceAccount) []admission.Template {
	used := map[string]bool{}
	for i := range templates {
		t := &templates[i]
		key := t.Namespace + "/" + t.Account
		if t.Account == "" {
			key += "default"
		}
		used[key] = true
		if account := accounts[key]; account != nil {
			t.AccountLabels, t.AccountAnnotations = account.Labels, account.Annotations
		}
	}
	for _, key := range slices.Sorted(maps.Keys(accounts)) {
		account := accounts[key]
		if used[key] || len(account.Annotations) == 0 && len(account.Labels) == 0 {
			continue
		}
		templates = append(templates, admission.Template{
			Object: "ServiceAccount " + key, Namespace: account.Namespace, Account: account.Name, Bare: true,
			AccountLabels: account.Labels, AccountAnnotations: account.Annotations,
		})
	}
	return templates
}
