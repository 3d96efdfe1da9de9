package pods

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A knownSidecar is software that usually runs next to an application, and how it is told to stop.
type knownSidecar struct {
	// name is for people.
	name string
	// containers are the names that its injector or its documentation gives the container, as patterns of path.Match.
	containers []string
	// images are last path elements of its images, without tag.
	images []string
	// quit is the endpoint that stops it; nil where there is none or none is known.
	quit *quitEndpoint
	// ready is a port and path that answer when it can be used; the port is 0 where none is known.
	ready ready
	// native says how its injector makes a native sidecar of it; "" when people write it themselves.
	native string
	// injector is that a webhook puts it into pods, and among the init containers only as a native
	// sidecar.
	injector bool
}

type ready struct {
	port int
	path string
}

// A quitEndpoint stops a process inside the pod, for Jobs whose sidecar is a regular container.
type quitEndpoint struct {
	method string
	port   int
	path   string
	// needs is what must be switched on for it; "" when it is there by default.
	needs string
}

// knownSidecars are put together from the documentation and sources of each software; the first
// that matches counts.
var knownSidecars = []knownSidecar{
	{
		name: "Istio's proxy", containers: []string{"istio-proxy"}, images: []string{"proxyv2"}, injector: true,
		quit: &quitEndpoint{"POST", 15020, "/quitquitquit", ""}, ready: ready{15021, "/healthz/ready"},
		native: `the pod annotation sidecar.istio.io/nativeSidecar: "true" (Istio 1.24 or later), or ENABLE_NATIVE_SIDECARS=true in istiod (1.19 or later)`,
	},
	{
		name: "Linkerd's proxy", containers: []string{"linkerd-proxy"}, injector: true,
		quit:   &quitEndpoint{"POST", 4191, "/shutdown", "the pod annotation config.linkerd.io/proxy-admin-shutdown: enabled (needed since edge-24.6.2)"},
		ready:  ready{4191, "/ready"},
		native: `the pod annotation config.linkerd.io/proxy-enable-native-sidecar: "true" (config.beta.linkerd.io/... from edge-25.10.2, config.alpha.linkerd.io/... before), or proxy.nativeSidecar=true in its chart`,
	},
	{
		name: "the Cloud SQL Auth Proxy", containers: []string{"cloud-sql-proxy", "cloudsql-proxy", "csql-*"}, images: []string{"cloud-sql-proxy", "gce-proxy"},
		quit: &quitEndpoint{"POST", 9091, "/quitquitquit", "the flag --quitquitquit"},
	},
	{
		name: "the AlloyDB Auth Proxy", containers: []string{"alloydb-auth-proxy", "alloydb-proxy"}, images: []string{"alloydb-auth-proxy"},
		quit: &quitEndpoint{"POST", 9091, "/quitquitquit", "the flag --quitquitquit"},
	},
	{
		name: "Dapr's sidecar", containers: []string{"daprd"}, images: []string{"daprd"}, injector: true,
		quit:   &quitEndpoint{"POST", 3500, "/v1.0/shutdown", ""},
		native: `the pod annotation dapr.io/enable-native-sidecar: "true" (Dapr 1.18 or later)`,
	},
	{
		name: "Consul's dataplane", containers: []string{"consul-dataplane*"}, images: []string{"consul-dataplane"}, injector: true,
		quit:   &quitEndpoint{"POST", 20600, "/graceful_shutdown", "the pod annotation consul.hashicorp.com/enable-sidecar-proxy-lifecycle"},
		native: `the pod annotation consul.hashicorp.com/enable-consul-dataplane-as-sidecar: "true" (consul-k8s 1.9 or later)`,
	},
	{
		name: "Kuma's sidecar", containers: []string{"kuma-sidecar"}, images: []string{"kuma-dp"}, injector: true,
		quit:   &quitEndpoint{"POST", 9901, "/quitquitquit", "an admin listener (assumed here to be on port 9901)"},
		native: "experimental.sidecarContainers=true in its chart (Kuma 2.7 or later)",
	},
	{
		name: "the Vault agent", containers: []string{"vault-agent"},
		quit: &quitEndpoint{"POST", 8200, "/agent/v1/quit", `the pod annotation vault.hashicorp.com/agent-enable-quit: "true"`},
	},
	{
		name: "the Azure Workload Identity proxy", containers: []string{"azwi-proxy"}, images: []string{"proxy-azwi"}, injector: true,
		native: "Azure Workload Identity 1.5 or later on API servers of 1.32 or later",
	},
	{
		name: "the GCS FUSE sidecar", containers: []string{"gke-gcsfuse-sidecar"}, images: []string{"gcs-fuse-csi-driver-sidecar-mounter"}, injector: true,
		native: "GKE 1.29 or later on all nodes",
	},
	{
		name: "the OpenTelemetry Collector", containers: []string{"otc-container", "otel-collector", "otelcol"}, injector: true,
		images: []string{"opentelemetry-collector", "opentelemetry-collector-contrib", "opentelemetry-collector-k8s", "otelcol"}, ready: ready{13133, "/"},
		native: "OpenTelemetry Operator 0.132 or later on Kubernetes 1.29 or later",
	},
	{
		name: "Docker in Docker", containers: []string{"dind"},
		native: "the chart gha-runner-scale-set 0.12 or later, for GitHub's runners",
	},
	{
		name: "Envoy", containers: []string{"envoy", "envoy-proxy"}, images: []string{"envoy", "envoy-distroless"},
		quit: &quitEndpoint{"POST", 9901, "/quitquitquit", "an admin listener (assumed here to be on port 9901)"},
	},
	{name: "the X-Ray daemon", containers: []string{"xray-daemon"}, images: []string{"aws-xray-daemon"}},
	{name: "the SigV4 proxy", containers: []string{"aws-sigv4-proxy"}, images: []string{"aws-sigv4-proxy"}},
	{name: "Datadog's agent", containers: []string{"datadog-agent-injected", "datadog-agent"}},
	{name: "Tailscale", containers: []string{"tailscale", "ts-sidecar"}, images: []string{"tailscale"}},
	{name: "oauth2-proxy", containers: []string{"oauth2-proxy"}, images: []string{"oauth2-proxy"}},
	{name: "Fluent Bit", containers: []string{"fluent-bit", "fluentbit"}, images: []string{"fluent-bit", "aws-for-fluent-bit"}},
	{name: "Fluentd", containers: []string{"fluentd"}, images: []string{"fluentd"}},
	{name: "Vector", containers: []string{"vector"}, images: []string{"vector"}},
	{name: "Filebeat", containers: []string{"filebeat"}, images: []string{"filebeat"}},
	{name: "Promtail", containers: []string{"promtail"}, images: []string{"promtail"}},
	{name: "the Jaeger agent", containers: []string{"jaeger-agent"}, images: []string{"jaeger-agent"}},
	{name: "PgBouncer", containers: []string{"pgbouncer"}, images: []string{"pgbouncer"}},
	{name: "git-sync", containers: []string{"git-sync"}},
}

