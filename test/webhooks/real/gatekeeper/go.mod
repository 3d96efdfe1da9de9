// Gatekeeper v3.23.1: the files of its release, which are installed, and its programs, which are built in its own folder.
module kubectl-sidecar.dev/test/webhooks/real/gatekeeper

go 1.26.0

require github.com/open-policy-agent/gatekeeper/v3 v3.23.1
