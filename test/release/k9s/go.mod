// k9s: its schema of plugin files is what a test reads, nothing that is built or imported.
module kubectl-sidecar.dev/test/release/k9s

go 1.26.0

require github.com/derailed/k9s v0.50.18
