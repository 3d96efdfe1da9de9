package collect

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// countCalls is the right to see whether webhooks that fail open were reached.
var countCalls = Rule{
	PolicyRule: readMetrics.PolicyRule, Optional: true, NoGap: true,
	Kind: facts.WebhookBackends,
	Why:  "see whether the API server reaches webhooks with failurePolicy Ignore, and accepts their certificates",
}

// The families in which an API server counts its calls of webhooks (k8s.io/apiserver pkg/admission/metrics), in
// the order of the page.
const (
	familyFailedOpen = "apiserver_admission_webhook_fail_open_count"
	familyCalls      = "apiserver_admission_webhook_request_total"
)

// calls is what one API server has counted so far, by the webhook's own name.
type calls struct {
	// server tells API servers apart.
	server               string
	answered, failedOpen map[string]int
}

// failingOpen are those that the canaries may meet, "configuration/webhook".
func (c *collector) failingOpen(classes []class) []string {
	var out []string
	for i := range classes {
		for _, call := range classes[i].webhooks {
			if facts.FailsOpen(c.webhook(call)) {
				out = append(out, call.Name())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// counted are the calls that an API server has counted so far; nil where that cannot be read: then nothing
// follows, and the webhooks are asked directly.
func (c *collector) counted(ctx context.Context) *calls {
	if ok, _ := c.may(ctx, countCalls); !ok {
		return nil
	}
	ctx, cancel := c.reading(ctx)
	defer cancel()
	resp, err := c.fetch(ctx, c.http, "/metrics")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	out, err := countedIn(resp)
	if err != nil {
		return nil
	}
	return out
}

func countedIn(resp *http.Response) (*calls, error) {
	var page bytes.Buffer
	if err := readFamilies(&page, resp.Body, familyFailedOpen, familyCalls); err != nil {
		return nil, fmt.Errorf("read /metrics of an API server: %w", err)
	}
	families, err := parse(page.Bytes())
	if err != nil {
		return nil, fmt.Errorf("read /metrics of an API server: %w", err)
	}
	out := &calls{server: resp.Header.Get("Process-Start-Time-Unix"), answered: map[string]int{}, failedOpen: map[string]int{}}
	for _, m := range families[familyFailedOpen].GetMetric() {
		if label(m, "type") == "admit" {
			out.failedOpen[label(m, "name")] += int(value(m))
		}
	}
	for _, m := range families[familyCalls].GetMetric() {
		if label(m, "type") == "admit" && label(m, "operation") == "CREATE" && label(m, "code") == "200" && label(m, "rejected") == "false" {
			out.answered[label(m, "name")] += int(value(m))
		}
	}
	return out, nil
}

// noteCalls writes down what became of the calls of webhooks while the canaries were under way. Both readings have
// to be of one API server, which then is the one that had the canaries: connections are kept. The counters go by
// the webhook's own name, so of two with one name nothing is known.
func (c *collector) noteCalls(before, after *calls, names []string) {
	if before == nil || after == nil || before.server != after.server {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.snapshot.MutatingWebhooks {
		config := &c.snapshot.MutatingWebhooks[i]
		for _, w := range config.Webhooks {
			name := config.Name + "/" + w.Name
			if !slices.Contains(names, name) || c.namesakes(w.Name) > 1 {
				continue
			}
			noted := facts.WebhookCalls{
				Webhook:    name,
				Answered:   after.answered[w.Name] - before.answered[w.Name],
				FailedOpen: after.failedOpen[w.Name] - before.failedOpen[w.Name],
			}
			if noted.Answered > 0 || noted.FailedOpen > 0 {
				c.snapshot.WebhookCalls = append(c.snapshot.WebhookCalls, noted)
			}
		}
	}
}

// namesakes is how many webhooks have a name.
func (c *collector) namesakes(webhook string) int {
	n := 0
	for i := range c.snapshot.MutatingWebhooks {
		for _, w := range c.snapshot.MutatingWebhooks[i].Webhooks {
			if w.Name == webhook {
				n++
			}
		}
	}
	return n
}
