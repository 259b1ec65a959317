# The front door: `make help` lists what there is.
.PHONY: help run test asan soak bench record scale flamegraph

help: ## Lists the targets.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: ## Builds for release and starts the server; ARGS="--port 7000" and the like are passed on.
	cargo run --release --bin basalt -- $(ARGS)

test: ## Runs all tests; Redis, which they compare with, is fetched into target/oracle.
	scripts/test.sh

asan: ## Runs the tests of the key space with AddressSanitizer.
	scripts/asan.sh

soak: ## Simulates shards and clients, then drives a live server: MINUTES=60 for longer than ten, RATE=5000 for fewer requests.
	scripts/soak.sh $(or $(MINUTES),10) $(RATE)

bench: ## Measures the standard table, Basalt beside redis-server, in 8 minutes: ROUNDS=9 SECONDS=2 for longer, CONTROL=1 for noise.
	ROUNDS=$(ROUNDS) SECONDS_EACH=$(SECONDS) scripts/bench.sh

record: ## Measures all that is kept, table, more cores, generators, layers, instructions, into benches/record/MACHINE/DATE.md, in 15 minutes once built; options as bench.
	ROUNDS=$(ROUNDS) SECONDS_EACH=$(SECONDS) scripts/record.sh

scale: ## Measures WORKLOAD with 1 to N shards and fits the Universal Scalability Law, in a minute or two; ROUNDS, SECONDS, SHARDS=1,2,4.
	ROUNDS=$(ROUNDS) SECONDS_EACH=$(SECONDS) scripts/scale.sh

flamegraph: ## Profiles WORKLOAD (get-p1, set-p16, cross-p16 ...) and draws flamegraphs/DATE-WORKLOAD.svg.
	scripts/flamegraph.sh $(or $(WORKLOAD),get-p16)
