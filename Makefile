# `make help` lists the chores. Everything runs in the environment that ./dev sets up.
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## bind the fixture guest for LoL and run it as a process
	./dev demo

test: ## lint, types and all tests, as CI runs them
	./dev test

quick: ## the tests that need no Linux kernel
	./dev test -n 2 --dist loadgroup --ignore tests/linux --ignore tests/hosts

format: ## let ruff put the sources in order
	./dev ruff format .
	./dev ruff check --fix .

layouts: ## rewrite linker/sites/layouts.py from construct's and pyelftools' definitions
	./dev python -m linker.sites.make_layouts

generated: layouts ## rewrite what is made from the tables of classes and rows: C headers, patterns of the stand-in
	./dev python -m afterburner.x86_64.candidate_patterns
	./dev python -m linker.hypervisors.shared.x86_64_headers

modules: generated ## rebuild the interface modules
	$(MAKE) -B -C linker/hypervisors/lol/src-x86_64
	$(MAKE) -B -C linker/hypervisors/lol/src-i386
	$(MAKE) -B -C linker/hypervisors/xen/src-x86_64
	PATH="$$(fixtures/toolchain/build.sh):$$PATH" $(MAKE) -B -C linker/hypervisors/lol/src-ia64
	$(MAKE) -B -C linker/hypervisors/vnuma/src-ia64
	$(MAKE) -B -C linker/hypervisors/xen/src-ia64

macros: ## rewrite the assembler macros from the class tables
	mkdir -p build
	for arch in x86_64 ia64; do \
		./dev python -m afterburner.macros $$arch > build/macros.s && mv build/macros.s afterburner/macros/$$arch.s || exit; \
	done

guest: ## rebuild the fixture guests
	$(MAKE) -C fixtures/x86_64 clean
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(MAKE) -C fixtures/x86_64
	$(MAKE) -B -C fixtures/i386
	PATH="$$(fixtures/toolchain/build.sh):$(CURDIR)/.venv/bin:$$PATH" $(MAKE) -B -C fixtures/ia64

man: ## rewrite the manual pages from what --help prints
	./dev python docs/man/make_pages.py

bench: ## print how fast commands start and, after building Linux 6.1 for each architecture once, how fast the linker is
	./dev python benchmarks/start_speed.py
	./dev python benchmarks/link_speed.py "$$(fixtures/linux/build.sh)/vmlinux"
	./dev python benchmarks/link_speed.py "$$(fixtures/linux/build.sh --arch ia64)/vmlinux"

judges: ## the tests that take too long for CI: Linux in the low layout with SMP, page-table isolation and modules
	./dev test -n 2 --dist loadgroup tests/judges

fuzz: ## damage 500,000 images, bind and restore them; FUZZ="--images 20000 --seed 7" for fewer, or others
	./dev python tests/fuzz/campaign.py --images 500000 --jobs 2 $(FUZZ)

clean: ## remove what builds and tests left behind
	rm -rf .cache build .pytest_cache .ruff_cache .mypy_cache .hypothesis

.PHONY: help demo test quick format layouts generated modules macros guest man bench judges fuzz clean
