package print

import (
	"strconv"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// findingNode is a group of findings.
func findingNode(f htmlFinding) *html.Node {
	dl := el("dl")
	if n := len(f.Objects); n > 0 {
		add(dl, el("dt", "on"+howMany(f.Objects)))
		add(dl, el("dd", nameList(f.Objects, "object")))
	}
	if len(f.Because) > 0 {
		add(dl, el("dt", "because"))
		add(dl, el("dd", codes(f.Because)))
	}
	evidenceNodes(dl, f.Evidence)
	add(dl, el("dt", "fix"))
	add(dl, el("dd", class("fix"), stepNodes(f.Steps)))
	return el("div", class("finding"), el("p", class("message"), sentence(f.Message)), dl)
}

func evidenceNodes(dl *html.Node, list []string) {
	if len(list) > 0 {
		add(dl, el("dt", "evidence"))
		add(dl, el("dd", codeList("evidence", list)))
	}
}

// holeNode is what could not be seen; what was explained above is only named.
func holeNode(h htmlHole) *html.Node {
	message := el("p", class("message"), "Not seen: "+h.Kind)
	if h.Above != "" {
		for _, n := range []*html.Node{el("span", " (see "), el("a", attribute{"href", "#" + h.Above}, h.Above), el("span", " above)")} {
			add(message, n)
		}
		return el("div", class("hole"), message)
	}
	dl := el("dl")
	if len(h.Scopes) > 0 {
		add(dl, el("dt", "of"))
		add(dl, el("dd", nameList(h.Scopes, "instance")))
	}
	add(dl, el("dt", "why"))
	add(dl, el("dd", sentence(h.Why)))
	if h.Remedy.Text != "" {
		add(dl, el("dt", "remedy"))
		add(dl, el("dd", class("fix"), stepNodes([]checks.Step{remedyStep(h.Remedy)})))
	}
	return el("div", class("hole"), message, dl)
}

// explainNode leads to the page of a check.
func explainNode(id string) *html.Node {
	return el("p", class("see"), "More: ", el("code", "kubectl sidecar explain "+id))
}

func waiverSection(r *report.Report) *html.Node {
	if len(r.Waivers) == 0 {
		return nil
	}
	states := map[report.WaiverState]string{report.Expired: "warning", report.Invalid: "warning", report.Unused: "skipped"}
	var rows [][]*html.Node
	for _, w := range r.Waivers {
		kind := states[w.State]
		if kind == "" {
			kind = "waived"
		}
		rows = append(rows, []*html.Node{
			el("td", el("span", class("badge "+kind), string(w.State)), " "+string(w.Action)), el("td", codeOr(w.Check)), el("td", el("code", orAll(w.Object))),
			el("td", sentence(w.Reason)), el("td", class("short"), dash(w.Until)), el("td", strconv.Itoa(w.Count)), el("td", codeOr(w.Source)),
		})
	}
	return el("section", el("h2", "Waivers"),
		htmlTable(nil, []string{"waiver", "check", "object", "reason", "until", "covers", "written in"}, rows))
}

// codeOr is code, or a dash for nothing.
func codeOr(text string) any {
	if text == "" {
		return "-"
	}
	return el("code", text)
}

func webhookSection(r *report.Report) *html.Node {
	if len(r.Webhooks) == 0 {
		return nil
	}
	var rows [][]*html.Node
	for _, w := range r.Webhooks {
		rows = append(rows, []*html.Node{
			el("td", webhookOrder(w)), el("td", el("code", w.Name)), el("td", el("span", class("badge "+harmOf(w.Result)), w.Result)),
			el("td", dash(w.Proof)), el("td", strconv.Itoa(w.Namespaces)), el("td", codeOr(w.Backend)),
			el("td", class("short"), dash(w.FailurePolicy)), el("td", class("short"), dash(w.SideEffects)), el("td", webhookTimeout(w)),
		})
	}
	caption := sentence("In the order in which the API server calls them, with what each does to restartPolicy of a native sidecar")
	return el("section", el("h2", "Mutating webhooks and policies"), htmlTable(caption,
		[]string{"order", "webhook", "does", "known by", "namespaces", "backend", "failure policy", "side effects", "timeout"}, rows))
}
