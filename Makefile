# Everything a newcomer needs: make demo, make test. CONTRIBUTING.md says more.
SHELL   := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/kubectl-sidecar/kubectl-sidecar/internal/cli.version=$(VERSION)
export CGO_ENABLED ?= 0
# Whatever is built here is built with -trimpath, the tests too: a package is compiled once for all clones.
export GOFLAGS := $(filter-out -trimpath,$(shell go env GOFLAGS)) -trimpath

.PHONY: build image install demo test bare stress unit real platforms sweep bench fuzz fuzz-short docs release reproducible lint vulncheck packages kubelets kubernetes clean

RUN_LDFLAGS := -s -w -X main.version=$(VERSION)
build: ## the plugin and sidecar-run, into bin/
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/kubectl-sidecar ./cmd/kubectl-sidecar
	GOOS=linux go build -trimpath -ldflags '$(RUN_LDFLAGS)' -o bin/sidecar-run ./cmd/sidecar-run

# The image is the same again for the same commit: its time is the commit's.
IMAGE        ?= registry.example/kubectl-sidecar
IMAGE_ARCHES ?= amd64 arm64
IMAGE_DIR    ?= dist
image: SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
image: ## the container image of deploy/, into dist/kubectl-sidecar-image.tar
	@set -e; for arch in $(IMAGE_ARCHES); do \
		GOOS=linux GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o $(abspath $(IMAGE_DIR))/image/linux-$$arch/kubectl-sidecar ./cmd/kubectl-sidecar; \
		GOOS=linux GOARCH=$$arch go build -trimpath -ldflags '$(RUN_LDFLAGS)' -o $(abspath $(IMAGE_DIR))/image/linux-$$arch/sidecar-run ./cmd/sidecar-run; \
	done
	go run -C hack/image . -name $(IMAGE) -version $(VERSION) -created $(SOURCE_DATE_EPOCH) -license $(CURDIR)/LICENSE \
		-programs $(abspath $(IMAGE_DIR))/image -o $(abspath $(IMAGE_DIR))/kubectl-sidecar-image.tar

install: ## the plugin, into GOBIN or GOPATH/bin: `kubectl sidecar` works when that is on PATH
	go install -trimpath -ldflags '$(LDFLAGS)' ./cmd/kubectl-sidecar

demo: ## doctor and why on recorded clusters within a minute or two, then doctor on a real one with a webhook that strips the field
	@echo 'demo: compiling what judges the recorded clusters, about a minute the first time' >&2
	@go build -trimpath -buildvcs=false -o bin/demo ./hack/demo
	@bin/demo -version '$(VERSION)'

test: packages lint kubernetes ## everything: unit, integration on real API servers, end-to-end on real kubelets
	hack/test.sh
	$(MAKE) fuzz-short

bare: ## README's commands on a bare Debian, with what they took: make bare BARE='install demo'; needs root, minutes to hours
	hack/bare.sh

STRESS ?= $(MAKE) test
stress: ## the tests on a busy machine: STRESS='go test ./test/e2e' for some of them
	hack/stress.sh $(STRESS)

unit: ## only what needs no cluster
	go test ./pkg/... ./cmd/... ./docs/... ./internal/... -short

sweep: ## every request of every command goes wrong in every way; make test runs a sample of it
	SWEEP=all go test ./test/sweep -run TestSweep -count=1 -timeout 60m

real: ## the plugin on released software as it is installed; its modules are downloaded and built first
	go test -tags real ./test/real -count=1 -timeout 60m -v

platforms: ## the plugin for Windows and for arm64, run under wine and qemu; installs them
	@hack/packages.sh platforms
	go test -tags platforms ./test/platforms -count=1 -timeout 30m -v

BENCH ?=
bench: build ## what the plugin costs beside kubectl and bare requests, as ratios; BENCH='-nodes 500 -only nodes' for less
	go run ./test/bench -plugin bin/kubectl-sidecar $(BENCH)

FUZZTIME ?= 10m
fuzz: ## each fuzz target for FUZZTIME; what is found becomes a file under testdata/fuzz
	@set -e; for file in $$(git ls-files '*_test.go' | xargs grep -l '^func Fuzz'); do \
		for target in $$(grep -oE '^func Fuzz[A-Za-z]+' $$file | cut -c6-); do \
			echo "$$(dirname $$file) $$target"; \
			go test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x; \
		done; \
	done

fuzz-short: ## a thousand runs of each fuzz target, beside its seeds, which every test run tries
	$(MAKE) fuzz FUZZTIME=1000x

packages: ## Debian packages for the tests; says what will not run where they cannot be installed
	@hack/packages.sh tests

kubelets: ## of those, the ones for real kubelets
	@hack/packages.sh

kubernetes: ## the Kubernetes binaries of every version under test/kubernetes, built once
	go run ./test/cluster/cmd/testcluster build

lint:
	@files=$$(gofmt -l $$(git ls-files '*.go')) || exit 1; test -z "$$files" || { echo "$$files"; echo "gofmt: the files above are not formatted"; exit 1; }
	go vet ./...
	go vet -tags real ./test/real
	go vet -tags platforms ./test/platforms
	go tool -modfile=hack/tools/go.mod staticcheck ./...
	go tool -modfile=hack/tools/go.mod gocyclo -over 15 -ignore '_test\.go$$' cmd internal pkg docs hack
	go tool -modfile=hack/tools/go.mod actionlint
	go mod verify

vulncheck: ## known vulnerabilities; skipped, and says so, where the database of the Go project cannot be reached
	@hack/vulncheck.sh

docs: ## the pages of all commands, into docs/cli
	go run ./hack/docs

RELEASE_URL ?= https://github.com/kubectl-sidecar/kubectl-sidecar/releases/download
release: ## archives for six platforms, sums, bills of materials and krew's manifest, into dist/: make release VERSION=v0.1.0
	RELEASE=1 go test ./pkg/print -run TestContract
	go run ./hack/release -version $(VERSION) -url $(RELEASE_URL)

reproducible: ## build a release twice, the second time elsewhere and with an empty cache, and compare
	FRESH=1 go test ./test/release -run TestReproducible -count=1 -timeout 60m

clean:
	go run ./test/cluster/cmd/testcluster clean || true
	rm -rf bin dist .cache
