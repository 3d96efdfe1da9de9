// The CRDs of the OpenReports project, nothing that is imported.
module kubectl-sidecar.dev/test/deploy/openreports

go 1.26.0

require github.com/openreports/reports-api v0.2.1
