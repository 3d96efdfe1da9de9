# Everything a newcomer needs: make demo, make test. CONTRIBUTING.md says more.
SHELL   := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/kubectl-sidecar/kubectl-sidecar/internal/cli.version=$(VERSION)
export CGO_ENABLED ?= 0

.PHONY: build install demo test unit sweep fuzz lint vulncheck packages kubernetes clean

build: ## the plugin, into bin/
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/kubectl-sidecar ./cmd/kubectl-sidecar

install: ## the plugin, into GOBIN or GOPATH/bin: `kubectl sidecar` works when that is on PATH
	go install -trimpath -ldflags '$(LDFLAGS)' ./cmd/kubectl-sidecar

demo: build packages ## doctor on a real cluster with nodes of different versions and a webhook that strips the field
	go run ./hack/demo -plugin bin/kubectl-sidecar

test: packages lint kubernetes ## everything: unit, integration on real API servers, end-to-end on real kubelets
	hack/test.sh

unit: ## only what needs no cluster
	go test ./pkg/... ./cmd/... ./docs/... ./internal/... -short

sweep: ## every request of every command goes wrong in every way; make test runs a sample of it
	SWEEP=all go test ./test/sweep -run TestSweep -count=1 -timeout 60m

FUZZTIME ?= 10m
fuzz: ## each fuzz target for FUZZTIME; what is found becomes a file under testdata/fuzz
	@set -e; for file in $$(git ls-files '*_test.go' | xargs grep -l '^func Fuzz'); do \
		for target in $$(grep -oE '^func Fuzz[A-Za-z]+' $$file | cut -c6-); do \
			echo "$$(dirname $$file) $$target"; \
			go test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x; \
		done; \
	done

packages: ## Debian packages for real kubelets; says what will not run where they cannot be installed
	@hack/packages.sh

kubernetes: ## the Kubernetes binaries of every version under test/kubernetes, built once
	go run ./test/cluster/cmd/testcluster build

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "gofmt: the files above are not formatted"; exit 1; }
	go vet ./...
	go tool -modfile=hack/tools/go.mod staticcheck ./...

vulncheck: ## needs the vulnerability database of the Go project, hence the network
	go tool -modfile=hack/tools/go.mod govulncheck ./...

clean:
	go run ./test/cluster/cmd/testcluster clean || true
	rm -rf bin dist .cache
