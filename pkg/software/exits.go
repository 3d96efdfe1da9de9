package software

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

var (
	// exits matches a command line of software that exits on its own.
	exits = pattern.New(`istio-iptables|-exit-after-auth|--one-time|-once\b|--once\b|--version\b|--validate\b|--dry-run\b|--mode[= ]validate\b` +
		`|\b(?:nginx|httpd|sshd|apachectl)\s+(?:\S+\s+)*-[tTvV](?:\s|$)|\bhaproxy\s+(?:\S+\s+)*-c(?:\s|$)|\b(?:vector|otelcol\S*|caddy)\s+validate\b`)
	// limited is a program that ends another one after some time.
	limited = pattern.New(`^(?:/[\w./-]*/)?timeout\s+(?:-\S+\s+)*[\d.]+[smhd]?\s`)
	// goesOn is what a script does after that.
	goesOn = pattern.New(`\b(?:exec|tail|infinity|wait|while|serve|start)\b|daemon off|[;&|\n]\s*(?:/[\w./-]*/)?(?:nginx|httpd|envoy|haproxy|vector|otelcol\S*|caddy|sshd)\b`)
)

// ofFiles are programs that images of other software are also used for: what they do has an end.
var ofFiles = []string{"cp", "mv", "ln", "tar", "install", "rsync", "cat", "ls", "mkdir", "chown", "chmod", "touch", "test", "true", "echo"}

// Exits reports whether software is told to exit on its own, or is of a kind that does.
func Exits(c *corev1.Container) bool {
	if slices.Contains(InitJobs, c.Name) || toldByVariable(c) {
		return true
	}
	if len(c.Command) > 0 && slices.Contains(ofFiles, path.Base(c.Command[0])) {
		return true
	}
	line := CommandLine(c)
	if !slices.ContainsFunc(exitWords, func(w string) bool { return strings.Contains(line, w) }) {
		return false
	}
	for _, loc := range exits.FindAllStringIndex(line, -1) {
		rest := line[loc[1]:]
		if !strings.HasPrefix(rest, "=false") && !(ViaShell(c) && goesOn.MatchString(rest)) {
			return true
		}
	}
	return limited.MatchString(line)
}

// exitWords are in every line that the patterns match: looking for words costs less.
var exitWords = []string{"istio-iptables", "-exit-after-auth", "-one-time", "-once", "--version", "validate", "--dry-run", "nginx", "httpd", "sshd", "apachectl", "haproxy", "timeout"}

// toldByVariable reports whether a variable tells software to do one thing only.
func toldByVariable(c *corev1.Container) bool {
	lists := strings.Contains(facts.ImageName(c.Image), "k8s-sidecar")
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		switch e.Name {
		case "GITSYNC_ONE_TIME", "GIT_SYNC_ONE_TIME":
			return e.Value == "true" || e.Value == "1"
		case "METHOD":
			return lists && e.Value == "LIST"
		}
		return false
	})
}
