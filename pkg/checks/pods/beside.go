package pods

import (
	"fmt"
	"regexp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// besideName matches names that people give to containers beside an application.
var besideName = regexp.MustCompile(`(?:^|-)(?:sidecar|proxy|agent|exporter|shipper|forwarder|collector|reloader)(?:-|$)`)

// beside reports whether a container is there for others: a native sidecar, or a regular container that runs known
// software, that a webhook put into the pod, or that is named so. A pod's only regular container is its
// application, whatever it runs.
func (p subject) beside(c container) bool {
	switch {
	case c.init:
		return c.sidecar()
	case len(p.mains) < 2:
		return false
	}
	return software.Of(c.Container) != nil || besideName.MatchString(c.Name) || p.added(c)
}

// added reports whether the template that the pod was made from, and that has its other containers, lacks this one.
func (p subject) added(c container) bool {
	m, ok := p.nearest()
	if !ok {
		return false
	}
	found, _, _ := m.container(c.Name)
	return found == nil
}

// title is what a container is called in messages, with the software that it is known to run.
func (c container) title() string {
	if k := software.Of(c.Container); k != nil && !c.init {
		return fmt.Sprintf("%s (%s)", c.role(), k.Name)
	}
	return c.role()
}
