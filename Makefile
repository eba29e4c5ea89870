# The front door. Meson and Ninja do the building; this file installs what is missing first, so
# that a machine with only git and make gets from a clone to a working program.

BUILD  ?= build
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)
# Debian's own interpreter has the modules that the tests need; others on the PATH may not.
PYTHON ?= $(if $(wildcard /usr/bin/python3),/usr/bin/python3,python3)
FUZZ_SECONDS ?= 60
SOAK_MINUTES ?= 20

.DEFAULT_GOAL := all
.PHONY: all help demo test bench fuzz soak coverage install uninstall deps deps-test deps-coverage \
	deps-train starter format clean deb

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $(JOBS)

help:
	@echo 'make              release build; the program is build/hence'
	@echo 'make demo         from nothing to an answer: installs, builds, asks the starter model'
	@echo 'make test         everything; PARTS="gcc asan" picks parts (tools/test.py --list)'
	@echo 'make bench        speed of the kernels and of the starter model here'
	@echo 'make fuzz         fuzzes every parser, FUZZ_SECONDS=60 each'
	@echo 'make soak         a server under mixed load, SOAK_MINUTES=20: flat memory, no error'
	@echo 'make coverage     line coverage of src/'
	@echo 'make install      PREFIX=/usr/local, DESTDIR is honoured; make uninstall undoes it'
	@echo 'make deb          Debian packages in build-deb/'
	@echo 'make deps         installs what the build needs; deps-test, deps-coverage, deps-train'
	@echo 'make starter      trains the starter model anew, an hour and more on one core'
	@echo 'make format       clang-format over all C sources'
	@echo 'make clean        removes every build folder'

# Without the tools this says what is missing and that `make deps` installs it.
$(BUILD)/build.ninja:
	@tools/deps.sh --check build
	@meson setup $(BUILD) --prefix=$(PREFIX)

demo:
	@tools/deps.sh build
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)/hence

test:
	@tools/deps.sh build test
	@$(PYTHON) tools/test.py --jobs $(JOBS) $(PARTS)

bench: $(BUILD)/build.ninja
	@meson configure $(BUILD) -Dbench=true
	@$(MAKE) --no-print-directory all
	@tools/bench.sh $(BUILD)

fuzz:
	@tools/deps.sh build test
	@$(PYTHON) tools/fuzz.py --jobs $(JOBS) --seconds $(FUZZ_SECONDS) $(TARGETS)

soak: all
	@$(PYTHON) tools/soak.py $(BUILD)/hence --minutes $(SOAK_MINUTES)

coverage:
	@tools/deps.sh build test coverage
	@$(PYTHON) tools/coverage.py --jobs $(JOBS)

install: all
	@if [ "$$(cat $(BUILD)/.prefix 2>/dev/null)" != '$(PREFIX)' ]; then \
		meson configure $(BUILD) --prefix=$(PREFIX) && echo '$(PREFIX)' > $(BUILD)/.prefix; fi
	@DESTDIR='$(DESTDIR)' meson install -C $(BUILD)

uninstall:
	@ninja -C $(BUILD) uninstall

deps:
	@tools/deps.sh build
deps-test:
	@tools/deps.sh build test
deps-coverage:
	@tools/deps.sh build test coverage
deps-train:
	@tools/deps.sh train

starter:
	@tools/deps.sh train
	@$(PYTHON) tools/starter/train.py --work build-starter
	@$(PYTHON) tools/starter/export.py --work build-starter models/starter-chat.gguf
	@$(PYTHON) tools/starter/customers.py --out build-starter/shop
	@$(PYTHON) tools/starter/recommender.py --data build-starter/shop

deb:
	@tools/make-deb $(JOBS)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf $(BUILD) build-gcc build-clang build-asan build-tsan build-fuzz build-coverage build-deb \
		build-starter
