module github.com/kubectl-sidecar/kubectl-sidecar

go 1.26.0
