// Grafana's own types of dashboards, which deploy/fleet's dashboard is read with.
module kubectl-sidecar.dev/test/fleet/grafana

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
