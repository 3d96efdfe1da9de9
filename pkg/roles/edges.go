package roles

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

func itoa(i int) string { return strconv.Itoa(i) }

func number(digits string) int { return software.PortNumber(digits) }

// A claim is how sure it is that a container serves a port.
type claim int

const (
	noClaim claim = iota
	// maybe: a flag whose meaning is not certain, or the default of its software.
	maybe
	// declared: it says so.
	declared
	// bound: an address on which it listens.
	bound
)

// usually are where software listens by default that others connect to.
var usually = map[string][]int{"cloud-sql-proxy": {5432, 3306, 1433}, "alloydb-auth-proxy": {5432}, "pgbouncer": {6432, 5432},
	"docker-in-docker": {2375, 2376}}

// listen finds out who serves which port.
func (j *judge) listen() {
	for i := range j.Containers {
		c := &j.Containers[i]
		out := map[int]claim{}
		add := func(port int, how claim) {
			if port > 0 {
				out[port] = max(out[port], how)
			}
		}
		if k := c.Software; k != nil {
			for _, e := range []*known.Endpoint{k.Ready, k.Quit} {
				if e != nil {
					add(e.Port, maybe)
				}
			}
			for _, port := range usually[k.ID] {
				add(port, maybe)
			}
		}
		for _, port := range software.TCPPorts(c.Container, nil) {
			add(port, maybe)
		}
		for _, p := range c.Ports {
			add(int(p.ContainerPort), declared)
		}
		for _, b := range j.binds[i] {
			add(b.Port, bound)
		}
		for _, t := range j.texts[i] {
			if portVariable.MatchString(t.env) {
				add(number(t.value), declared)
			}
		}
		j.ports = append(j.ports, out)
	}
}

// portVariable is the name of a variable for a port on which to listen.
var portVariable = pattern.New(`^(?:PORT|LISTEN_PORT|HTTP_PORT|SERVER_PORT|CSQL_PROXY_PORT|CSQL_PROXY_HTTP_PORT|CSQL_PROXY_ADMIN_PORT|\w*_LISTEN_PORT)$`)

// serverOf is the container that serves a port which another one connects to; nil where none says so, or the caller
// does it.
func (j *judge) serverOf(caller int, port int) (server *Container, how claim) {
	server, how = j.serverBeside(caller, port)
	if own := j.ports[caller][port]; own >= how && own > maybe {
		return nil, noClaim
	}
	return server, how
}

// serverBeside is the same, whatever the caller does.
func (j *judge) serverBeside(caller, port int) (server *Container, how claim) {
	for i := range j.Containers {
		if i != caller && (!j.Containers[i].Init || j.Containers[i].native() || j.looksServer(i)) && j.ports[i][port] > how {
			server, how = &j.Containers[i], j.ports[i][port]
		}
	}
	return server, how
}

func (j *judge) looksServer(i int) bool { return j.servers[i] }

var (
	hostPort = pattern.New(`(?i)(?:127\.0\.0\.1|localhost|\[::1\])(?:[: ]+|/)(\d{2,5})\b`)
	hostOnly = pattern.New(`(?i)(?:^|[^\w.-])(?:127\.0\.0\.1|localhost|\[::1\])(?:[^\w.:-]|$)`)
	flagPort = pattern.New(`(?i)(?:--?port|-p|\bport)[= ]+(\d{2,5})\b`)
	hostName = pattern.New(`(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|URL|ENDPOINT)$`)
)

// A call is a connection to the pod itself, as a field says it.
type call struct {
	port int
	text text
	// bind is set where the field may as well say where its own container listens.
	bind bool
}

