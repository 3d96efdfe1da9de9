package convert

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

// waiting are workarounds that wait for the sidecar: without them, a startupProbe has to.
var waiting = []roles.WorkaroundKind{roles.WaitLoop, roles.FixedSleep, roles.PostStartWait}

// takeOut takes out the workarounds around what becomes a native sidecar, or is one, each as a whole.
func (p *Plan) takeOut(j *roles.Judgment, o Options) {
	byPath := map[string]roles.Edit{}
	var order []string
	for _, w := range j.Workarounds {
		if !p.concerns(j, w) {
			continue
		}
		left := p.left(j, w, o)
		p.Removed = append(p.Removed, Removed{Workaround: w, Left: left})
		if left != "" {
			continue
		}
		for _, e := range w.Edits {
			key := strings.Join(e.Path, "/")
			before, there := byPath[key]
			if !there {
				order = append(order, key)
			}
			if !there || shorter(e, before) {
				byPath[key] = e
			}
		}
	}
	for _, key := range order {
		e := byPath[key]
		if e.New == nil {
			p.Change.Drops = append(p.Change.Drops, edit.Drop{Path: e.Path})
			continue
		}
		p.Change.Sets = append(p.Change.Sets, edit.Set{Path: e.Path, Value: asBefore(e)})
	}
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
	case !w.Understood || len(w.Edits) == 0:
		return NotUnderstood
	case !o.RemoveWorkarounds:
		return NotAsked
	case p.waits(j, w) && !p.probed(j, w.Sidecar):
		return StillNeeded
	}
	return ""
}

// waits reports whether a workaround waits for the sidecar, or is in one script with a loop that does.
func (p *Plan) waits(j *roles.Judgment, w roles.Workaround) bool {
	if slices.Contains(waiting, w.Kind) {
		return true
	}
	return slices.ContainsFunc(j.Workarounds, func(o roles.Workaround) bool {
		return slices.Contains(waiting, o.Kind) && slices.ContainsFunc(o.Edits, func(a roles.Edit) bool {
			return slices.ContainsFunc(w.Edits, func(b roles.Edit) bool { return slices.Equal(a.Path, b.Path) })
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
