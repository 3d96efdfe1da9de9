// Dapr v1.14.0: the files of its release, which are installed, and its programs, which are built in its own folder.
module kubectl-sidecar.dev/test/webhooks/real/dapr

go 1.26.0

require github.com/dapr/dapr v1.14.0
