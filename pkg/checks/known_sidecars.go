package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A knownSidecar is software that usually runs next to an application, and how it is told to end.
type knownSidecar struct {
	// name is for people.
	name string
	// containers are the names that its injector or its documentation gives the container.
	containers []string
	// images are last path elements of its images, without tag.
	images []string
	// quit is the endpoint that ends it; nil where there is none or none is known.
	quit *quitEndpoint
	// ready is a port and path that answer when it can be used; the port is 0 where none is known.
	ready ready
	// native says how its injector makes a native sidecar of it; "" when people write it themselves.
	native string
}

type ready struct {
	port int
	path string
}

// A quitEndpoint ends a process inside the pod, for Jobs whose sidecar is an ordinary container.
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
	{"Istio's proxy", []string{"istio-proxy"}, []string{"proxyv2"}, &quitEndpoint{"POST", 15020, "/quitquitquit", ""}, ready{15021, "/healthz/ready"},
		`the pod annotation sidecar.istio.io/nativeSidecar: "true" (Istio 1.24 or later), or ENABLE_NATIVE_SIDECARS=true in istiod (1.19 or later)`},
	{"Linkerd's proxy", []string{"linkerd-proxy"}, nil, &quitEndpoint{"POST", 4191, "/shutdown", "the pod annotation config.linkerd.io/proxy-admin-shutdown: enabled (needed since edge-24.6.2)"}, ready{4191, "/ready"},
		`the pod annotation config.linkerd.io/proxy-enable-native-sidecar: "true" (before edge-25.12 config.beta.… or config.alpha.linkerd.io/proxy-enable-native-sidecar), or proxy.nativeSidecar=true in its chart`},
	{"the Cloud SQL Auth Proxy", []string{"cloud-sql-proxy", "cloudsql-proxy", "csql-*"}, []string{"cloud-sql-proxy", "gce-proxy"}, &quitEndpoint{"POST", 9091, "/quitquitquit", "the flag --quitquitquit"}, ready{}, ""},
	{"the AlloyDB Auth Proxy", []string{"alloydb-auth-proxy", "alloydb-proxy"}, []string{"alloydb-auth-proxy"}, &quitEndpoint{"POST", 9091, "/quitquitquit", "the flag --quitquitquit"}, ready{}, ""},
	{"Dapr's sidecar", []string{"daprd"}, []string{"daprd"}, &quitEndpoint{"POST", 3500, "/v1.0/shutdown", ""}, ready{}, `the pod annotation dapr.io/enable-native-sidecar: "true" (Dapr 1.18 or later)`},
	{"Consul's dataplane", []string{"consul-dataplane*"}, []string{"consul-dataplane"}, &quitEndpoint{"POST", 20600, "/graceful_shutdown", "the pod annotation consul.hashicorp.com/enable-sidecar-proxy-lifecycle"}, ready{},
		`the pod annotation consul.hashicorp.com/enable-consul-dataplane-as-sidecar: "true" (consul-k8s 1.9 or later)`},
	{"Kuma's sidecar", []string{"kuma-sidecar"}, []string{"kuma-dp"}, &quitEndpoint{"POST", 9901, "/quitquitquit", ""}, ready{}, "experimental.sidecarContainers=true in its chart (Kuma 2.7 or later)"},
	{"the Vault agent", []string{"vault-agent"}, nil, &quitEndpoint{"POST", 8200, "/agent/v1/quit", `the pod annotation vault.hashicorp.com/agent-enable-quit: "true"`}, ready{}, ""},
	{"the Azure Workload Identity proxy", []string{"azwi-proxy"}, []string{"proxy-azwi"}, nil, ready{}, "Azure Workload Identity 1.5 or later on API servers of 1.32 or later"},
	{"the GCS FUSE sidecar", []string{"gke-gcsfuse-sidecar"}, []string{"gcs-fuse-csi-driver-sidecar-mounter"}, nil, ready{}, "GKE 1.29 or later on all nodes"},
	{"the OpenTelemetry Collector", []string{"otc-container", "otel-collector", "otelcol"}, []string{"opentelemetry-collector", "opentelemetry-collector-contrib", "opentelemetry-collector-k8s", "otelcol"}, nil, ready{13133, "/"}, "OpenTelemetry Operator 0.132 or later on Kubernetes 1.29 or later"},
	{"Docker in Docker", []string{"dind"}, nil, nil, ready{}, "the chart gha-runner-scale-set 0.12 or later, for GitHub's runners"},
	{"Envoy", []string{"envoy", "envoy-proxy"}, []string{"envoy", "envoy-distroless"}, &quitEndpoint{"POST", 9901, "/quitquitquit", "an admin listener (here taken to be on port 9901)"}, ready{}, ""},
	{"the X-Ray daemon", []string{"xray-daemon"}, []string{"aws-xray-daemon"}, nil, ready{}, ""},
	{"the SigV4 proxy", []string{"aws-sigv4-proxy"}, []string{"aws-sigv4-proxy"}, nil, ready{}, ""},
	{"Datadog's agent", []string{"datadog-agent-injected", "datadog-agent"}, nil, nil, ready{}, ""},
	{"Tailscale", []string{"tailscale", "ts-sidecar"}, []string{"tailscale"}, nil, ready{}, ""},
	{"oauth2-proxy", []string{"oauth2-proxy"}, []string{"oauth2-proxy"}, nil, ready{}, ""},
	{"Fluent Bit", []string{"fluent-bit", "fluentbit"}, []string{"fluent-bit", "aws-for-fluent-bit"}, nil, ready{}, ""},
	{"Fluentd", []string{"fluentd"}, []string{"fluentd"}, nil, ready{}, ""},
	{"Vector", []string{"vector"}, []string{"vector"}, nil, ready{}, ""},
	{"Filebeat", []string{"filebeat"}, []string{"filebeat"}, nil, ready{}, ""},
	{"Promtail", []string{"promtail"}, []string{"promtail"}, nil, ready{}, ""},
	{"the Jaeger agent", []string{"jaeger-agent"}, []string{"jaeger-agent"}, nil, ready{}, ""},
	{"PgBouncer", []string{"pgbouncer"}, []string{"pgbouncer"}, nil, ready{}, ""},
	{"git-sync", []string{"git-sync"}, nil, nil, ready{}, ""},
}

