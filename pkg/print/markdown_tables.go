package print

import (
	"fmt"
	"strconv"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// webhooks is the table of `kubectl sidecar webhooks`.
func (m *markdownPage) webhooks(r *report.Report) {
	if len(r.Webhooks) == 0 {
		return
	}
	rows := [][]string{{"order", "webhook", "what it does to the field", "known by", "namespaces", "backend", "failure policy", "side effects", "timeout"}}
	for _, w := range r.Webhooks {
		rows = append(rows, []string{
			webhookOrder(w), codeSpan(w.Name), mdText(w.Result), mdTextOrDash(w.Proof), strconv.Itoa(w.Namespaces),
			codeOrDash(w.Backend), mdTextOrDash(w.FailurePolicy), mdTextOrDash(w.SideEffects), webhookTimeout(w),
		})
	}
	m.line("### Mutating webhooks and policies")
	m.line("")
	m.table(rows)
	m.end()
}

// webhookOrder is the place of a webhook in the order of calls.
func webhookOrder(w cluster.WebhookRow) string {
	if w.Order == 0 {
		return "policy"
	}
	return strconv.Itoa(w.Order)
}

func webhookTimeout(w cluster.WebhookRow) string {
	if w.TimeoutSeconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%ds", w.TimeoutSeconds)
}

func (m *markdownPage) waivers(r *report.Report) {
	if len(r.Waivers) == 0 {
		return
	}
	rows := [][]string{{"waiver", "check", "object", "reason", "until", "covers", "written in"}}
	for _, w := range r.Waivers {
		rows = append(rows, []string{
			mdText(string(w.Action)) + ", " + mdText(string(w.State)), codeSpan(w.Check), codeSpan(orAll(w.Object)), mdText(w.Reason),
			mdTextOrDash(w.Until), strconv.Itoa(w.Count), codeSpan(w.Source),
		})
	}
	m.line("### Waivers")
	m.line("")
	m.table(rows)
	m.end()
	m.waived(r)
}

// orAll is what a waiver without an object is limited to.
func orAll(object string) string {
	if object == "" {
		return "all"
	}
	return object
}

// waived is what does not count.
func (m *markdownPage) waived(r *report.Report) {
	n := 0
	for _, e := range r.Checks {
		for _, line := range waivedLines(e) {
			if n == 0 {
				m.fold(false, "What does not count")
			}
			n++
			m.line("- %s: %s", codeSpan(e.ID), mdText(line))
		}
	}
	if n > 0 {
		m.unfold()
	}
}

// checks lists all of them.
func (m *markdownPage) checks(r *report.Report) {
	if len(r.Checks) == 0 {
		return
	}
	rows := [][]string{{"", "check", "what holds when it passes", "checked"}}
	for _, e := range r.Checks {
		rows = append(rows, []string{emojiOf(e) + " " + mdText(string(e.Status)), codeSpan(e.ID), mdText(e.Title), mdTextOrDash(e.Tried)})
	}
	m.fold(false, "All "+prose.Counted(len(r.Checks), "check"))
	m.table(rows)
	m.unfold()
}
