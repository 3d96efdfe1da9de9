package collect

import (
	"context"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A referrer is a kind of objects that mean containers by name; ports is set for those that do by the name of a port.
type referrer struct {
	group, version, resource, kind string
	ports                          bool
	// custom is set where the cluster may not have it.
	custom bool
}

var referrers = []referrer{
	{group: "autoscaling", version: "v2", resource: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler"},
	{group: "autoscaling.k8s.io", version: "v1", resource: "verticalpodautoscalers", kind: "VerticalPodAutoscaler", custom: true},
	{version: "v1", resource: "services", kind: "Service", ports: true},
	{group: "monitoring.coreos.com", version: "v1", resource: "podmonitors", kind: "PodMonitor", ports: true, custom: true},
	{group: "monitoring.coreos.com", version: "v1", resource: "servicemonitors", kind: "ServiceMonitor", ports: true, custom: true},
}

func (r referrer) rule() Rule {
	return Rule{PolicyRule: rule("list", r.group, r.resource), Kind: facts.Referrers, Why: "see what else means a sidecar by its name, or by that of a port"}
}

// ReferenceRules are the rights that [References] needs.
func ReferenceRules() []Rule {
	var out []Rule
	for _, r := range referrers {
		out = append(out, r.rule())
	}
	return out
}

func (r referrer) apiVersion() string {
	if r.group == "" {
		return r.version
	}
	return r.group + "/" + r.version
}

// References reads what may mean containers by name, each kind with one list: autoscalers, and where ports is set also
// Services and monitors. What is not installed is not there; what could not be read is a gap. The ledger is never nil.
func References(ctx context.Context, o Options, autoscalers, ports bool, take func(map[string]any)) ([]facts.Gap, *Ledger, error) {
	c, err := newCollector(o)
	if err != nil {
		return nil, &Ledger{}, err
	}
	ctx, cancel := c.opts.bounded(ctx)
	defer cancel()
	served := map[string]bool{}
	for _, r := range referrers {
		if r.ports && !ports || !r.ports && !autoscalers {
			continue
		}
		if _, known := served[r.apiVersion()]; r.custom && !known {
			served[r.apiVersion()] = c.mayBeServed(ctx, r.apiVersion())
		}
		if r.custom && !served[r.apiVersion()] {
			continue
		}
		c.readReferrer(ctx, r, take)
	}
	if broken := c.broken.get(); broken != nil {
		return nil, c.ledger, broken
	}
	return c.snapshot.Gaps, c.ledger, nil
}

// mayBeServed reports whether the cluster has a version of a group, or does not say.
func (c *collector) mayBeServed(ctx context.Context, apiVersion string) bool {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	var resources metav1.APIResourceList
	a, ok := answered(c.readJSON(ctx, "/apis/"+apiVersion, &resources))
	return !ok || a.Code != http.StatusNotFound
}

func (c *collector) readReferrer(ctx context.Context, r referrer, take func(map[string]any)) {
	about := facts.Instance{Kind: "Kind", Name: r.resource}
	c.step("what means sidecars", 0, 0)
	if c.mayNotListWorkloads(ctx, r.rule(), about) {
		return
	}
	err := c.listObjects(ctx, r.apiVersion(), c.opts.Namespace, r.resource, func(object map[string]any) {
		object["kind"] = r.kind // items of a list lack it
		take(object)
	})
	if a, ok := answered(err); ok && a.Code == http.StatusNotFound {
		return
	}
	if err != nil {
		c.failed(ctx, r.rule(), about, err)
	}
}
