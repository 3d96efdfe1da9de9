package collect

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// DefaultMaxCanaries bounds a run: a dry run through a few webhooks takes 10 to 50 ms of an API
// server, so 256 of them, 8 at a time, take a second or two. Few clusters have more templates that differ.
const DefaultMaxCanaries = 256

// mostCanaries is how many canaries the caller allows.
func (o *Options) mostCanaries() int {
	if o.MaxCanaries <= 0 {
		return DefaultMaxCanaries
	}
	return o.MaxCanaries
}

// Bounds of what is said of canaries that were not sent: one gap each for so many; so many names in the gap
// of the rest.
const (
	untriedEach  = 100
	untriedNames = 100
)

// bounded notes what goes beyond the number of canaries that the caller allows, by name: namespaces come first,
// then the shapes that are most unlike each other.
// sent is how many were sent already.
func (c *collector) bounded(classes []class, sent int) []class {
	most := c.opts.mostCanaries()
	tried := fmt.Sprintf("%d of %d classes and shapes were tried", most, sent+len(classes))
	remedy := facts.Do(fmt.Sprintf("allow more canaries: --max-canaries %d", sent+len(classes)))
	if most = max(0, most-sent); len(classes) <= most {
		return classes
	}
	for i := most; i < min(len(classes), most+untriedEach); i++ {
		classes[i].untried = true
		c.gap(facts.Canaries, classes[i].instance(), "it was not tried: "+tried, remedy)
	}
	if len(classes) <= most+untriedEach {
		return classes
	}
	rest := classes[most+untriedEach:]
	var names []string
	for i := range rest {
		if len(names) == untriedNames {
			names = append(names, "...")
			break
		}
		names = append(names, rest[i].name())
	}
	c.gap(facts.Canaries, allShapes, fmt.Sprintf("%s; not tried are %d more, like: %s", tried, len(rest), strings.Join(names, ", ")), remedy)
	return classes[:most+untriedEach]
}

// name is what a class is known by: an example, or a namespace.
func (c *class) name() string {
	if c.fact.Shape != nil {
		return c.fact.Shape.Examples[0]
	}
	return "namespace " + c.fact.Namespaces[0]
}
