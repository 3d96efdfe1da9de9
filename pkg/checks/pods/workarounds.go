package pods

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Before native sidecars people ordered the start and the stop of containers by hand. A workaround
// is named so that it can be removed, and because it often is what fails.

// workarounds names those that a pod uses, with what a native sidecar does instead.
func (p subject) workarounds() []string {
	var out []string
	for _, find := range []func(subject) []string{holdsByHook, holdsByMesh, killsByProcess, signalsByFile, quitsByCall, quitsWhenIdle, hidesExit} {
		out = append(out, find(p)...)
	}
	return out
}

const (
	insteadOfOrder = "a native sidecar with a startupProbe is started, and has answered, before the next container starts"
	insteadOfEnd   = "a native sidecar is stopped by the kubelet when the last regular container has exited"
)

// holdsByHook: the kubelet runs a postStart hook before it starts the next container.
func holdsByHook(p subject) []string {
	var out []string
	for i, c := range p.mains {
		if i+1 < len(p.mains) && c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
			out = append(out, fmt.Sprintf("postStart hook of %s holds back %s (%s): %s", c.Name, p.mains[i+1].Name, handler(c.Lifecycle.PostStart), insteadOfOrder))
		}
	}
	return out
}

var meshConfig = "proxy.istio.io/config"

func holdsByMesh(p subject) []string {
	if strings.Contains(strings.ReplaceAll(p.Annotations[meshConfig], `"`, ""), "holdApplicationUntilProxyStarts: true") {
		return []string{"annotation " + meshConfig + " has holdApplicationUntilProxyStarts: Istio ignores it for a native sidecar, because " + insteadOfOrder}
	}
	return nil
}

var killWord = regexp.MustCompile(`(?:^|[\s;&|(])(?:p?kill|killall)\s`)

func killsByProcess(p subject) []string {
	if !ptr.Deref(p.Spec.ShareProcessNamespace, false) {
		return nil
	}
	for _, c := range p.all() {
		if killWord.MatchString(everyCommand(c.Container)) {
			return []string{fmt.Sprintf("shareProcessNamespace, which lets %s kill another container's process: %s", c.Name, insteadOfEnd)}
		}
	}
	return nil
}

var (
	writesFile = regexp.MustCompile(`(?:\btouch\s+|>{1,2}\s*)(/\S+?)["';)\s]`)
	readsFile  = regexp.MustCompile(`(?:-[efs]\s+|inotifywait\s+\S*\s*|tail\s+-f\s+|wait-for-file\s+)["']?(/\S+?)["'\];)\s]`)
)

// signalsByFile: one container writes a file into a shared emptyDir, another waits for it.
func signalsByFile(p subject) []string {
	for _, writer := range p.all() {
		for _, m := range writesFile.FindAllStringSubmatch(everyCommand(writer.Container)+" ", -1) {
			for _, reader := range p.all() {
				if reader.Name == writer.Name || !p.shares(writer.Container, reader.Container, m[1]) {
					continue
				}
				for _, r := range readsFile.FindAllStringSubmatch(everyCommand(reader.Container)+" ", -1) {
					if path.Base(r[1]) == path.Base(m[1]) {
						return []string{fmt.Sprintf("marker file %s in a shared emptyDir, written by %s and waited for by %s: %s; %s", m[1], writer.Name, reader.Name, insteadOfOrder, insteadOfEnd)}
					}
				}
			}
		}
	}
	return nil
}

// shares reports whether a file is in an emptyDir that both containers mount.
func (p subject) shares(a, b *corev1.Container, file string) bool {
	for _, m := range a.VolumeMounts {
		shared := slices.ContainsFunc(b.VolumeMounts, func(o corev1.VolumeMount) bool { return o.Name == m.Name })
		empty := slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name && v.EmptyDir != nil })
		if shared && empty && strings.HasPrefix(file, strings.TrimSuffix(m.MountPath, "/")+"/") {
			return true
		}
	}
	return false
}

var quitCall = regexp.MustCompile(`quitquitquit|/agent/v1/quit|:4191/shutdown|/v1\.0/shutdown|:20600/graceful_shutdown`)

// quitsByCall: the application tells the proxy to stop before it exits itself.
func quitsByCall(p subject) []string {
	var out []string
	for _, c := range p.all() {
		line := everyCommand(c.Container)
		switch {
		case strings.Contains(line, "linkerd-await"):
			out = append(out, fmt.Sprintf("linkerd-await in %s: %s; %s", c.Name, insteadOfOrder, insteadOfEnd))
		case strings.Contains(line, "scuttle"), hasEnv(c.Container, "ISTIO_QUIT_API", "ENVOY_ADMIN_API"):
			out = append(out, fmt.Sprintf("a wrapper (scuttle) in %s waits for the proxy and stops it: %s; %s", c.Name, insteadOfOrder, insteadOfEnd))
		case quitCall.MatchString(line) && softwareOf(c.Container) == nil:
			out = append(out, fmt.Sprintf("command of %s calls %s: %s", c.Name, quitCall.FindString(line), insteadOfEnd))
		}
	}
	return out
}

func quitsWhenIdle(p subject) []string {
	const name = "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"
	for _, c := range p.all() {
		if hasEnv(c.Container, name) {
			return []string{name + " in " + c.Name + ": " + insteadOfEnd}
		}
	}
	if strings.Contains(p.Annotations[meshConfig], name) {
		return []string{name + " in annotation " + meshConfig + ": " + insteadOfEnd}
	}
	return nil
}

func hidesExit(p subject) []string {
	for _, c := range p.all() {
		for _, flag := range []string{"--exit-zero-on-sigterm", "--exit-zero-sigterm"} {
			if strings.Contains(commandLine(c.Container), flag) || flag == "--exit-zero-on-sigterm" && hasEnv(c.Container, "CSQL_PROXY_EXIT_ZERO_ON_SIGTERM") {
				return []string{fmt.Sprintf("%s of %s: the exit code of a native sidecar does not count, so it is not needed", flag, c.Name)}
			}
		}
	}
	return nil
}

func hasEnv(c *corev1.Container, names ...string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return slices.Contains(names, e.Name) })
}

// everyCommand is a container's command with those of its hooks.
func everyCommand(c *corev1.Container) string {
	out := commandLine(c)
	if c.Lifecycle != nil {
		for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil {
				out += " " + handler(h)
			}
		}
	}
	return out
}

// handler is a lifecycle hook in words.
func handler(h *corev1.LifecycleHandler) string {
	switch {
	case h.Exec != nil:
		return "exec: " + prose.OneLine(strings.Join(h.Exec.Command, " "))
	case h.HTTPGet != nil:
		return fmt.Sprintf("httpGet: port %s, path %s", h.HTTPGet.Port.String(), h.HTTPGet.Path)
	case h.Sleep != nil:
		return fmt.Sprintf("sleep: %ds", h.Sleep.Seconds)
	case h.TCPSocket != nil:
		return "tcpSocket: port " + h.TCPSocket.Port.String()
	}
	return "nothing"
}
