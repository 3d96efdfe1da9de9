package software

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A Bind is an address on which a container listens, as far as something says so.
type Bind struct {
	// Host is "" for every address. Port is 0 where only the host is said.
	Host string
	Port int
	// Topic tells flags of one program apart: "http" of --http-address and --http-port.
	Topic string
	// From quotes what says it.
	From string
	// List, At and Word are where it stands in the container's command line; List is empty where it does not.
	List string
	At   int
	Word string
}

// Loopback reports whether nobody outside of the pod reaches it.
func (b Bind) Loopback() bool { return LoopbackHost(b.Host) }

// LoopbackHost reports whether a host is this machine, for itself only.
func LoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// A Reach is whether the kubelet's probes reach a port.
type Reach int

const (
	// ReachUnknown: nothing says on which address the program listens.
	ReachUnknown Reach = iota
	Reached
	// LoopbackOnly: it listens for its own pod only.
	LoopbackOnly
)

// hostsFor are the addresses without a port that are meant for the flags of a topic; the only one there is, where no
// flag names the port and the software is not known.
func hostsFor(c *corev1.Container, list []Bind, topic string) []Bind {
	hosts := slices.DeleteFunc(slices.Clone(list), func(b Bind) bool { return b.Port > 0 })
	if len(hosts) == 1 && topic == "" && len(list) == 1 && len(c.Ports) == 1 && Of(c) == nil {
		return hosts
	}
	return slices.DeleteFunc(hosts, func(b Bind) bool { return b.Topic != topic })
}

// TopicOf is the topic of the flag that names a port: "http" for --http-port=9090.
func TopicOf(c *corev1.Container, port int) string {
	for _, w := range Words(c) {
		if of, found := w.Port(); found == port {
			return of
		}
	}
	for _, e := range c.Env {
		if strings.HasSuffix(e.Name, "HTTP_PORT") && PortNumber(e.Value) == port {
			return "http"
		}
	}
	return ""
}

// Port is the port that a word sets, and what it is for; 0 for a word that sets none of its own program.
func (w Word) Port() (of string, port int) {
	if w.Before == "http.server" {
		return "", PortNumber(w.Value)
	}
	m := anyPortFlag.FindStringSubmatch(w.Text)
	if m == nil || others.MatchString(m[1]) {
		return "", 0
	}
	return topic(m[1]), PortNumber(m[2])
}

var anyPortFlag = pattern.New(`^-{0,2}(?:([A-Za-z][\w.-]*?[-_.])?[pP]ort|p)=(\d{2,5})$`)

// A Word is one word of a command line, with the value that follows a flag joined to it by "=".
type Word struct {
	Text string
	// List is "command" or "args", at the index in it, Raw the words as they stand there. It is empty for a flag that
	// is said by a variable, whose name Before then is.
	List string
	At   int
	Raw  string
	// Value is the part of Raw that an address stands in.
	Value string
	// Before is the word before it.
	Before string
}

// Words are the words of a container's command line, also those in a script, and the flags that its environment stands
// for.
func Words(c *corev1.Container) []Word {
	var out []Word
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
				w := Word{Text: part, List: l.name, At: i, Raw: element, Value: part, Before: last}
				if bareFlag.MatchString(last) && !strings.HasPrefix(part, "-") {
					w.Text = last + "=" + part
				}
				out, last = append(out, w), part
			}
		}
	}
	return append(out, variableFlags(c)...)
}

// variableFlags are the flags that variables stand for where its software reads them.
func variableFlags(c *corev1.Container) []Word {
	if len(c.Env) == 0 {
		return nil
	}
	k := Of(c)
	if k == nil || k.Variables == "" {
		return nil
	}
	var out []Word
	for _, e := range c.Env {
		name, ok := strings.CutPrefix(e.Name, k.Variables)
		if !ok || e.Value == "" {
			continue
		}
		flag := "--" + strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		out = append(out, Word{Text: flag + "=" + e.Value, Value: e.Value, Before: e.Name, Raw: e.Value})
	}
	return out
}

var (
	bareFlag = pattern.New(`^--?[A-Za-z][\w.-]*$`)
	// listenFlag is a flag, or a key of a setting, for an address on which to listen.
	listenFlag = pattern.New(`(?i)^(-{0,2})((?:[a-z0-9_.-]*[-_.])?)(listen|bind|bind-tcp|bindaddress|address|addresses|addr|host|interface|listenaddress|listenaddr|ip)=(.+)$`)
	// shortFlag is one whose value shows what it is for.
	shortFlag = pattern.New(`^-[abilsSH]=(.+)$`)
	// others are flags for the addresses of somebody else, to connect to.
	others = pattern.New(`(?i)(?:^|[-_.])(?:upstream|backend|remote|target|dest|destination|to|db|database|pg|postgres|mysql|redis|server|peer|connect|forward|discovery|control-plane|controlplane|sentry|placement|operator|advertise|external|api-server|apiserver|endpoint|app|app-channel|client|proxy-admin|dns)[-_.]?$`)
	// listenVariable is the name of a variable for an address on which to listen.
	listenVariable = pattern.New(`(?:^|_)(?:LISTEN|BIND)(?:_|$)|LISTEN_?ADDR|(?:HTTP|PROXY)_ADDRESS$`)
	serves         = pattern.New(`^(?:serve|server|listen|http\.server|-S|-l|-lk|-k|Bind)$`)
)

