package print

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// PlanFormats are the output formats of a plan, the default first.
var PlanFormats = []string{"text", "wide", "json", "yaml", "html"}

// Plan writes a plan. story tells the whole story of each workload instead of one line.
func Plan(w io.Writer, p *plan.Plan, format string, story bool) error {
	p, err := cleanPlan(p)
	if err != nil {
		return err
	}
	switch format {
	case "html":
		return planDocument(w, p)
	case "json":
		return encodeJSON(w, p)
	case "yaml":
		return encodeYAML(w, "the plan", p)
	}
	var lines []string
	if story {
		for i := range p.Rows {
			lines = append(lines, planStory(&p.Rows[i])...)
		}
	} else {
		lines = planWaves(p, format == "wide")
	}
	if story && len(p.Rows) == 0 {
		lines = append(lines, planSummary(p))
	}
	lines = append(append(lines, planGaps(p)...), planLimits(p)...)
	_, err = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// cleanPlan is a copy in which every text is harmless on a terminal: see escaped. Rows are copied one by one, since a big
// cluster has many.
func cleanPlan(p *plan.Plan) (*plan.Plan, error) {
	head := *p
	head.Rows = nil
	out := &plan.Plan{}
	if err := cleanCopy(&head, out); err != nil {
		return nil, err
	}
	out.Rows = make([]plan.Row, len(p.Rows)) // never null
	for i := range p.Rows {
		if out.Rows[i] = p.Rows[i]; harmlessRow(&p.Rows[i]) {
			continue
		}
		out.Rows[i] = plan.Row{}
		if err := cleanCopy(&p.Rows[i], &out.Rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// harmlessRow reports whether there is nothing to escape in a row: nothing but ASCII that can be seen, and no instruction
// to a CI service. Nearly all rows are so, and need no copy.
func harmlessRow(r *plan.Row) bool {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if e.Encode(r) != nil || bytes.Contains(text.Bytes(), []byte("::")) || bytes.Contains(text.Bytes(), []byte("##")) {
		return false
	}
	all := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	for i := 0; i < len(all); i++ {
		switch c := all[i]; {
		case c < ' ' || c > '~':
			return false
		case c == '\\':
			if i++; all[i] != '"' && all[i] != '\\' {
				return false
			}
		}
	}
	return true
}

// cleanCopy copies one document of JSON to another of the same type.
func cleanCopy(from, to any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err
	}
	if raw, err = json.Marshal(cleanTree(tree)); err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

func cleanTree(value any) any {
	switch v := value.(type) {
	case string:
		return block(v)
	case []any:
		for i := range v {
			v[i] = cleanTree(v[i])
		}
	case map[string]any:
		for key, inner := range v {
			v[key] = cleanTree(inner)
		}
	}
	return value
}

var waveTitles = map[plan.Wave]string{
	plan.CronJobs: "CronJobs: a change counts from the next run", plan.Jobs: "Jobs: a Job has to be replaced",
	plan.Deployments: "Deployments: a rollout each", plan.StatefulSets: "StatefulSets: a rollout each, one pod after the other",
	plan.DaemonSets: "DaemonSets: a rollout on every node", plan.Last: "Not yet: something has to be done first",
}

func planSummary(p *plan.Plan) string {
	looked := prose.Counted(p.Looked, "workload") + " looked at"
	if len(p.Rows) == 0 {
		return looked + ": nothing to move"
	}
	var parts []string
	for _, s := range []plan.Status{plan.Ready, plan.Ask, plan.Unknown, plan.Blocked, plan.Done} {
		if n := p.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, statusWords[s]))
		}
	}
	return looked + ": " + strings.Join(parts, ", ")
}

var statusWords = map[plan.Status]string{
	plan.Ready: "ready to move", plan.Ask: "to ask about", plan.Unknown: "unknown", plan.Blocked: "not possible yet", plan.Done: "native already, with a workaround left",
}

// planWaves is one line for each workload.
func planWaves(p *plan.Plan, wide bool) []string {
	out := []string{planSummary(p)}
	for _, wave := range plan.Waves {
		header := []string{"WORKLOAD", "SIDECAR", "GAIN", "CAN IT MOVE", "OWNER"}
		if wide {
			header = append(header, "NODES", "WEBHOOKS", "SCHEMA", "ALSO CHANGES")
		}
		rows := [][]string{header}
		for i := range p.Rows {
			r := &p.Rows[i]
			if r.Wave != wave {
				continue
			}
			cells := []string{r.Kind + " " + r.Namespace + "/" + r.Name, planSidecars(r), dash(gainWords(r.Gains)), planAnswer(r), ownerWords(r.Owner)}
			if wide {
				cells = append(cells, nodeWords(r.Nodes), string(r.Admission), string(r.Keeps), dash(changeWords(r)))
			}
			rows = append(rows, cells)
		}
		if len(rows) > 1 {
			out = append(append(out, "", waveTitles[wave]), table(rows)...)
		}
	}
	return out
}

func planSidecars(r *plan.Row) string {
	var out []string
	for _, s := range r.Sidecars {
		l := s.Name
		if len(s.Signals) > 0 {
			l += " (" + signalWords(s.Signals[0]) + ")"
		}
		out = append(out, l)
	}
	for i := range r.Injected {
		out = append(out, r.Injected[i].Name+" ("+injectedBy(&r.Injected[i])+")")
	}
	return dash(prose.Some(out, 2))
}

func signalWords(s roles.Signal) string {
	by := s.By
	if by == "" {
		by = "somebody"
	}
	return map[roles.SignalKind]string{
		roles.KnownSoftware: "known software", roles.CalledByMain: "called by " + by, roles.FollowsFiles: "follows files of " + by,
		roles.FilesWritten: by + " writes its files", roles.Awaited: by + " waits for it", roles.StoppedByMain: by + " stops it",
		roles.ServerInJob: "a server in a Job", roles.NotDefault: by + " is the default container", roles.InitTwin: "twin of init container " + by,
		roles.FeedsFiles: by + " reads its files", roles.NamedSo: "its name", roles.NeverExits: "an init container that never exits",
	}[s.Kind]
}

func gainWords(list []plan.Gain) string {
	words := map[plan.Gain]string{
		plan.JobEnds: "the Job completes", plan.StartOrder: "starts first", plan.DrainOrder: "stops last", plan.ExitCode: "the exit code counts",
		plan.Unsticks: "the pod starts", plan.Cleaner: "a workaround goes",
	}
	var out []string
	for _, g := range list {
		out = append(out, words[g])
	}
	return strings.Join(out, ", ")
}

func planAnswer(r *plan.Row) string {
	switch r.Status {
	case plan.Ready:
		return "yes"
	case plan.Ask:
		var names []string
		for _, s := range r.Sidecars {
			if s.Role == roles.Ask || s.Trusted < 2 {
				names = append(names, s.Name)
			}
		}
		return "if " + prose.List(names, "and") + map[bool]string{true: " is a sidecar", false: " are sidecars"}[len(names) == 1]
	case plan.Done:
		return "native already"
	}
	var out []string
	for _, b := range r.Blocks {
		out = append(out, blockWords(b))
	}
	return prose.Some(out, 2)
}

// blockWords is whether the row can be moved, as one block decides it.
func blockWords(b plan.Block) string {
	verdict := "no: "
	switch {
	case b.Open:
		verdict = "unknown: "
	case b.Kind == plan.ByInjector, b.Kind == plan.InjectorSetting:
		verdict = "by its injector: "
	}
	return verdict + BlockText(b)
}

// BlockText is what stands in the way of native sidecars, in a few words.
func BlockText(b plan.Block) string {
	names, nodes, servers := prose.Some(b.Names, 2), "the nodes were not seen", "the API servers were not seen"
	if len(b.Names) > 0 {
		nodes = "the gate of " + prose.Counted(len(b.Names), "node") + " was not read" + byDefault(b)
	}
	if b.Version != "" {
		servers = "the gate of the API server was not read" + byDefault(b)
	}
	return map[plan.BlockKind]string{
		plan.OldNodes: prose.Counted(len(b.Names), "node") + " cannot run them", plan.OldServer: "the API server drops the field",
		plan.Webhook: "stripped by " + names, plan.Schema: "the schema of " + names + " prunes it", plan.WrapperWaits: "kubexit waits for " + names,
		plan.ByInjector: names, plan.InjectorSetting: names, plan.InjectorUnread: "no canary tells how " + names + " is injected", plan.LeftToKind: "its kind has sidecars of its own",
		plan.NodesUnread: nodes, plan.ServerUnread: servers,
		plan.WebhookUnread: "no canary tells", plan.SchemaUnread: "the schema of " + names + " was not seen",
	}[b.Kind]
}

// byDefault is what a version does when nobody sets the gate.
func byDefault(b plan.Block) string {
	on, known := b.Default()
	if !known {
		return ""
	}
	return fmt.Sprintf(", and %s has it %s by default", b.Version, map[bool]string{true: "on", false: "off"}[on])
}

// Unblock says what to do about a block.
func Unblock(b plan.Block) string {
	names := prose.Some(b.Names, 3)
	switch b.Kind {
	case plan.OldNodes:
		return fmt.Sprintf("Upgrade the kubelets of %s to 1.29 or later (the oldest has %s), or keep the pods away from there: %s", prose.Counted(len(b.Names), "node"), b.Version, names)
	case plan.OldServer:
		return "Upgrade the API servers to 1.29 or later, or switch the gate SidecarContainers on (" + b.Version + "): kubectl sidecar doctor"
	case plan.Webhook:
		return "Update " + names + ", which strips the field: kubectl sidecar explain webhook-strips-restart-policy"
	case plan.Schema:
		if b.Version != "" {
			return fmt.Sprintf("Update %s to %s or later, whose CustomResourceDefinition %s keeps the field", b.How, b.Version, names)
		}
		return "Update the CustomResourceDefinition " + names + ": its schema has no restartPolicy for init containers"
	case plan.WrapperWaits:
		return "Take kubexit out on all sides as well: it waits for a container status that a native sidecar does not have. kubectl sidecar convert --remove-workarounds does both"
	case plan.ByInjector:
		return "Do not move " + names + " by hand: a webhook puts it into pods. Set " + b.How
	case plan.InjectorSetting, plan.InjectorUnread:
		if b.How == "" {
			return "Ask who runs the webhook that adds " + names + " whether it can be a native sidecar"
		}
		return "Let the injector of " + names + " make it native: " + b.How
	case plan.LeftToKind:
		return "Leave it to its controller"
	}
	if b.Why != "" {
		return "Not known, because " + prose.Clause(b.Why) + ". See what else was not read: kubectl sidecar doctor"
	}
	return "See what was not read: kubectl sidecar doctor"
}

func ownerWords(o *plan.Owner) string {
	if o == nil {
		return "-"
	}
	return strings.TrimSpace(o.Tool + " " + o.Name)
}

func nodeWords(n plan.Nodes) string {
	if n.Count == 0 {
		return "none seen"
	}
	return fmt.Sprintf("%s, the oldest kubelet has %s", prose.Counted(n.Count, "node"), dash(n.Oldest))
}

func changeWords(r *plan.Row) string {
	var out []string
	for _, s := range r.Sidecars {
		for _, o := range s.Changes {
			if w := obstacleWords(o.Kind); !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	for _, x := range r.References {
		if w := referenceWords(x); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, w := range r.Workarounds {
		out = append(out, "workaround "+string(w.Kind))
	}
	return strings.Join(out, ", ")
}

// referenceWords say who means a sidecar, and what of that changes.
func referenceWords(x plan.Reference) string {
	switch x.Kind {
	case plan.ScalesBy:
		return x.Object + " names " + x.Container
	case plan.NamesPort:
		return x.Object + " names port " + x.Port + " of " + x.Container + ", which is found from 1.33 on"
	case plan.ScrapesPort:
		return x.Object + " names port " + x.Port + " of " + x.Container
	}
	return x.Container + " is the default container of kubectl logs and exec"
}

func obstacleWords(k roles.ObstacleKind) string {
	return map[roles.ObstacleKind]string{
		roles.PreStopQuits: "a preStop hook that stops it too early", roles.PreStopSleeps: "a preStop hook that only delays the end",
		roles.NamedPort: "a named port, which Services find from 1.33 on", roles.FailurePolicy: "a podFailurePolicy that also matches how it is stopped",
		roles.LastMain: "no regular container is left", roles.InitOrder: "an init container that writes what it reads, behind one that needs it", roles.WrapperStays: "a wrapper that waits for it", roles.InjectorsOwn: "its injector",
	}[k]
}

func planGaps(p *plan.Plan) []string {
	var out []string
	for _, g := range p.Gaps {
		about := strings.TrimSpace(fmt.Sprintf("%s %s", g.Kind, g.Scope))
		out = append(out, fmt.Sprintf("? %s: %s", about, g.Reason), "  -> "+strings.ReplaceAll(g.Remedy, "\n", "\n     "))
	}
	if len(out) > 0 {
		out = append([]string{"", "Not read, and so unknown:"}, out...)
	}
	return out
}

// planLimits are what no plan sees.
func planLimits(p *plan.Plan) []string {
	if len(p.Limits) == 0 {
		return nil
	}
	out := []string{"", "Not in the plan:"}
	for _, l := range p.Limits {
		out = append(out, "- "+l)
	}
	return out
}
