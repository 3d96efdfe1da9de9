package pods

import (
	"regexp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The kubelet's HTTP, TCP and gRPC probes ask the pod's IP. What listens on the loopback address only is not
// reached by them.

// binds are the addresses on which a container listens, as its command line, its environment and its log say.
func (p subject) binds(c container) []software.Bind {
	out := software.Binds(c.Container)
	for _, line := range p.logs(c) {
		for _, m := range listeningOn.FindAllStringSubmatch(line, -1) {
			if b, ok := software.Address(m[1]); ok && b.Port > 0 {
				b.Topic, b.From = software.FromLog, "log of "+c.Name+": "+prose.OneLine(line)
				out = append(out, b)
			}
		}
	}
	return out
}

// listeningOn finds the address in the words of a program that has begun to listen.
var listeningOn = regexp.MustCompile(`(?i)(?:listen(?:ing|s|er)?|serving|bound|started (?:server|http\S*|on))\b[^0-9\[:*]{0,40}?((?:https?://|tcp://)?(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\*|\[::1?\]|\[::ffff:127\.0\.0\.1\])?:\d{2,5})\b`)

// reachOf is whether the kubelet's probes reach a port of a container, with what says so.
func (p subject) reachOf(c container, port int) (software.Reach, software.Bind) {
	return software.ReachOf(c.Container, p.binds(c), port)
}

// tcpPorts are the TCP ports on which a container listens, declared ones first, as far as it says so.
func (p subject) tcpPorts(c container) []int { return software.TCPPorts(c.Container, p.binds(c)) }
