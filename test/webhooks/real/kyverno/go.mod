// Kyverno v1.19.1: the files of its release, which are installed, and its programs, which are built in its own folder.
module kubectl-sidecar.dev/test/webhooks/real/kyverno

go 1.26.0

require github.com/kyverno/kyverno v1.19.1
