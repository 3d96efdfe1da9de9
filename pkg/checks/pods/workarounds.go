package pods

import (
	"fmt"
	"path"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"

	"k8s.io/utils/ptr"
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
			out = append(out, fmt.Sprintf("postStart hook of %s holds back %s (%s): %s", c.Name, p.mains[i+1].Name, software.Handler(c.Lifecycle.PostStart), insteadOfOrder))
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

func killsByProcess(p subject) []string {
	if !ptr.Deref(p.Spec.ShareProcessNamespace, false) {
		return nil
	}
	for _, c := range p.all() {
		if software.KillWord.MatchString(software.EveryCommand(c.Container)) {
			return []string{fmt.Sprintf("shareProcessNamespace, which lets %s kill another container's process: %s", c.Name, insteadOfEnd)}
		}
	}
	return nil
}

// signalsByFile: one container writes a file into a shared emptyDir, another waits for it.
func signalsByFile(p subject) []string {
	for _, writer := range p.all() {
		for _, m := range software.WritesFile.FindAllStringSubmatch(software.EveryCommand(writer.Container)+" ", -1) {
			for _, reader := range p.all() {
				if reader.Name == writer.Name || !software.Shares(&p.Spec, writer.Container, reader.Container, m[1]) {
					continue
				}
				for _, r := range software.ReadsFile.FindAllStringSubmatch(software.EveryCommand(reader.Container)+" ", -1) {
					if path.Base(r[1]) == path.Base(m[1]) {
						return []string{fmt.Sprintf("marker file %s in a shared emptyDir, written by %s and waited for by %s: %s; %s", m[1], writer.Name, reader.Name, insteadOfOrder, insteadOfEnd)}
					}
				}
			}
		}
	}
	return nil
}

// quitsByCall: the application tells the proxy to stop before it exits itself.
func quitsByCall(p subject) []string {
	var out []string
	for _, c := range p.all() {
		line := software.EveryCommand(c.Container)
		switch {
		case strings.Contains(line, "linkerd-await"):
			out = append(out, fmt.Sprintf("linkerd-await in %s: %s; %s", c.Name, insteadOfOrder, insteadOfEnd))
		case strings.Contains(line, "scuttle"), software.HasEnv(c.Container, "ISTIO_QUIT_API", "ENVOY_ADMIN_API"):
			out = append(out, fmt.Sprintf("a wrapper (scuttle) in %s waits for the proxy and stops it: %s; %s", c.Name, insteadOfOrder, insteadOfEnd))
		case software.QuitCall.MatchString(line) && software.Of(c.Container) == nil:
			out = append(out, fmt.Sprintf("command of %s calls %s: %s", c.Name, software.QuitCall.FindString(line), insteadOfEnd))
		}
	}
	return out
}

func quitsWhenIdle(p subject) []string {
	const name = "EXIT_ON_ZERO_ACTIVE_CONNECTIONS"
	for _, c := range p.all() {
		if software.HasEnv(c.Container, name) {
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
			if strings.Contains(software.CommandLine(c.Container), flag) || flag == "--exit-zero-on-sigterm" && software.HasEnv(c.Container, "CSQL_PROXY_EXIT_ZERO_ON_SIGTERM") {
				return []string{fmt.Sprintf("%s of %s: the exit code of a native sidecar does not count, so it is not needed", flag, c.Name)}
			}
		}
	}
	return nil
}
