//go:build linux

package main

import "strings"

// A knownSidecar is one of pkg/known in the options of this program. A test holds the two equal: pkg/known itself
// would make the program more than twice as large, since it parses YAML.
type knownSidecar struct {
	name, id   string
	wait, quit string
}

var knownSidecars = []knownSidecar{
	{"istio", "istio", "http://127.0.0.1:15021/healthz/ready", "POST=http://127.0.0.1:15020/quitquitquit"},
	{"cloud-sql-proxy", "cloud-sql-proxy", "http://127.0.0.1:9090/startup", "POST=http://127.0.0.1:9091/quitquitquit"},
	{"alloydb", "alloydb-auth-proxy", "http://127.0.0.1:9090/startup", "POST=http://127.0.0.1:9091/quitquitquit"},
	{"linkerd", "linkerd", "http://127.0.0.1:4191/ready", "POST=http://127.0.0.1:4191/shutdown"},
	{"vault", "vault-agent", "tcp://127.0.0.1:8200", "POST=http://127.0.0.1:8200/agent/v1/quit"},
	{"dapr", "dapr", "http://127.0.0.1:3501/v1.0/healthz/outbound", "POST=http://127.0.0.1:3500/v1.0/shutdown"},
	{"envoy", "envoy", "http://127.0.0.1:9901/ready", "POST=http://127.0.0.1:9901/quitquitquit"},
	{"consul", "consul", "tcp://127.0.0.1:20600", "POST=http://127.0.0.1:20600/graceful_shutdown"},
}

func names() string {
	list := make([]string, 0, len(knownSidecars))
	for _, s := range knownSidecars {
		list = append(list, s.name)
	}
	return strings.Join(list, ", ")
}
