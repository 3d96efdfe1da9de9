package pods

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The kubelet's HTTP, TCP and gRPC probes ask the pod's IP. What listens on the loopback address only is not
// reached by them.

// A bind is an address on which a container listens, as far as something says so.
type bind struct {
	// host is "" for every address. port is 0 where only the host is said.
	host string
	port int
	// topic tells flags of one program apart: "http" of --http-address and --http-port.
	topic string
	// from quotes what says it.
	from string
	// list, at and word are where it stands in the container's command line; list is empty where it does not.
	list string
	at   int
	word string
}

// loopback reports whether nobody outside of the pod reaches it.
func (b bind) loopback() bool { return loopbackHost(b.host) }

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// A reach is whether the kubelet's probes reach a port.
type reach int

const (
	// reachUnknown: nothing says on which address the program listens.
	reachUnknown reach = iota
	reached
	// loopbackOnly: it listens for its own pod only.
	loopbackOnly
)

// binds are the addresses on which a container listens, as its command line, its environment and its log say.
func (p subject) binds(c container) []bind {
	out := bindsOf(c.Container)
	for _, line := range p.logs(c) {
		for _, m := range listeningOn.FindAllStringSubmatch(line, -1) {
			if b, ok := address(m[1]); ok && b.port > 0 {
				b.topic, b.from = fromLog, "log of "+c.Name+": "+prose.OneLine(line)
				out = append(out, b)
			}
		}
	}
	return out
}

// fromLog is the topic of what a program says itself, which counts more than any flag.
const fromLog = "log"

// listeningOn finds the address in the words of a program that has begun to listen.
var listeningOn = regexp.MustCompile(`(?i)(?:listen(?:ing|s|er)?|serving|bound|started (?:server|http\S*|on))\b[^0-9\[:*]{0,40}?((?:https?://|tcp://)?(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\*|\[::1?\]|\[::ffff:127\.0\.0\.1\])?:\d{2,5})\b`)

// reachOf is whether the kubelet's probes reach a port of a container, with what says so.
func (p subject) reachOf(c container, port int) (reach, bind) {
	list := p.binds(c)
	said := slices.DeleteFunc(slices.Clone(list), func(b bind) bool { return b.port != port })
	if own := slices.DeleteFunc(slices.Clone(said), func(b bind) bool { return b.topic != fromLog }); len(own) > 0 {
		said = own
	}
	if len(said) == 0 {
		said = hostsFor(c.Container, list, topicOf(c.Container, port))
	}
	if len(said) > 0 {
		for _, b := range said {
			if !b.loopback() {
				return reached, b
			}
		}
		return loopbackOnly, said[0]
	}
	k := softwareOf(c.Container)
	if n, ok := p.opening(c, c.Container, k); ok && n.asks(port) {
		if n.note == "" {
			return reached, bind{from: "flags of " + c.Name}
		}
		return loopbackOnly, bind{from: n.note}
	}
	switch {
	case k == nil || k.Bind == "" || p.hostUntold(c):
	case k.Ready != nil && k.Ready.Port == port:
	default:
		b, _ := address(k.Bind)
		b.from = fmt.Sprintf("%s, %s, listens on %s by default", c.Name, k.Name, k.Bind)
		return loopbackOnly, b
	}
	return reachUnknown, bind{}
}

// hostUntold reports whether a variable whose value is not known may say where a container listens.
func (p subject) hostUntold(c container) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Value == "" && listenVariable.MatchString(e.Name)
	})
}

// hostsFor are the addresses without a port that are meant for the flags of a topic; the only one there is, where no
// flag names the port and the software is not known.
func hostsFor(c *corev1.Container, list []bind, topic string) []bind {
	hosts := slices.DeleteFunc(slices.Clone(list), func(b bind) bool { return b.port > 0 })
	if len(hosts) == 1 && topic == "" && len(list) == 1 && len(c.Ports) == 1 && softwareOf(c) == nil {
		return hosts
	}
	return slices.DeleteFunc(hosts, func(b bind) bool { return b.topic != topic })
}

// topicOf is the topic of the flag that names a port: "http" for --http-port=9090.
func topicOf(c *corev1.Container, port int) string {
	for _, w := range words(c) {
		if of, found := w.port(); found == port {
			return of
		}
	}
	return ""
}

// port is the port that a word sets, and what it is for; 0 for a word that sets none of its own program.
func (w word) port() (of string, port int) {
	m := anyPortFlag.FindStringSubmatch(w.text)
	if m == nil || others.MatchString(m[1]) {
		return "", 0
	}
	return topic(m[1]), portNumber(m[2])
}

var anyPortFlag = regexp.MustCompile(`^-{0,2}(?:([A-Za-z][\w.-]*?[-_.])?[pP]ort|p)=(\d{2,5})$`)

// A word is one word of a command line, with the value that follows a flag joined to it by "=".
type word struct {
	text string
	// list is "command" or "args", at the index in it, raw the words as they stand there.
	list string
	at   int
	raw  string
	// value is the part of raw that an address stands in.
	value string
	// before is the word before it.
	before string
}

// words are the words of a container's command line, also those in a script.
func words(c *corev1.Container) []word {
	var out []word
	last := ""
	for _, l := range []struct {
		name string
		list []string
	}{{"command", c.Command}, {"args", c.Args}} {
		for i, element := range l.list {
			parts := []string{element}
			if strings.ContainsAny(element, " \n\t") {
				parts = strings.FieldsFunc(element, func(r rune) bool { return strings.ContainsRune(" \n\t\"';&|()", r) })
			}
			for _, part := range parts {
				w := word{text: part, list: l.name, at: i, raw: element, value: part, before: last}
				if bareFlag.MatchString(last) && !strings.HasPrefix(part, "-") {
					w.text = last + "=" + part
				}
				out, last = append(out, w), part
			}
		}
	}
	return out
}