func (k *knownSidecar) quitPort() int {
	if k.quit == nil {
		return 0
	}
	return k.quit.port
}

// initJobs are init containers of the same software, often with the same image, that do end.
var initJobs = []string{
	"istio-init", "istio-validation", "linkerd-init", "linkerd-network-validator", "kuma-init", "kuma-validation",
	"consul-connect-inject-init", "vault-agent-init", "osm-init", "proxyinit", "azwi-proxy-init", "init-dind-externals",
	"gke-gcsfuse-metadata-prefetch",
}

// ends is a command line of known software that ends by itself.
var ends = regexp.MustCompile(`istio-iptables|-exit-after-auth|--one-time|-once\b|--once\b|--version\b|--validate\b|--dry-run\b`)

// softwareOf is the software that a container runs, by its name or image; nil when it is not known, or
// when it is known to end.
func softwareOf(c *corev1.Container) *knownSidecar {
	if slices.Contains(initJobs, c.Name) || ends.MatchString(commandLine(c)) {
		return nil
	}
	for i := range knownSidecars {
		if slices.ContainsFunc(knownSidecars[i].containers, func(name string) bool { return glob(name, c.Name) }) {
			return &knownSidecars[i]
		}
	}
	for i := range knownSidecars {
		if slices.Contains(knownSidecars[i].images, imageName(c.Image)) {
			return &knownSidecars[i]
		}
	}
	return nil
}

// glob compares a name with a pattern that may end in "*".
func glob(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// imageName is "envoy" for "docker.example/envoyproxy/envoy:v1@sha256:…".
func imageName(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndex(image, "/")+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}

// commandLine is all words of a container's command in one line.
func commandLine(c *corev1.Container) string {
	return strings.Join(slices.Concat(c.Command, c.Args), " ")
}

// stopGap says how to end known software in a pod now; "" when it has no endpoint for that. The
// port is forwarded, because such images often have no shell, and the port listens on localhost.
func (p subject) stopGap(c container) string {
	k := softwareOf(c.Container)
	if k == nil || k.quit == nil {
		return ""
	}
	lead := fmt.Sprintf("To let this pod end now, tell %s to stop", k.name)
	if k.quit.needs != "" {
		lead += " (it takes " + k.quit.needs + ")"
	}
	return lead + ":\n\n" + indent(fmt.Sprintf("kubectl port-forward -n %s pod/%s %d & sleep 2\ncurl -X %s http://localhost:%d%s; kill %%1",
		p.Namespace, p.Name, k.quit.port, k.quit.method, k.quit.port, k.quit.path))
}