func (k *knownSidecar) quitPort() int {
	if k.quit == nil {
		return 0
	}
	return k.quit.port
}

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
func softwareOf(c *corev1.Container) *knownSidecar {
	if slices.Contains(initJobs, c.Name) || exits.MatchString(commandLine(c)) {
		return nil
	}
	for i := range knownSidecars {
		if slices.ContainsFunc(knownSidecars[i].containers, func(pattern string) bool { ok, _ := path.Match(pattern, c.Name); return ok }) {
			return &knownSidecars[i]
		}
	}
	for i := range knownSidecars {
		if slices.Contains(knownSidecars[i].images, facts.ImageName(c.Image)) {
			return &knownSidecars[i]
		}
	}
	return nil
}

// commandLine is all words of a container's command in one line.
func commandLine(c *corev1.Container) string {
	return strings.Join(slices.Concat(c.Command, c.Args), " ")
}

// stopSteps say how to stop known software in a pod now; none when it has no endpoint for that. The
// port is forwarded, because such images often have no shell, and the port listens on localhost.
func (p subject) stopSteps(c container) []checks.Step {
	k := softwareOf(c.Container)
	if k == nil || k.quit == nil {
		return nil
	}
	text := fmt.Sprintf("To let this pod finish now, tell %s to stop", k.name)
	if k.quit.needs != "" {
		text += " (this requires " + k.quit.needs + ")"
	}
	port := strconv.Itoa(k.quit.port)
	return []checks.Step{{
		Text: text + ":",
		Command: prose.Shell("kubectl port-forward -n %s pod/%s %s & sleep 2\ncurl -X %s http://localhost:%s%s; kill %%1",
			p.Namespace, p.Name, port, k.quit.method, port, k.quit.path),
	}}
}