// callsOf are the connections that a container makes on localhost.
func (j *judge) callsOf(i int) []call {
	var out []call
	own := j.binds[i]
	all := line(j.texts[i], "")
	for _, t := range j.texts[i] {
		if t.env != "" && (software.IsListenVariable(t.env) || strings.Contains(t.value, "=tcp:")) {
			continue
		}
		value := withoutWaits(t.value)
		for _, b := range own {
			if b.List == "" || len(t.field) != 2 || t.field[0] != b.List || t.field[1] != itoa(b.At) {
				continue
			}
			port := cmp.Or(b.Port, number(first(flagPort.FindStringSubmatch(all))))
			if b.Loopback() && port > 0 {
				out = append(out, call{port, t, true})
			}
			value = strings.Replace(value, b.Word, "", 1)
		}
		if !here.MatchString(value) {
			continue
		}
		for _, m := range hostPort.FindAllStringSubmatch(value, -1) {
			out = append(out, call{number(m[1]), t, false})
		}
		if port, ok := j.untoldPort(i, t, value, all); ok {
			out = append(out, call{port, t, false})
		}
	}
	return out
}

// withoutWaits is a script without what waits for others and stops them: that is told apart.
func withoutWaits(script string) string {
	if !here.MatchString(script) {
		return script
	}
	for _, w := range waitsFor(script) {
		script = strings.Replace(script, w.words, " ", 1)
	}
	if !software.QuitCall.MatchString(script) {
		return script
	}
	var out []string
	for _, s := range segments(script) {
		if !software.QuitCall.MatchString(s.text) {
			out = append(out, s.text)
		} else if work, swallowed := swallows(s.text); swallowed {
			out = append(out, work)
		}
	}
	return strings.Join(out, "\n")
}

func first(match []string) string {
	if len(match) < 2 {
		return ""
	}
	return match[1]
}

// untoldPort is the port of a host that stands without one: another flag or variable has it, or 0.
func (j *judge) untoldPort(i int, t text, value, all string) (int, bool) {
	switch {
	case !hostOnly.MatchString(value), hostPort.MatchString(value):
		return 0, false
	case t.env == "":
		return number(first(flagPort.FindStringSubmatch(all))), true
	case !hostName.MatchString(t.env):
		return 0, false
	}
	prefix := hostName.ReplaceAllString(t.env, "")
	for _, o := range j.texts[i] {
		if o.env != "" && strings.HasPrefix(o.env, prefix) && strings.HasSuffix(o.env, "PORT") && number(o.value) > 0 {
			return number(o.value), true
		}
	}
	return 0, true
}

// calls finds who connects to whom.
func (j *judge) calls() {
	for i := range j.Containers {
		from := &j.Containers[i]
		if from.startsOwn() {
			continue
		}
		for _, call := range j.callsOf(i) {
			e := Edge{Port: call.port, Evidence: []Evidence{j.evidence(from, call.text.value, call.text.field...)}}
			to, how := j.serverOf(i, call.port)
			switch {
			case call.bind && (to == nil || how <= j.ports[i][call.port] && !j.declares(from, to, call.port)):
				if to, _ := j.serverBeside(i, call.port); to != nil && j.onlyConnects(i) {
					j.edge(from, to, Calls, Medium, e)
				}
			case to != nil:
				j.edge(from, to, Calls, to.certainty(call.port, how), e)
			case j.ports[i][call.port] == noClaim:
				if to := j.onlyServer(i); to != nil {
					certainty := Medium
					if call.port == 0 && to.Software != nil {
						certainty = High
					}
					j.edge(from, to, Calls, certainty, e)
				}
			}
		}
	}
}

// startsOwn reports whether an init container runs something in the background: what it then calls is that.
func (c *Container) startsOwn() bool {
	if !c.Init || c.native() {
		return false
	}
	script, _, ok := scriptOf(c.Container)
	return ok && slices.ContainsFunc(segments(script), func(s segment) bool { return s.after == "&" })
}

// certainty is how sure it is that a container is there for who calls it on a port: one that stands in front of others is
// not there for who looks after its software.
func (c *Container) certainty(port int, how claim) Certainty {
	k := c.Software
	if how == maybe && k != nil && k.Front && slices.ContainsFunc([]*known.Endpoint{k.Ready, k.Quit}, func(e *known.Endpoint) bool { return e != nil && e.Port == port }) {
		return Medium
	}
	return High
}

