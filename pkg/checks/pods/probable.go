package pods

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A Probable is a root cause that a file does not prove, because it does not say when it was taken.
type Probable struct {
	// Check is the id of the check that would have found it.
	Check string `json:"check"`
	// CertainIf is what would make it the root cause.
	CertainIf checks.CertainIf `json:"certainIf"`
	// Else is what it is otherwise; nil for nothing that a check would find.
	Else *Probable `json:"else,omitempty"`
}

// rootOverTime is the root cause of findings, some of which are candidates. doubt is nil where it is certain:
// at whatever moment from newest on the file was taken, it is the same. Otherwise it is the first that there is, and
// doubt says when it is that, and what else there may be.
func rootOverTime(newest time.Time, findings, above []Symptom) (root Symptom, doubt *Probable) {
	turns := turnsOf(newest, slices.Concat(findings, above))
	end := &doubt
	for i := 0; i < len(turns); {
		r := rootHeld(turns[i], findings, above)
		from := i
		for i++; i < len(turns) && rootHeld(turns[i], findings, above).Check == r.Check; {
			i++
		}
		switch {
		case r.Check == "":
			continue
		case from == 0 && i == len(turns):
			return r, nil
		case doubt == nil:
			root = r
		}
		p := &Probable{Check: r.Check}
		if from > 0 {
			p.CertainIf.Since, p.CertainIf.For.Duration = metav1.NewTime(newest), turns[from].Sub(newest)
		}
		if i < len(turns) {
			p.CertainIf.TakenBefore = metav1.NewTime(turns[i])
		}
		*end, end = p, &p.Else
	}
	return root, doubt
}

// rootHeld is the root cause when the file was taken at a moment; zero when there is none.
func rootHeld(at time.Time, findings, above []Symptom) Symptom {
	held := heldAt(at, findings)
	if len(held) == 0 {
		return Symptom{}
	}
	return rootOf(held, heldAt(at, above))
}

// turnsOf are the moments at which it may turn out what candidates are, the newest time of the file first.
func turnsOf(newest time.Time, list []Symptom) []time.Time {
	out := []time.Time{newest}
	for _, f := range list {
		if c := f.CertainIf; c != nil {
			out = append(out, newest.Add(c.For.Duration))
			if !c.TakenBefore.IsZero() {
				out = append(out, c.TakenBefore.Time)
			}
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// heldAt are what is found when the file was taken at a moment.
func heldAt(at time.Time, list []Symptom) []Symptom {
	return slices.DeleteFunc(slices.Clone(list), func(f Symptom) bool {
		c := f.CertainIf
		return c != nil && (at.Before(c.Since.Add(c.For.Duration)) || !c.TakenBefore.IsZero() && !at.Before(c.TakenBefore.Time))
	})
}

// doubt makes of the diagnosis of a root cause that of a probable one.
func (d *Diagnosis) doubt(by *Probable) {
	if d.Probably == nil {
		d.RootCause, d.Probably = "", by
		return
	}
	// One of several pods: what is certain of all of them is certain of the last.
	c, of := &d.Probably.CertainIf, by.CertainIf
	if of.For.Duration > c.For.Duration {
		c.Since, c.For = of.Since, of.For
	}
	if !of.TakenBefore.IsZero() && (c.TakenBefore.IsZero() || of.TakenBefore.Before(&c.TakenBefore)) {
		c.TakenBefore = of.TakenBefore
	}
}

// words are "probably ID: certain if …, else probably ID: certain if …".
func (p *Probable) words() string {
	text := "probably " + p.Check + ": " + p.CertainIf.String()
	if p.Else != nil {
		text += ", else " + p.Else.words()
	}
	return text
}

// sayProbably puts into words what is probable, and how to make it certain.
func (d *Diagnosis) sayProbably() {
	d.Message = d.Probably.words() + "; " + d.Message
	d.Steps = append([]checks.Step{{
		Text:    "See whether it is so by now, or say when the file was taken with --taken-at. If it is, do what follows:",
		Command: prose.Shell("kubectl sidecar why %s -n %s", d.Pods[0], d.Object.Namespace),
	}}, d.Steps...)
	d.Fix = checks.FixOf(d.Steps)
}
