package convert

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// waiting are workarounds that wait for the sidecar: without them, a startupProbe has to.
var waiting = []roles.WorkaroundKind{roles.WaitLoop, roles.FixedSleep, roles.PostStartWait, roles.Scuttle, roles.LinkerdAwait}

// takeOut takes out the workarounds around what becomes a native sidecar, or is one, each as a whole.
func (p *Plan) takeOut(j *roles.Judgment, o Options) {
	var out edits
	for _, w := range j.Workarounds {
		if !p.concerns(j, w) {
			if w.Kind == roles.SharedProcesses {
				out.processes = true
			}
			continue
		}
		left := p.left(j, w, o)
		p.Removed = append(p.Removed, Removed{Workaround: w, Left: left})
		if left != "" {
			out.processes = out.processes || w.Kind == roles.SharedProcesses
			continue
		}
		for _, e := range w.Edits {
			out.add(e)
		}
	}
	for _, key := range out.order {
		e := out.whole(key)
		switch {
		case key == "shareProcessNamespace" && out.processes: // something else that stays needs it
		case e.New == nil:
			p.Change.Drops = append(p.Change.Drops, edit.Drop{Path: e.Path})
		default:
			p.Change.Sets = append(p.Change.Sets, edit.Set{Path: e.Path, Value: asBefore(e)})
		}
	}
}

// edits are those of several workarounds: some are of the same script.
type edits struct {
	order  []string
	byPath map[string]roles.Edit
	cuts   map[string][]string
	// processes is set where something that stays needs shared processes.
	processes bool
}

func (s *edits) add(e roles.Edit) {
	if s.byPath == nil {
		s.byPath, s.cuts = map[string]roles.Edit{}, map[string][]string{}
	}
	key := strings.Join(e.Path, "/")
	before, there := s.byPath[key]
	if !there {
		s.order = append(s.order, key)
	}
	if e.Cut != "" {
		s.cuts[key] = append(s.cuts[key], e.Cut)
		e.New = e.Old
	}
	if !there || shorter(e, before) {
		s.byPath[key] = e
	}
}

// whole is everything that becomes of a field.
func (s *edits) whole(key string) roles.Edit {
	e := s.byPath[key]
	for _, cut := range s.cuts[key] {
		if text, ok := e.New.(string); ok {
			e.New = roles.WithoutCut(text, cut)
		}
	}
	return e
}

// shorter reports whether an edit of a script takes more of it out than another: the call that stops the sidecar is
// taken out together with the loop that waits for it.
func shorter(e, than roles.Edit) bool {
	a, okA := e.New.(string)
	b, okB := than.New.(string)
	return okA && okB && len(a) < len(b)
}

// asBefore ends a script as the old one ends.
func asBefore(e roles.Edit) any {
	value, ok := e.New.(string)
	if old, _ := e.Old.(string); ok && strings.HasSuffix(old, "\n") && !strings.HasSuffix(value, "\n") {
		return value + "\n"
	}
	return e.New
}

// concerns reports whether a workaround is about a container that becomes a native sidecar, or is one.
func (p *Plan) concerns(j *roles.Judgment, w roles.Workaround) bool {
	if w.Stale {
		return true
	}
	return slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Container == w.Sidecar })
}

// left is why a workaround stays.
func (p *Plan) left(j *roles.Judgment, w roles.Workaround, o Options) Left {
	switch {
	case p.waits(j, w) && !p.probed(j, w.Sidecar):
		return StillNeeded
	case !w.Understood || len(w.Edits) == 0:
		return NotUnderstood
	case !o.RemoveWorkarounds:
		return NotAsked
	}
	return ""
}

// waits reports whether a workaround waits for the sidecar, or is in one script with a loop that does.
func (p *Plan) waits(j *roles.Judgment, w roles.Workaround) bool {
	if slices.Contains(waiting, w.Kind) || w.Kind == roles.MarkerFile && j.WaitsForFile(w.Container, w.Sidecar) {
		return true
	}
	return slices.ContainsFunc(j.Workarounds, func(o roles.Workaround) bool {
		return slices.Contains(waiting, o.Kind) && slices.ContainsFunc(o.Edits, func(a roles.Edit) bool {
			return slices.ContainsFunc(w.Edits, func(b roles.Edit) bool { return b.Cut == "" && slices.Equal(a.Path, b.Path) })
		})
	})
}

// probed reports whether a startupProbe says when the sidecar is there.
func (p *Plan) probed(j *roles.Judgment, name string) bool {
	if c := j.Container(name); c != nil && c.StartupProbe != nil {
		return true
	}
	return slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Container == name && m.Probe != nil })
}
