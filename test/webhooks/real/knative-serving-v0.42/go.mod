// Knative Serving v0.42.2: the files of its release, which are installed, and its webhook, which is built in its own
// folder. Of v0.51.0 it cannot be: the versions of other modules that it requires are not to be had from the module proxy.
module kubectl-sidecar.dev/test/webhooks/real/knative-serving-v0.42

go 1.26.0

require knative.dev/serving v0.42.2
