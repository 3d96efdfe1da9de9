// Knative Serving v0.51.0: the files of its release, which are installed; nothing of it is built.
module kubectl-sidecar.dev/test/webhooks/real/knative-serving

go 1.26.0

require knative.dev/serving v0.51.0
