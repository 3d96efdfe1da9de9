package roles

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// roles decides what each container is. First come those that do the work: what speaks for that and against it is
// weighed, because a call alone does not say who is there for whom. Everything else is judged by its direction to them.
func (j *judge) roles() {
	work := j.work()
	for i := range j.Containers {
		c := &j.Containers[i]
		switch {
		case c.native():
			c.Role = Native
		case c.Init:
			c.Role = Init
			if len(c.Signals) > 0 {
				c.Role = Sidecar
			}
		case work[i]:
			c.Role = Main
		}
	}
	for i := range j.Containers {
		c := &j.Containers[i]
		for _, e := range j.Edges {
			if e.Kind == Calls && e.To == c.Name && j.fromWork(e.From, work) && !work[i] {
				j.signal(c, CalledByMain, e.Certainty, e.From, e.Evidence...)
			}
		}
		if c.Role == "" {
			c.Role = j.direction(i, work)
		}
		sortSignals(c.Signals)
	}
	slices.SortStableFunc(j.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(j.place(a.From), j.place(b.From)), cmp.Compare(j.place(a.To), j.place(b.To)),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Port, b.Port), cmp.Compare(a.File, b.File))
	})
}

// direction is the role of a container that does not do the work.
func (j *judge) direction(i int, work map[int]bool) Role {
	c := &j.Containers[i]
	calls, called := j.leads(c.Name, work, false), j.leads(c.Name, work, true)
	switch {
	case software.Exits(c.Container) || j.killer(i) || j.inTurn(i):
		return OneShot
	case calls && called:
		return Ask
	case calls || known.HelperOf(facts.ImageName(c.Image)) != nil && !called:
		return Helper
	case c.Trusted() > 0 && (called || !c.onlyFront()):
		return Sidecar
	}
	return Ask
}

// inTurn reports whether a container exits before another one begins, or begins when another one has exited and is to
// complete itself.
func (j *judge) inTurn(i int) bool {
	name := j.Containers[i].Name
	return slices.ContainsFunc(j.Edges, func(e Edge) bool {
		return e.Kind == Follows && (e.To == name || e.From == name && j.Workload.Completes())
	})
}

// onlyFront reports whether all that is known of a container is that its software usually stands in front of others.
func (c *Container) onlyFront() bool {
	return c.Software != nil && c.Software.Front && c.Trusted() == 1
}

// leads reports whether calls lead from a container to the work, or back from the work to it.
func (j *judge) leads(name string, work map[int]bool, back bool) bool {
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0; queue = queue[1:] {
		for _, e := range j.Edges {
			from, to := e.From, e.To
			if back {
				from, to = to, from
			}
			if from != queue[0] || seen[to] || e.Kind != Calls && e.Kind != Waits {
				continue
			}
			if work[j.place(to)] || back && j.Container(to).Init {
				return true
			}
			seen[to] = true
			queue = append(queue, to)
		}
	}
	return false
}

// fromWork reports whether a container does the work, or is called by it, or prepares it.
func (j *judge) fromWork(name string, work map[int]bool) bool {
	return work[j.place(name)] || j.Container(name).Init || j.leads(name, work, true)
}

// work are the containers that do the work: those with the most weight. There is always one.
func (j *judge) work() map[int]bool {
	out, best := map[int]bool{}, 0
	for i := range j.Containers {
		if j.Containers[i].Init {
			continue
		}
		switch w := j.weight(i); {
		case len(out) == 0 || w > best:
			out, best = map[int]bool{i: true}, w
		case w == best:
			out[i] = true
		}
	}
	if len(out) > 1 {
		j.divide(out)
	}
	return out
}

