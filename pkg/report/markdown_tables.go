package report

import (
	"fmt"
	"strconv"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
)

// webhooks is the table of `kubectl sidecar webhooks`.
func (m *markdownPage) webhooks(r *Report) {
	if len(r.Webhooks) == 0 {
		return
	}
	rows := [][]string{{"order", "webhook", "what it does to the field", "known by", "namespaces", "backend", "failure policy", "side effects", "timeout"}}
	for _, w := range r.Webhooks {
		rows = append(rows, []string{
			webhookOrder(w), codeSpan(w.Name), prose(w.Result), proseOrDash(w.Proof), strconv.Itoa(w.Namespaces),
			codeOrDash(w.Backend), proseOrDash(w.FailurePolicy), proseOrDash(w.SideEffects), webhookTimeout(w),
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

func (m *markdownPage) waivers(r *Report) {
	if len(r.Waivers) == 0 {
		return
	}
	rows := [][]string{{"waiver", "check", "object", "reason", "until", "covers", "written in"}}
	for _, w := range r.Waivers {
		rows = append(rows, []string{
			prose(string(w.Action)) + ", " + prose(string(w.State)), codeSpan(w.Check), codeSpan(orAll(w.Object)), prose(w.Reason),
			proseOrDash(w.Until), strconv.Itoa(w.Count), codeSpan(w.Source),
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
func (m *markdownPage) waived(r *Report) {
	n := 0
	for _, e := range r.Checks {
		for _, line := range waivedLines(e) {
			if n == 0 {
				m.fold(false, "What does not count")
			}
			n++
			m.line("- %s: %s", codeSpan(e.ID), prose(line))
		}
	}
	if n > 0 {
		m.unfold()
	}
}

// checks lists all of them.
func (m *markdownPage) checks(r *Report) {
	if len(r.Checks) == 0 {
		return
	}
	rows := [][]string{{"", "check", "what holds when it passes", "tried"}}
	for _, e := range r.Checks {
		rows = append(rows, []string{emojiOf(e) + " " + prose(string(e.Status)), codeSpan(e.ID), prose(e.Title), proseOrDash(e.Tried)})
	}
	m.fold(false, "All "+number(len(r.Checks), "check"))
	m.table(rows)
	m.unfold()
}
