package pods

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// A sign is a reason to take a container for a server rather than for a job.
type sign struct {
	text   string
	strong bool
}

// serverWords are command lines that do not exit on their own, most telling first.
var serverWords = []struct {
	words  *regexp.Regexp
	strong bool
}{
	{regexp.MustCompile(`\btail\s+(?:-\S+\s+)*(?:-[a-z]*[fF]\b|--follow)\S*`), true},
	{regexp.MustCompile(`\bsleep\s+(?:infinity|inf\b)`), true},
	{regexp.MustCompile(`(?:^|[\s/])(?:nginx|envoy|haproxy|dnsmasq|redis-server|memcached|fluent-bit|fluentd|filebeat|promtail|pgbouncer|squid|tinyproxy|dockerd|crond)(?:\s|$)`), true},
	{regexp.MustCompile(`\bnc\s+(?:-\S+\s+)*-[a-z]*l|\bsocat\s+\S*LISTEN\S*|\bhttp\.server\b`), true},
	{regexp.MustCompile(`(?:^|\s)--?[a-z-]*(?:listen|bind|http)[a-z-]*(?:port|addr|address)?(?:[=\s]\S+|$)`), false},
	{regexp.MustCompile(`(?:^|[\s/])(?:serve|server|daemon|proxy|listen|sidecar)(?:\s|$)`), false},
	{regexp.MustCompile(`(?:^|\s)--?(?:[a-z-]*-)?port[=\s]\d+`), false},
	{regexp.MustCompile(`\bwhile\s+(?:true|:|\[ 1 \])`), false},
}

// signs are why a container looks like a server; none when it looks like a job.
func signs(c *corev1.Container) []sign {
	var out []sign
	if k := softwareOf(c); k != nil {
		out = append(out, sign{fmt.Sprintf("container %s, image %s: this is %s", c.Name, c.Image, k.Name), true})
	}
	for _, p := range c.Ports {
		out = append(out, sign{fmt.Sprintf("%s declares containerPort %d", c.Name, p.ContainerPort), true})
	}
	for _, probe := range []struct {
		name string
		*corev1.Probe
	}{{"startupProbe", c.StartupProbe}, {"readinessProbe", c.ReadinessProbe}, {"livenessProbe", c.LivenessProbe}} {
		if probe.Probe != nil {
			out = append(out, sign{fmt.Sprintf("%s has a %s", c.Name, probe.name), true})
		}
	}
	if text := daemonSign(c); text != "" {
		out = append(out, sign{text, true})
	}
	line := commandLine(c)
	if exits.MatchString(line) {
		return out
	}
	for _, w := range serverWords {
		if found := strings.TrimSpace(w.words.FindString(line)); found != "" {
			out = append(out, sign{fmt.Sprintf("command of %s: %q", c.Name, found), w.strong})
			break
		}
	}
	return out
}

func strong(list []sign) bool {
	for _, s := range list {
		if s.strong {
			return true
		}
	}
	return false
}

func texts(list []sign) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.text)
	}
	return out
}

// young is how long a container with such signs may run before that says something.
func young(list []sign) time.Duration {
	if strong(list) {
		return youngWithStrongSign
	}
	return youngWithWeakSign
}

// portsOf are the ports on which a container listens, as far as it says so: declared ones, those of
// its probes, and numbers in its command line that are given to a flag for a port.
func portsOf(c *corev1.Container) []int {
	return append(declaredPorts(c), portsOfSoftware(c)...)
}

// portsOfSoftware are those of its endpoints, where its software is known.
func portsOfSoftware(c *corev1.Container) []int {
	k := softwareOf(c)
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

// declaredPorts are those of them that stand in the container, not in what is known of its software.
func declaredPorts(c *corev1.Container) []int {
	var out []int
	for _, p := range c.Ports {
		out = append(out, int(p.ContainerPort))
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if port := probePort(c, probe); port > 0 {
			out = append(out, port)
		}
	}
	for _, m := range portFlag.FindAllStringSubmatch(commandLine(c), -1) {
		out = append(out, portNumber(m[1]))
	}
	return out
}

var portFlag = regexp.MustCompile(`(?:^|\s)-{1,2}(?:[a-z-]*-)?(?:port|listen|address|addr|bind|l|p)[=\s](?:\S*:)?(\d{2,5})\b`)

// portNumber is the number of a port; 0 for what is none, which the digits of a pattern can be.
func portNumber(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// probePort is the number of the port that a probe asks; 0 when it asks none, or a name that the
// container does not declare.
func probePort(c *corev1.Container, p *corev1.Probe) int {
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

var (
	refusedWords = regexp.MustCompile(`(?i)connection refused|ECONNREFUSED|could ?n[o']t connect|can(?:no|')t connect|failed to connect`)
	localhost    = regexp.MustCompile(`(?i)127\.0\.0\.1|localhost|::1`)
	afterHost    = regexp.MustCompile(`(?i)(?:127\.0\.0\.1|localhost|::1\]?):(\d{2,5})\b`)
	afterPort    = regexp.MustCompile(`(?i)\bport[ =:]+(\d{2,5})\b`)
)

// refusedPort finds, in the words of a program, a connection to the pod itself that was refused, and
// is its port: "dial tcp 127.0.0.1:5432: connect: connection refused". It is 0 when there is none.
func refusedPort(text string) int {
	if !refusedWords.MatchString(text) || !localhost.MatchString(text) {
		return 0
	}
	for _, pattern := range []*regexp.Regexp{afterHost, afterPort} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			return portNumber(m[1])
		}
	}
	return 0
}

// refusedWord matches an answer that says that nobody listens.
var refusedWord = regexp.MustCompile(`connection refused|connection reset|EOF$|no route to host`)
