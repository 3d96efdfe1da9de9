// Kueue v0.17.0: the files of its release, which are installed, and its program, which is built in its own folder.
module kubectl-sidecar.dev/test/webhooks/real/kueue

go 1.26.0

require sigs.k8s.io/kueue v0.17.0