var (
	bareFlag = regexp.MustCompile(`^--?[A-Za-z][\w.-]*$`)
	// listenFlag is a flag, or a key of a setting, for an address on which to listen.
	listenFlag = regexp.MustCompile(`(?i)^(-{0,2})((?:[a-z0-9_.-]*[-_.])?)(listen|bind|bind-tcp|bindaddress|address|addresses|addr|host|interface|listenaddress|listenaddr|ip)=(.+)$`)
	// shortFlag is one whose value shows what it is for.
	shortFlag = regexp.MustCompile(`^-[abilsSH]=(.+)$`)
	// others are flags for the addresses of somebody else, to connect to.
	others = regexp.MustCompile(`(?i)(?:^|[-_.])(?:upstream|backend|remote|target|dest|destination|to|db|database|pg|postgres|mysql|redis|server|peer|connect|forward|discovery|control-plane|controlplane|sentry|placement|operator|advertise|external|api-server|apiserver|endpoint|app|app-channel|client|proxy-admin|dns)[-_.]?$`)
	// listenVariable is the name of a variable for an address on which to listen.
	listenVariable = regexp.MustCompile(`(?:^|_)(?:LISTEN|BIND)(?:_|$)|LISTEN_?ADDR|(?:HTTP|PROXY)_ADDRESS$`)
	serves         = regexp.MustCompile(`^(?:serve|server|listen|http\.server|-S|-l|-lk|-k|bind)$`)
)

// bindsOf are the addresses on which a container listens, as its command line and its environment say.
func bindsOf(c *corev1.Container) []bind {
	var out []bind
	for _, w := range words(c) {
		for _, b := range w.binds() {
			b.from = fmt.Sprintf("%s of %s: %s", w.list, c.Name, prose.OneLine(w.said()))
			b.list, b.at, b.word = w.list, w.at, w.value
			out = append(out, b)
		}
	}
	for _, e := range c.Env {
		if !listenVariable.MatchString(e.Name) {
			continue
		}
		if b, ok := address(e.Value); ok {
			b.from = fmt.Sprintf("env of %s: %s=%s", c.Name, e.Name, e.Value)
			if strings.HasSuffix(e.Name, "HTTP_ADDRESS") {
				b.topic = "http"
			}
			out = append(out, b)
		}
	}
	return out
}

// said is the word as somebody would write it: with the flag before it.
func (w word) said() string {
	if w.text != w.value {
		return w.before + " " + w.value
	}
	return w.text
}

// binds are the addresses that one word says.
func (w word) binds() []bind {
	if m := listenFlag.FindStringSubmatch(w.text); m != nil {
		if others.MatchString(m[2]) || m[1] == "" && m[2] != "" && !strings.Contains(m[2], "listen") && !strings.Contains(m[2], "bind") {
			return nil
		}
		return addresses(m[4], topic(m[2]))
	}
	if m := shortFlag.FindStringSubmatch(w.text); m != nil {
		return addresses(m[1], "")
	}
	if _, after, ok := strings.Cut(w.text, "=tcp:"); ok { // instances of the Cloud SQL proxy before version 2
		if !strings.Contains(after, ":") {
			after = "127.0.0.1:" + after
		}
		return addresses(after, "")
	}
	if strings.HasPrefix(w.value, ":") || serves.MatchString(w.before) {
		return addresses(w.value, "")
	}
	return nil
}

// addresses reads a list of addresses.
func addresses(text, topic string) []bind {
	var out []bind
	for part := range strings.SplitSeq(text, ",") {
		if b, ok := address(strings.TrimSpace(part)); ok {
			b.topic = topic
			out = append(out, b)
		}
	}
	return out
}

var addressText = regexp.MustCompile(`^(?:[a-z][a-z0-9+]*://)?(127(?:\.\d+){3}|localhost|0\.0\.0\.0|\*|\[::ffff:127\.0\.0\.1\]|\[::1?\]|::1?|)(?::(\d{2,5}))?/?$`)

// address reads a host of this machine, a port, or both; ok is false for what is neither.
func address(text string) (b bind, ok bool) {
	m := addressText.FindStringSubmatch(strings.Trim(text, `"'`))
	if m == nil || m[1] == "" && m[2] == "" {
		return bind{}, false
	}
	b = bind{host: m[1], port: portNumber(m[2])}
	if !b.loopback() {
		b.host = ""
	}
	return b, true
}

// topic is what a flag is about, without the words that only say that it is an address.
func topic(prefix string) string {
	prefix = strings.ToLower(strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(prefix), "-"))
	for _, word := range []string{"listen", "bind", "server", "tcp"} {
		prefix = strings.Trim(strings.TrimSuffix(prefix, word), "-")
	}
	return prefix
}

// tcpPorts are the TCP ports on which a container listens, declared ones first, as far as it says so.
func (p subject) tcpPorts(c container) []int {
	var out []int
	add := func(port int) {
		if port > 0 && !slices.Contains(out, port) {
			out = append(out, port)
		}
	}
	for _, port := range c.Ports {
		if port.Protocol == "" || port.Protocol == corev1.ProtocolTCP {
			add(int(port.ContainerPort))
		}
	}
	for _, b := range p.binds(c) {
		add(b.port)
	}
	for _, w := range words(c.Container) {
		_, port := w.port()
		add(port)
	}
	return out
}