// divide leaves only those out of several that nobody of them calls: who calls another one is not its equal.
func (j *judge) divide(work map[int]bool) {
	var called []int
	for i := range work {
		if slices.ContainsFunc(j.Edges, func(e Edge) bool {
			return e.To == j.Containers[i].Name && (e.Kind == Calls || e.Kind == Waits) && work[j.place(e.From)]
		}) {
			called = append(called, i)
		}
	}
	if len(called) < len(work) {
		for _, i := range called {
			delete(work, i)
		}
	}
}

// fronts is a flag or a variable for what stands behind a proxy, what is scraped, or what is told to reload.
var fronts = pattern.New(`(?i)upstream|backend|target|proxy[-_]?pass|app[-_](?:port|url|addr|host)|req_url|reload|webhook|scrape|csi-address|probe=|\.uri|_uri|data_source|\.addr\b|forward|-(?:SIG)?(?:HUP|USR[12])\b`)

// weight is how much speaks for a container to do the work.
func (j *judge) weight(i int) int {
	c := &j.Containers[i]
	out := j.direct(c) - c.doubt()
	if n := c.Name; n == "main" || n == "app" || n == j.Workload.Name {
		out += 3
	}
	if j.Workload.Template.Annotations[defaultContainer] == c.Name {
		out += 4
	}
	if c.Software != nil || known.HelperOf(facts.ImageName(c.Image)) != nil {
		out -= 5
	}
	if j.killer(i) {
		out -= 3
	}
	if j.Workload.Completes() && !j.looksServer(i) {
		out++
	}
	return out
}

// direct is what the calls of a container, and to it, say: nobody calls the work, and it is not there to pass on, to
// scrape or to reload.
func (j *judge) direct(c *Container) int {
	out, called := 0, false
	for _, e := range j.Edges {
		switch {
		case e.To == c.Name && (e.Kind == Calls || e.Kind == Waits) && !j.Container(e.From).Init:
			from := j.Container(e.From) // who is there to pass on does not make a servant of it
			called = called || !slices.ContainsFunc(e.Evidence, func(x Evidence) bool { return j.isFront(from, x) })
		case e.From == c.Name && e.Kind == Calls && slices.ContainsFunc(e.Evidence, func(x Evidence) bool { return j.isFront(c, x) }):
			out -= 4
		}
	}
	if !called {
		out += 2
	}
	return out
}

func (j *judge) isFront(c *Container, e Evidence) bool {
	return fronts.MatchString(e.Quote) || fronts.MatchString(j.variable(c, e))
}

// doubt is how much the signals of a container speak against it: the best of them counts.
func (c *Container) doubt() int {
	out := 0
	for _, s := range c.Signals {
		switch {
		case s.Kind == KnownSoftware: // counts anyway
		case s.Certainty == High:
			out = max(out, 3)
		default:
			out = max(out, 1)
		}
	}
	return out
}

// variable is the name of the variable that evidence is the value of.
func (j *judge) variable(c *Container, e Evidence) string {
	for i, v := range c.Env {
		if slices.Equal(e.Path, c.Path("env", itoa(i), "value")) {
			return v.Name
		}
	}
	return ""
}

var harmless = pattern.New(`^(?:sleep|echo|printf|until|while|if|then|else|fi|do|done|true|:|set|trap|wait|exit|pgrep|pidof|ps|grep|test|\[|!|kill|pkill|killall|date|shift)\b|^\[|^!|^:|^\w+=`)

// killer reports whether all that a container does is to wait for the end of others and to stop them.
func (j *judge) killer(i int) bool {
	c := &j.Containers[i]
	if !slices.ContainsFunc(j.Edges, func(e Edge) bool { return e.From == c.Name && e.Kind == Stops }) {
		return false
	}
	script, _, ok := scriptOf(c.Container)
	if !ok {
		return false
	}
	for _, s := range segments(script) {
		text := strings.TrimSpace(keyword.ReplaceAllString(s.text, ""))
		if text != "" && !harmless.MatchString(text) {
			return false
		}
	}
	return true
}

var keyword = pattern.New(`^(?:(?:until|while|if|then|else|do|!)\s+)+`)
