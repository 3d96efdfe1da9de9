// Argo Rollouts v1.10.2: the files of its release, which are installed; nothing of it is built.
module kubectl-sidecar.dev/test/webhooks/real/argo-rollouts

go 1.26.10

require github.com/argoproj/argo-rollouts v1.10.2
