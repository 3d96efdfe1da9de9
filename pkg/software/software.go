// Package software says what the spec of a container tells about the program that it runs: which one it is, where it
// listens, whether it exits on its own, and how the kubelet can ask it. It knows nothing of what a pod did.
package software

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// InitJobs are init containers of the same software, often with the same image, that do exit.
var InitJobs = []string{
	"istio-init", "istio-validation", "linkerd-init", "linkerd-network-validator", "kuma-init", "kuma-validation",
	"consul-connect-inject-init", "vault-agent-init", "osm-init", "proxyinit", "azwi-proxy-init", "init-dind-externals",
	"gke-gcsfuse-metadata-prefetch",
}

// Of is the software that a container runs, by its name or image; nil when it is not known, or
// when it is known to exit.
func Of(c *corev1.Container) *known.Sidecar {
	if Exits(c) {
		return nil
	}
	return known.SidecarOf(c.Name, facts.ImageName(c.Image))
}

// CommandLine is all words of a container's command in one line.
func CommandLine(c *corev1.Container) string {
	return strings.Join(slices.Concat(c.Command, c.Args), " ")
}

// daemons are programs that do not exit on their own, by the name of their image or container. An image is taken at its
// name only where the container has no command: with one it may be used for something else.
var daemons = []string{
	"munged", "munge", "sssd", "nscd", "nslcd", "gssproxy", "chronyd", "ntpd", "rsyslogd", "rsyslog", "syslogd", "syslog-ng", "dockerd", "containerd", "crond",
	"sshd", "httpd", "slurmd", "slurmctld", "slurmdbd", "nfsd", "smbd", "rpcbind", "dbus-daemon", "mysqld", "mongod", "memcached", "statsd", "collectd", "telegraf",
	"unbound", "dnsmasq", "coredns", "keepalived", "haproxy", "nginx", "envoy", "redis", "redis-server", "postgres", "mysql", "mariadb", "rabbitmq", "squid",
	"tinyproxy", "stunnel", "openvpn", "tailscaled", "cloudflared", "fluentd", "fluent-bit", "vector", "filebeat", "promtail", "node-exporter", "registry",
}

// daemonSign says that a container without a command runs a daemon; "" for one that does not.
func daemonSign(c *corev1.Container) string {
	if CommandLine(c) != "" || Of(c) != nil {
		return ""
	}
	image := facts.ImageName(c.Image)
	for _, name := range []string{image, c.Name} {
		// A job for a database is often named after it, so of names only those of daemons count.
		if slices.Contains(daemons, name) && (name == image || strings.HasSuffix(name, "d")) {
			return fmt.Sprintf("%s has no command, and %s is a daemon: it does not exit on its own", c.Name, name)
		}
	}
	return ""
}
