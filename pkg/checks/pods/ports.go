package pods

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// All containers of a pod share one network: a port is for one of them.

var (
	portTaken = regexp.MustCompile(`(?i)address already in use|EADDRINUSE|only one usage of each socket address`)
	anyPort   = regexp.MustCompile(`:(\d{2,5})\b|(?i:\bport[ =:]+)(\d{2,5})\b`)
)

// takenPort is the port on which a container cannot listen because somebody else does, with its words; 0 when it does not
// say so.
func (p subject) takenPort(c container) (port int, line string) {
	if c.ended() == nil {
		return 0, ""
	}
	said, _ := p.said(c)
	for _, s := range slices.Backward(said) {
		if !portTaken.MatchString(s.text) {
			continue
		}
		for _, m := range anyPort.FindAllStringSubmatch(s.text, -1) {
			if port := software.PortNumber(m[1] + m[2]); port > 0 {
				return port, s.from + ": " + prose.OneLine(s.text)
			}
		}
	}
	return 0, ""
}

// portOwner is the container that runs and listens on a port, as far as it says so; nil when none is known to.
func (p subject) portOwner(port int, but container) *container {
	for _, x := range p.all() {
		if x.Name != but.Name && x.running() && slices.Contains(software.Ports(x.Container), port) {
			return &x
		}
	}
	return nil
}

// portClause says who has the port on which a container cannot listen, see [subject.takenPort]; "" for 0.
func (p subject) portClause(c container, port int) string {
	if port == 0 {
		return ""
	}
	owner := p.portOwner(port, c)
	switch {
	case owner != nil:
		return fmt.Sprintf("; port %d, on which it wants to listen, is that of %s: the containers of a pod share one network", port, owner.role())
	case p.Spec.HostNetwork:
		return fmt.Sprintf("; port %d of the node, on which it wants to listen, is taken: the pod is on the host's network", port)
	}
	return fmt.Sprintf("; port %d, on which it wants to listen, is taken by another container of the pod, or by another process of its own", port)
}