// Binds are the addresses on which a container listens, as its command line and its environment say.
func Binds(c *corev1.Container) []Bind {
	var out []Bind
	words := Words(c)
	for _, w := range words {
		for _, b := range w.binds() {
			b.From = fmt.Sprintf("%s of %s: %s", cmp.Or(w.List, "env"), c.Name, prose.OneLine(w.said()))
			b.List, b.At, b.Word = w.List, w.At, w.Value
			out = append(out, b)
		}
	}
	for _, e := range c.Env {
		if strings.Contains(e.Value, "=tcp:") { // INSTANCES of the Cloud SQL proxy before version 2
			for _, b := range (Word{Text: e.Value, Value: e.Value}).binds() {
				b.From = fmt.Sprintf("env of %s: %s=%s", c.Name, e.Name, e.Value)
				out = append(out, b)
			}
		}
		if !listenVariable.MatchString(e.Name) || slices.ContainsFunc(words, func(w Word) bool { return w.variable() == e.Name }) {
			continue
		}
		if b, ok := Address(e.Value); ok {
			b.From = fmt.Sprintf("env of %s: %s=%s", c.Name, e.Name, e.Value)
			if strings.HasSuffix(e.Name, "HTTP_ADDRESS") {
				b.Topic = "http"
			}
			out = append(out, b)
		}
	}
	return out
}

// variable is the name of the variable that says a flag; empty for a word of the command line.
func (w Word) variable() string {
	if w.List != "" {
		return ""
	}
	return w.Before
}

// said is the word as somebody would write it: with the flag before it.
func (w Word) said() string {
	if name := w.variable(); name != "" {
		return name + "=" + w.Value
	}
	if w.Text != w.Value {
		return w.Before + " " + w.Value
	}
	return w.Text
}

// binds are the addresses that one word says.
func (w Word) binds() []Bind {
	if m := listenFlag.FindStringSubmatch(w.Text); m != nil {
		if others.MatchString(m[2]) || m[1] == "" && m[2] != "" && !strings.Contains(m[2], "listen") && !strings.Contains(m[2], "bind") {
			return nil
		}
		return addresses(m[4], topic(m[2]))
	}
	if m := shortFlag.FindStringSubmatch(w.Text); m != nil && !strings.HasPrefix(m[1], "http") { // curl -s http://...
		return addresses(m[1], "")
	}
	if _, after, ok := strings.Cut(w.Text, "=tcp:"); ok { // instances of the Cloud SQL proxy before version 2
		if !strings.Contains(after, ":") {
			after = "127.0.0.1:" + after
		}
		return addresses(after, "")
	}
	if strings.HasPrefix(w.Value, ":") || serves.MatchString(w.Before) {
		return addresses(w.Value, "")
	}
	return nil
}

// addresses reads a list of addresses.
func addresses(text, topic string) []Bind {
	var out []Bind
	for part := range strings.SplitSeq(text, ",") {
		if b, ok := Address(strings.TrimSpace(part)); ok {
			b.Topic = topic
			out = append(out, b)
		}
	}
	return out
}

var addressText = pattern.New(`^(?:[a-z][a-z0-9+]*://)?(127(?:\.\d+){3}|localhost|0\.0\.0\.0|\*|\[::ffff:127\.0\.0\.1\]|\[::1?\]|::1?|)(?::(\d{2,5}))?/?$`)

// Address reads a host of this machine, a port, or both; ok is false for what is neither.
func Address(text string) (b Bind, ok bool) {
	m := addressText.FindStringSubmatch(strings.Trim(text, `"'`))
	if m == nil || m[1] == "" && m[2] == "" {
		return Bind{}, false
	}
	b = Bind{Host: m[1], Port: PortNumber(m[2])}
	if !b.Loopback() {
		b.Host = ""
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

// FromLog is the topic of what a program says itself, which counts more than any flag.
const FromLog = "log"

// ReachOf is whether the kubelet's probes reach a port of a container, with what says so.
func ReachOf(c *corev1.Container, list []Bind, port int) (Reach, Bind) {
	said := slices.DeleteFunc(slices.Clone(list), func(b Bind) bool { return b.Port != port })
	if own := slices.DeleteFunc(slices.Clone(said), func(b Bind) bool { return b.Topic != FromLog }); len(own) > 0 {
		said = own
	}
	if len(said) == 0 {
		said = hostsFor(c, list, TopicOf(c, port))
	}
	if len(said) > 0 {
		for _, b := range said {
			if !b.Loopback() {
				return Reached, b
			}
		}
		return LoopbackOnly, said[0]
	}
	k := Of(c)
	if o, ok := FindOpening(c, c); ok && o.Fields != nil && o.Endpoint.Port == port {
		if len(o.Missing) == 0 {
			return Reached, Bind{From: "flags of " + c.Name}
		}
		return LoopbackOnly, Bind{From: o.Opens()}
	}
	switch {
	case k == nil || k.Bind == "" || hostUntold(c):
	case k.Ready != nil && k.Ready.Port == port:
	default:
		b, _ := Address(k.Bind)
		b.From = fmt.Sprintf("%s, %s, listens on %s by default", c.Name, k.Name, k.Bind)
		return LoopbackOnly, b
	}
	return ReachUnknown, Bind{}
}

// Opens says what the missing flags do.
func (p Probe) Opens() string {
	return fmt.Sprintf("%s opens a health endpoint of %s that the kubelet reaches; where it listens for the application stays as it is.", strings.Join(p.Missing, " "), p.Software.Name)
}

// hostUntold reports whether a variable whose value is not known may say where a container listens.
func hostUntold(c *corev1.Container) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Value == "" && listenVariable.MatchString(e.Name)
	})
}

// TCPPorts are the TCP ports on which a container listens, declared ones first, as far as it says so.
func TCPPorts(c *corev1.Container, binds []Bind) []int {
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
	for _, b := range binds {
		add(b.Port)
	}
	for _, w := range Words(c) {
		_, port := w.Port()
		add(port)
	}
	return out
}

// IsListenVariable reports whether a variable of that name says where a program listens.
func IsListenVariable(name string) bool { return listenVariable.MatchString(name) }