// onlyConnects reports whether nothing says that a container listens, apart from words that may as well say where it
// connects.
func (j *judge) onlyConnects(i int) bool {
	c := &j.Containers[i]
	if len(c.Ports) > 0 || c.Software != nil || c.StartupProbe != nil || c.ReadinessProbe != nil || c.LivenessProbe != nil {
		return false
	}
	return !listening.MatchString(line(j.texts[i], ""))
}

var listening = pattern.New(`(?i)\b(?:listen|bind|serve|server|start)\b`)

// declares reports whether a port is declared by the second container and not by the first: two containers of a pod
// cannot both listen there.
func (j *judge) declares(from, to *Container, port int) bool {
	has := func(c *Container) bool {
		for _, p := range c.Ports {
			if int(p.ContainerPort) == port {
				return true
			}
		}
		return slices.ContainsFunc(j.bindsOf(c), func(b software.Bind) bool { return b.Port == port })
	}
	return has(to) && !has(from)
}

// onlyServer is the only other container that looks like a server; nil where there is none, or more than one.
func (j *judge) onlyServer(caller int) *Container {
	var out *Container
	for i := range j.Containers {
		if i == caller || j.Containers[i].Init && !j.Containers[i].native() || j.Containers[i].Software == nil && !j.looksServer(i) {
			continue
		}
		if out != nil {
			return nil
		}
		out = &j.Containers[i]
	}
	return out
}

var (
	socketPath = pattern.New(`(?:unix:(?://)?)(/[\w./@-]+)|(/[\w./@-]+\.sock)\b`)
	// serves is a flag, or the name of a variable, for a socket on which to listen.
	serves = pattern.New(`(?i)(?:^|[-_])(?:endpoint|listen|listen-address|bind|unix-socket|socket-path|serve)s?$`)
	// connects is one for the socket of somebody else.
	connects = pattern.New(`(?i)csi-address|upstream|connect|backend|target|client|docker_host|^-?-?host$|remote|server`)
)

// A socket is a path that a field of a container names.
type socket struct {
	at     int
	volume string
	text   text
	path   string
	serves bool
}

// sockets finds who connects to whose socket.
func (j *judge) sockets() {
	seen := map[string][]socket{}
	for i := range j.Containers {
		for _, t := range j.texts[i] {
			for _, m := range socketPath.FindAllStringSubmatch(t.value, -1) {
				path := cmp.Or(m[1], m[2])
				volume, rest := j.mountOf(i, path)
				if volume == "" {
					continue
				}
				flag, _, _ := strings.Cut(t.value, "=")
				if t.env != "" {
					flag = t.env
				}
				s := socket{i, volume, t, path, serves.MatchString(flag) && !connects.MatchString(flag)}
				seen[volume+rest] = append(seen[volume+rest], s)
			}
		}
	}
	for _, list := range seen {
		k := slices.IndexFunc(list, func(s socket) bool { return s.serves })
		for _, s := range list {
			if k >= 0 && !s.serves && list[k].at != s.at {
				from := &j.Containers[s.at]
				j.edge(from, &j.Containers[list[k].at], Calls, High, Edge{File: s.path, Evidence: []Evidence{j.evidence(from, s.text.value, s.text.field...)}})
			}
		}
	}
}

func (j *judge) place(name string) int {
	return slices.IndexFunc(j.Containers, func(c Container) bool { return c.Name == name })
}

// mountOf is the volume that a path of a container is in, and the path in it.
func (j *judge) mountOf(i int, path string) (volume, rest string) {
	longest := -1
	for _, m := range j.Containers[i].VolumeMounts {
		at := strings.TrimSuffix(m.MountPath, "/")
		if (path == at || strings.HasPrefix(path, at+"/")) && len(at) > longest {
			longest, volume, rest = len(at), m.Name, "\x00"+strings.TrimPrefix("/"+m.SubPath, "/")+path[len(at):]
		}
	}
	return volume, rest
}
