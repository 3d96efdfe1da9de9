package software

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// KillWord finds a command that ends processes.
var KillWord = pattern.New(`(?:^|[\s;&|(])(?:p?kill|killall)\s`)

// WritesFile and ReadsFile find the paths of files that a script writes, and waits for.
var (
	WritesFile = pattern.New(`(?:\btouch\s+|>{1,2}\s*)(/\S+?)["';)\s]`)
	ReadsFile  = pattern.New(`(?:-[efs]\s+|inotifywait\s+\S*\s*|tail\s+-f\s+|wait-for-file\s+)["']?(/\S+?)["'\];)\s]`)
)

// QuitCall finds the endpoints that stop known proxies.
var QuitCall = pattern.New(`quitquitquit|/agent/v1/quit|:4191/shutdown|/v1\.0/shutdown|:20600/graceful_shutdown`)

// HasEnv reports whether a container sets one of these variables.
func HasEnv(c *corev1.Container, names ...string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return slices.Contains(names, e.Name) })
}

// EveryCommand is a container's command with those of its hooks.
func EveryCommand(c *corev1.Container) string {
	out := CommandLine(c)
	if c.Lifecycle != nil {
		for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil {
				out += " " + Handler(h)
			}
		}
	}
	return out
}

// Handler is a lifecycle hook in words.
func Handler(h *corev1.LifecycleHandler) string {
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

var shells = []string{"sh", "bash", "ash", "dash", "zsh"}

// ViaShell reports whether a shell reads the container's command line.
func ViaShell(t *corev1.Container) bool {
	all := slices.Concat(t.Command, t.Args)
	return len(all) > 0 && (slices.Contains(shells, path.Base(all[0])) || slices.Contains(all, "-c"))
}

// Shares reports whether a file is in an emptyDir that both containers mount.
func Shares(spec *corev1.PodSpec, a, b *corev1.Container, file string) bool {
	return SharedVolume(spec, a, b, file) != ""
}

// SharedVolume is the emptyDir, mounted by both containers, that has a file of the first; "" where there is none.
func SharedVolume(spec *corev1.PodSpec, a, b *corev1.Container, file string) string {
	for _, m := range a.VolumeMounts {
		shared := slices.ContainsFunc(b.VolumeMounts, func(o corev1.VolumeMount) bool { return o.Name == m.Name })
		empty := slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name && v.EmptyDir != nil })
		if shared && empty && strings.HasPrefix(file, strings.TrimSuffix(m.MountPath, "/")+"/") {
			return m.Name
		}
	}
	return ""
}

var (
	quitWords = pattern.New(`quit|\bshutdown\b|/stop\b|\bkill(?:all)?\b|\bpkill\b|\bstop\b|drain_listeners|graceful_shutdown`)
	// reloads is a signal that ends nothing.
	reloads    = pattern.New(`\b(?:p?kill|killall)\s+(?:-s\s*|-)(?:SIG)?(?:HUP|USR1|USR2|WINCH|1|0)\b`)
	sleepWords = pattern.New(`\bsleep\b`)
)

// HookQuits reports whether a lifecycle hook stops something.
func HookQuits(hook *corev1.LifecycleHandler) bool {
	return hook.Exec != nil && quitWords.MatchString(reloads.ReplaceAllString(Handler(hook), "")) || hook.HTTPGet != nil && quitWords.MatchString(hook.HTTPGet.Path)
}

// HookSleeps reports whether a lifecycle hook waits for some time.
func HookSleeps(hook *corev1.LifecycleHandler) bool {
	return hook.Sleep != nil || hook.Exec != nil && sleepWords.MatchString(Handler(hook))
}

// SidecarNames are names that people give to what runs next to the work.
var SidecarNames = pattern.New(`^logs?$|^sidecar-|(?:^|-)(?:sidecar|proxy|agent|logger|exporter|forwarder|shipper|tailer|reloader|tunnel)(?:-?\d+)?$`)
