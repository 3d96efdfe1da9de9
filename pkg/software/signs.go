package software

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// A Sign is a reason to take a container for a server rather than for a job.
type Sign struct {
	Text   string
	Strong bool
}

// serverWords are command lines that do not exit on their own, most telling first.
var serverWords = []struct {
	words  *pattern.Pattern
	strong bool
}{
	{pattern.New(`\btail\s+(?:-\S+\s+)*(?:-[a-z]*[fF]\b|--follow)\S*`), true},
	{pattern.New(`\bsleep\s+(?:infinity|inf\b)`), true},
	{pattern.New(`(?:^|[\s/])(?:nginx|envoy|haproxy|dnsmasq|redis-server|memcached|fluent-bit|fluentd|filebeat|promtail|pgbouncer|squid|tinyproxy|dockerd|crond)(?:\s|$)`), true},
	{pattern.New(`\bnc\s+(?:-\S+\s+)*-[a-z]*l|\bsocat\s+\S*LISTEN\S*|\bhttp\.server\b`), true},
	{pattern.New(`(?:^|\s)--?[a-z-]*(?:listen|bind|http)[a-z-]*(?:port|addr|address)?(?:[=\s]\S+|$)`), false},
	{pattern.New(`(?:^|[\s/])(?:serve|server|daemon|proxy|listen|sidecar)(?:\s|$)`), false},
	{pattern.New(`(?:^|\s)--?(?:[a-z-]*-)?port[=\s]\d+`), false},
	{pattern.New(`\bwhile\s+(?:true|:|\[ 1 \])`), false},
}

// Signs are why a container looks like a server; none when it looks like a job.
func Signs(c *corev1.Container) []Sign {
	var out []Sign
	if k := Of(c); k != nil {
		out = append(out, Sign{fmt.Sprintf("container %s, image %s: this is %s", c.Name, c.Image, k.Name), true})
	}
	for _, p := range c.Ports {
		out = append(out, Sign{fmt.Sprintf("%s declares containerPort %d", c.Name, p.ContainerPort), true})
	}
	for _, probe := range []struct {
		name string
		*corev1.Probe
	}{{"startupProbe", c.StartupProbe}, {"readinessProbe", c.ReadinessProbe}, {"livenessProbe", c.LivenessProbe}} {
		if probe.Probe != nil {
			out = append(out, Sign{fmt.Sprintf("%s has a %s", c.Name, probe.name), true})
		}
	}
	if text := daemonSign(c); text != "" {
		out = append(out, Sign{text, true})
	}
	line := CommandLine(c)
	if Exits(c) {
		return out
	}
	for _, w := range serverWords {
		if found := strings.TrimSpace(w.words.FindString(line)); found != "" {
			out = append(out, Sign{fmt.Sprintf("command of %s: %q", c.Name, found), w.strong})
			break
		}
	}
	return out
}

// AnyStrong reports whether one of them is enough.
func AnyStrong(list []Sign) bool {
	for _, s := range list {
		if s.Strong {
			return true
		}
	}
	return false
}

// Texts are their texts.
func Texts(list []Sign) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Text)
	}
	return out
}

// Ports are the ports on which a container listens, as far as it says so: declared ones, those of
// its probes, and numbers in its command line that are given to a flag for a port.
func Ports(c *corev1.Container) []int {
	return append(DeclaredPorts(c), PortsOfSoftware(c)...)
}

// PortsOfSoftware are those of its endpoints, where its software is known.
func PortsOfSoftware(c *corev1.Container) []int {
	k := Of(c)
	if k == nil {
		return nil
	}
	var out []int
	for _, e := range []*known.Endpoint{k.Ready, k.Quit} {
		if e != nil {
			out = append(out, e.Port)
		}
	}
	return out
}

// DeclaredPorts are those of them that stand in the container, not in what is known of its software.
func DeclaredPorts(c *corev1.Container) []int {
	var out []int
	for _, p := range c.Ports {
		out = append(out, int(p.ContainerPort))
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if port := ProbePort(c, probe); port > 0 {
			out = append(out, port)
		}
	}
	for _, m := range portFlag.FindAllStringSubmatch(CommandLine(c), -1) {
		out = append(out, PortNumber(m[1]))
	}
	return out
}

var portFlag = pattern.New(`(?:^|\s)-{1,2}(?:[a-z-]*-)?(?:port|listen|address|addr|bind|l|p)[=\s](?:\S*:)?(\d{2,5})\b`)

// PortNumber is the number of a port; 0 for what is none, which the digits of a pattern can be.
func PortNumber(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// ProbePort is the number of the port that a probe asks; 0 when it asks none, or a name that the
// container does not declare.
func ProbePort(c *corev1.Container, p *corev1.Probe) int {
	if p == nil {
		return 0
	}
	var name string
	switch {
	case p.HTTPGet != nil:
		if p.HTTPGet.Port.IntValue() > 0 {
			return p.HTTPGet.Port.IntValue()
		}
		name = p.HTTPGet.Port.StrVal
	case p.TCPSocket != nil:
		if p.TCPSocket.Port.IntValue() > 0 {
			return p.TCPSocket.Port.IntValue()
		}
		name = p.TCPSocket.Port.StrVal
	case p.GRPC != nil:
		return int(p.GRPC.Port)
	}
	for _, port := range c.Ports {
		if port.Name != "" && port.Name == name {
			return int(port.ContainerPort)
		}
	}
	return 0
}

// ProbePortName is the name of the port that a probe asks; empty for a number.
func ProbePortName(p *corev1.Probe) string {
	port := ""
	switch {
	case p.HTTPGet != nil:
		port = p.HTTPGet.Port.StrVal
	case p.TCPSocket != nil:
		port = p.TCPSocket.Port.StrVal
	}
	if _, err := strconv.Atoi(port); err == nil {
		return ""
	}
	return port
}
