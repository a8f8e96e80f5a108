# The front door. CMake builds; this file only says in which order things are done.
#
#   make            build build/toolkit
#   make demo       install what is missing, build, train a small network on npu:0
#   make check      style, C tests, ABI tests, Python clients (.ci/run calls it)
#   make check-all  also slow tests, sanitizers, aarch64 and benchmarks
#   make check-aarch64   C tests of a cross build, under qemu-user
#   make bench      speed, as ratios to other libraries
#   make compatibility   write COMPATIBILITY.md
#   make install    copy the toolkit to PREFIX
#   make wheel      a wheel for pip, in dist/
#   make deb        Debian packages, in dist/
#
# Variables, for the command line or the environment:
BUILD ?= build
# Parallel jobs.
JOBS ?= $(shell nproc)
# Python of the test clients; torch_npu 2.13.0 exists for 3.10 to 3.13.
PYTHON ?= python3
# URL of the package index (default: what pip is configured for), and further arguments of pip. On
# PyPI itself torch is the CUDA build, several GB: there, name the index of PyTorch's CPU builds by
# PIP_ARGS="--extra-index-url URL".
PIP_INDEX ?=
PIP_ARGS ?=
CMAKE_ARGS ?=
PREFIX ?= /opt/anycann

VENV := .venv
VENV_ORT := .venv-ort
TOOLKIT := $(abspath $(BUILD))/toolkit
PIP_INSTALL = bin/python -m pip install --quiet --disable-pip-version-check \
    $(if $(PIP_INDEX),--index-url $(PIP_INDEX)) $(PIP_ARGS)
export TOOLKIT
MAKEFLAGS += --no-print-directory

.PHONY: all build deps venv venv-ort demo check check-all style test-c test-python sanitize \
        check-aarch64 bench \
        compatibility install wheel deb clean

all: build

build: $(BUILD)/build.ninja
	cmake --build $(BUILD) --parallel $(JOBS)

$(BUILD)/build.ninja:
	cmake -G Ninja -S . -B $(BUILD) $(CMAKE_ARGS)

deps:
	PYTHON="$(PYTHON)" tools/install-deps.sh

# onnxruntime-cann wants an older numpy than the others, hence the second environment.
venv: $(VENV)/.stamp $(VENV)/.stamp-models
venv-ort: $(VENV_ORT)/.stamp
$(VENV)/.stamp: tests/requirements.txt
$(VENV_ORT)/.stamp: tests/requirements-ort.txt
$(VENV)/.stamp $(VENV_ORT)/.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
	    { echo "$(PYTHON) is not 3.10 to 3.13, for which the clients exist; set PYTHON" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/$(PIP_INSTALL) -r $<
	touch $@

$(VENV)/.stamp-models: tests/requirements-models.txt $(VENV)/.stamp
	$(@D)/$(PIP_INSTALL) --no-deps -r $<
	touch $@

demo: deps
	$(MAKE) build venv
	PATH="$(abspath $(VENV))/bin:$$PATH" $(TOOLKIT)/bin/anycann run python examples/torch_train/train.py

# pytest comes last: its summary is the last line.
check: deps
	$(MAKE) venv venv-ort build
	$(MAKE) style
	$(MAKE) test-c
	$(MAKE) test-python

check-all: check
	$(VENV)/bin/python -m pytest -q -ra -m slow tests
	$(MAKE) sanitize
	$(MAKE) check-aarch64
	$(MAKE) bench

style: $(VENV)/.stamp
	find src tests bench examples -name '*.[ch]' -o -name '*.cpp' | xargs clang-format --dry-run -Werror
	$(VENV)/bin/ruff check --quiet .

test-c: build
	ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

test-python: build venv venv-ort
	$(VENV_ORT)/bin/python -m pytest -q tests/abi/test_onnxruntime.py tests/abi/test_clients.py
	$(VENV)/bin/python -m pytest -q -ra -m "not slow" tests

# The C tests once more, in builds that watch memory, undefined behaviour and threads.
sanitize: deps
	cmake -G Ninja -S . -B $(BUILD)-asan -DACN_SANITIZE=address,undefined $(CMAKE_ARGS)
	cmake --build $(BUILD)-asan --parallel $(JOBS)
	ctest --test-dir $(BUILD)-asan --output-on-failure -j $(JOBS)
	cmake -G Ninja -S . -B $(BUILD)-tsan -DACN_SANITIZE=thread $(CMAKE_ARGS)
	cmake --build $(BUILD)-tsan --parallel $(JOBS)
	ctest --test-dir $(BUILD)-tsan --output-on-failure -j $(JOBS)

# `make wheel BUILD=build-aarch64` then packs what this builds.
check-aarch64:
	PYTHON="$(PYTHON)" tools/install-deps.sh aarch64
	tools/aarch64-sysroot.sh $(BUILD)-aarch64/sysroot
	cmake -G Ninja -S . -B $(BUILD)-aarch64 -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake $(CMAKE_ARGS)
	cmake --build $(BUILD)-aarch64 --parallel $(JOBS)
	ctest --test-dir $(BUILD)-aarch64 --output-on-failure -j $(JOBS)

bench: build venv
	cmake --build $(BUILD) --parallel $(JOBS) --target bench
	for threads in 1 2; do $(VENV)/bin/python bench/torch_elementwise.py $(TOOLKIT) $$threads; done
	$(VENV)/bin/python bench/torch_elementwise.py $(TOOLKIT) 1 functions
	for threads in 1 2; do \
	    $(TOOLKIT)/bin/anycann run $(VENV)/bin/python bench/torch_operators.py --threads $$threads; \
	    $(TOOLKIT)/bin/anycann run $(VENV)/bin/python bench/torch_resnet.py $$threads; \
	done
	$(VENV)/bin/python bench/graph_models.py $(TOOLKIT)
	$(VENV)/bin/python bench/import_time.py
	$(TOOLKIT)/bin/anycann run --devices 2 $(VENV)/bin/python bench/torch_collectives.py

# COMPATIBILITY.md from what the toolkit says of itself and from the results of the tests.
compatibility: build venv venv-ort
	mkdir -p $(BUILD)/results
	$(BUILD)/tests/test_operators --table $(BUILD)/results/operators.tsv > /dev/null
	-RESULTS=$(abspath $(BUILD))/results $(VENV)/bin/python -m pytest -q \
		--junitxml=$(BUILD)/results/python.xml -m "not slow" tests
	$(PYTHON) tools/compatibility.py $(TOOLKIT) $(BUILD)/results > COMPATIBILITY.md

install: build
	cmake --install $(BUILD) --prefix $(PREFIX)

# Packages are made from a stripped copy of the toolkit and from nothing else.
wheel deb: build
	rm -rf $(BUILD)/stage
	cmake --install $(BUILD) --prefix $(abspath $(BUILD))/stage --strip > /dev/null
	$(PYTHON) packaging/$@.py $(BUILD)/stage dist

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-aarch64
