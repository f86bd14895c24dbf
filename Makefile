# `make help` lists the targets. Everything that they need beyond Go, make and a
# C-less Debian is built from pinned sources into .cache/ or installed by apt.
SHELL    := /bin/bash
GO       ?= go
BIN      := bin
CACHE    := .cache
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X github.com/coredns/coredns/coremain.GitCommit=$(VERSION) -X main.version=$(VERSION)
FUZZTIME ?= 60s
VULNDB   ?= https://vuln.go.dev
# The race detector needs a C compiler; tests run without it where there is none.
RACE     ?= $(if $(shell command -v gcc),-race)
# Packages whose tests look at what happens within milliseconds, and have whole
# programs to do it with: nothing else runs meanwhile. The simulator needs no
# races looked for, and all cores.
ALONE    := -e /test/sim$$ -e /director/dataplane$$ -e /test/director$$ -e /test/paired$$ -e /test/balance$$ -e /test/soak$$

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/coredns, bin/ballast-director, bin/ballast-agent and bin/ballastctl
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/coredns ./cmd/coredns
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ballast-agent ./cmd/agent
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ballast-director ./cmd/director
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/ballastctl ./cmd/ballastctl

.PHONY: run
run: build ## Start the name server with three demo servers, and watch it
	$(GO) run ./test/demo -bin $(BIN)

.PHONY: run-consul
run-consul: build consul ## The same with a real Consul and three agents
	$(GO) run ./test/demo -bin $(BIN) -consul $(CACHE)/bin/consul

.PHONY: consul
consul: $(CACHE)/bin/consul ## Build the pinned Consul that tests and run-consul use

$(CACHE)/bin/consul: test/consul/go.mod test/consul/go.sum
	@echo "building Consul from source; this takes some minutes, once"
	@mkdir -p $(@D)
	cd test/consul && $(GO) build -trimpath -ldflags '-s -w' -o ../../$@ github.com/hashicorp/consul
	@touch $@

.PHONY: packages
packages: ## Install the Debian packages that tests use, if they are missing
	@test/packages/install

.PHONY: test
test: packages consul ## Run all tests (CI=true turns skips into failures)
	$(GO) vet ./...
	$(GO) test $(RACE) -timeout 9m $$($(GO) list ./... | grep -v $(ALONE))
	$(GO) test -p 1 -timeout 9m $$($(GO) list ./... | grep $(ALONE))

.PHONY: lint
lint: ## Run gofmt, go vet and golangci-lint (pinned in test/lint)
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile test/lint/go.mod golangci-lint run ./...

.PHONY: gen
gen: ## Regenerate what is generated
	$(GO) generate ./...

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what is built, in the database at VULNDB
	@out=$$($(GO) tool -modfile test/vuln/go.mod govulncheck -db $(VULNDB) ./... 2>&1); rc=$$?; echo "$$out"; \
	if grep -q "fetching vulnerabilities" <<<"$$out"; then \
	  echo "make vuln: NOTHING WAS CHECKED, as $(VULNDB) cannot be reached; VULNDB=file:///COPY or a mirror may do instead"; \
	fi; exit $$rc

.PHONY: fuzz
fuzz: ## Fuzz every parser and ServeDNS, FUZZTIME each (default 60s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg; \
	  done; \
	done

.PHONY: bench
bench: build ## Measure the cost of an answer, alone and against the file plugin
	$(GO) run ./test/bench -bin $(BIN)

.PHONY: difftest
difftest: build packages ## Compare answers with those of NSD and Knot, in a minute
	$(GO) run ./test/difftest -bin $(BIN) -cache $(CACHE)/bin

.PHONY: sim
sim: ## Judge the policies in the simulator, and write test/sim/results
	$(GO) run ./test/sim -out test/sim/results

.PHONY: bench-director
bench-director: build ## Measure the director beside plain routing, nftables and HAProxy, as root
	$(GO) run ./test/bench/director -bin $(BIN)

.PHONY: soak
soak: build consul ## Judge every answer for an hour of faults and load (SHORT=1: five minutes)
	$(GO) run ./test/soak -bin $(BIN) $(if $(SHORT),-for 5m -pace 0.5) $(SOAK)

.PHONY: lab-up
lab-up: build consul $(BIN)/lab ## Build the network lab and start its programs, as root
	$(BIN)/lab -bin $(BIN) -consul $(CACHE)/bin/consul up

.PHONY: lab-down
lab-down: $(BIN)/lab ## End the lab's programs and remove it
	$(BIN)/lab down

.PHONY: lab-shell
lab-shell: $(BIN)/lab ## Start a shell in the lab's NODE (default client)
	$(BIN)/lab shell $(or $(NODE),client)

.PHONY: lab-balance
lab-balance: build consul packages ## Measure how evenly policies load unequal servers, as root, in twenty minutes
	$(GO) run ./test/balance -bin $(BIN) -consul $(CACHE)/bin/consul -unbound $(CACHE)/bin/unbound -out $(CACHE)/balance

.PHONY: $(BIN)/lab
$(BIN)/lab:
	@mkdir -p $(BIN)
	$(GO) build -o $@ ./test/lab/cmd

.PHONY: clean
clean: ## Remove what was built; .cache/ stays
	rm -rf $(BIN)
