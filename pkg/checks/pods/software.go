package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// initJobs are init containers of the same software, often with the same image, that do exit.
var initJobs = []string{
	"istio-init", "istio-validation", "linkerd-init", "linkerd-network-validator", "kuma-init", "kuma-validation",
	"consul-connect-inject-init", "vault-agent-init", "osm-init", "proxyinit", "azwi-proxy-init", "init-dind-externals",
	"gke-gcsfuse-metadata-prefetch",
}

// exits matches a command line of known software that exits on its own.
var exits = regexp.MustCompile(`istio-iptables|-exit-after-auth|--one-time|-once\b|--once\b|--version\b|--validate\b|--dry-run\b`)

// softwareOf is the software that a container runs, by its name or image; nil when it is not known, or
// when it is known to exit.
func softwareOf(c *corev1.Container) *known.Sidecar {
	if slices.Contains(initJobs, c.Name) || exits.MatchString(commandLine(c)) {
		return nil
	}
	return known.SidecarOf(c.Name, facts.ImageName(c.Image))
}

// commandLine is all words of a container's command in one line.
func commandLine(c *corev1.Container) string {
	return strings.Join(slices.Concat(c.Command, c.Args), " ")
}

// stopSteps say how to stop known software in a pod now; none when it has no endpoint for that. The
// port is forwarded, because such images often have no shell, and the port listens on localhost.
func (p subject) stopSteps(c container) []checks.Step {
	k := softwareOf(c.Container)
	if k == nil || k.Quit == nil {
		return nil
	}
	text := fmt.Sprintf("To let this pod finish now, tell %s to stop", k.Name)
	if k.Quit.Needs != "" {
		text += " (this requires " + k.Quit.Needs + ")"
	}
	port := strconv.Itoa(k.Quit.Port)
	return []checks.Step{{
		Text: text + ":",
		Command: prose.Shell("kubectl port-forward -n %s pod/%s %s & sleep 2\ncurl -X %s http://localhost:%s%s; kill %%1",
			p.Namespace, p.Name, port, k.Quit.Method, port, k.Quit.Path),
	}}
}
