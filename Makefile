# One non-recursive Makefile. `make help` lists the targets.
# `make V=1` shows the commands. Variants live side by side in build/<variant>: release (default), asan, tsan, failpoints, fuzz.

VARIANT ?= release
BUILD   ?= build/$(VARIANT)
CC      ?= cc
PREFIX  ?= /usr/local
VERSION := 0.1.0

# MySQL's client library is either of two: MariaDB Connector/C (libmariadb) or Oracle's (mysqlclient); `make MYSQL=…` chooses.
MYSQL    ?= $(firstword $(shell for p in libmariadb mysqlclient; do pkg-config --exists $$p && echo $$p; done) libmariadb)
PACKAGES := libpq $(MYSQL) lmdb libzstd zlib libxxhash libmicrohttpd yaml-0.1 jansson openssl
DEBIAN   := libpq-dev default-libmysqlclient-dev liblmdb-dev libzstd-dev zlib1g-dev libxxhash-dev libmicrohttpd-dev libyaml-dev \
            libjansson-dev libssl-dev

ifeq ($(filter help clean,$(MAKECMDGOALS)),)
MISSING := $(shell for p in $(PACKAGES); do pkg-config --exists $$p || echo $$p; done)
ifneq ($(MISSING),)
$(error pkg-config does not know: $(MISSING). On Debian: apt-get install pkg-config $(DEBIAN))
endif
endif

WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection -fno-delete-null-pointer-checks \
          -fno-strict-overflow
OPT    := -O3 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
LINK   := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed

ifeq ($(VARIANT),asan)
OPT  := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
ifeq ($(VARIANT),tsan)
OPT  := -O1 -fno-omit-frame-pointer -fsanitize=thread
endif
ifeq ($(VARIANT),failpoints)
OPT  += -DLEAT_FAILPOINTS
endif
ifeq ($(VARIANT),fuzz)
CC   := clang-14
OPT  := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
WARN += -Wno-gnu-zero-variadic-macro-arguments
endif
ifneq ($(V),1)
say = @printf '  %-5s %s\n' $(1) $(2);
endif
ifneq ($(WERROR),)
WARN += -Werror
endif

CFLAGS_ALL := -std=gnu11 -g $(OPT) $(HARDEN) $(WARN) -D_GNU_SOURCE -DLEAT_VERSION='"$(VERSION)"' \
              -Iinclude -Isrc -Iconnectors $(shell pkg-config --cflags $(PACKAGES)) $(CFLAGS)
# Debian's MHD, LMDB and xxhash ship headers without surprises; -Wconversion is for our decoders only.
DECODERS := connectors/sources/postgres/pgoutput.c $(wildcard connectors/sources/postgres/pgtype*.c) \
            $(patsubst %,connectors/sources/mysql/%.c,binlog_checksum binlog_event binlog_gtid_event \
              binlog_rows_event binlog_rows charset charset_sets ddl ddl_token decimal gtid gtid_maria json_binary json_patch \
              row_describe row_text row_time row_value) \
            connectors/emitters/postgres/json_check.c $(addprefix connectors/sources/webhook/,base64.c cloudevent.c json_scan.c inflate.c metadata.c multipart.c route.c signature.c time_text.c) \
            src/event/value.c src/event/schema.c $(wildcard src/codec/*.c)

# --- archives, lowest first; LIBS_<dir> is what its unit tests may link -------------------------------------
DIRS := base event codec store config metrics http pipeline feed
lib   = $(BUILD)/libleat_$(1).a
ARCHIVES := $(foreach d,$(DIRS),$(call lib,$(d)))
LIBS_base     := base
LIBS_event    := event base
LIBS_codec    := codec event base
LIBS_store    := store base
LIBS_config   := config base
LIBS_metrics  := metrics base
LIBS_http     := http store metrics base
LIBS_pipeline := pipeline store codec event base
LIBS_sources  := pipeline store codec event http metrics base
LIBS_emitters := pipeline store codec event config base
LIBS_feed     := feed http pipeline codec event config store metrics base
LIBS_mysql    := pipeline store codec event base

SYSTEM := $(shell pkg-config --libs $(PACKAGES)) -lpthread -lm

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))
CONNECTORS := $(notdir $(wildcard connectors/sources/*))
source_lib  = $(BUILD)/libleat_source_$(1).a
EMITTERS := $(notdir $(wildcard connectors/emitters/*))
emitter_lib = $(BUILD)/libleat_emitter_$(1).a
SOURCES_A := $(foreach c,$(CONNECTORS),$(call source_lib,$(c))) $(foreach c,$(EMITTERS),$(call emitter_lib,$(c)))

all: $(BUILD)/leat

define archive
$(call lib,$(1)): $(call objects,src/$(1)/*.c)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach d,$(DIRS),$(eval $(call archive,$(d))))

define source_archive
$(call source_lib,$(1)): $(call objects,connectors/sources/$(1)/*.c)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach c,$(CONNECTORS),$(eval $(call source_archive,$(c))))

define emitter_archive
$(call emitter_lib,$(1)): $(call objects,connectors/emitters/$(1)/*.c)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach c,$(EMITTERS),$(eval $(call emitter_archive,$(c))))

$(BUILD)/leat: $(call objects,src/daemon/*.c) $(SOURCES_A) $(ARCHIVES)
	$(call say,LINK,$@) $(CC) $(OPT) $(LINK) -o $@ $(call objects,src/daemon/*.c) -Wl,--start-group $(SOURCES_A) $(ARCHIVES) -Wl,--end-group $(SYSTEM) $(LDFLAGS)

$(BUILD)/%.o: %.c
	@mkdir -p $(dir $@)
	$(call say,CC,$<) $(CC) $(CFLAGS_ALL) $(if $(filter $<,$(DECODERS)),-Wconversion) -MMD -MP -c -o $@ $<

$(BUILD)/src/feed/openapi.o: src/feed/openapi.json

# --- unit tests: tests/unit/<dir>/test_<module>.c, linked with what the layer allows -------------------------
UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/test_*.c))
unit_dir = $(notdir $(patsubst %/,%,$(dir $(1))))

$(BUILD)/tests/unit/%: tests/unit/%.c $(ARCHIVES) $(SOURCES_A)
	@mkdir -p $(dir $@)
	$(call say,TEST,$@) $(CC) $(CFLAGS_ALL) -Itests -MMD -MP -o $@ $< \
	  -Wl,--start-group $(if $(filter sources mysql emitters,$(call unit_dir,$@)),$(SOURCES_A)) $(foreach l,$(LIBS_$(call unit_dir,$@)),$(call lib,$(l))) -Wl,--end-group \
	  $(LINK) $(SYSTEM) -lcmocka $(LDFLAGS)

unit: $(UNIT) ## unit and golden tests
	@scripts/run-unit $(UNIT)
unit-%: ## unit tests of one directory: unit-base, unit-codec, unit-sources …
	@$(MAKE) --no-print-directory $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/$*/test_*.c))
	@scripts/run-unit $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/$*/test_*.c))

check: ## style, layers, unit and golden tests; no servers
	@scripts/check-style
	@scripts/check-layers
	@$(MAKE) --no-print-directory WERROR=1 unit $(BUILD)/leat
check-asan: ## unit tests under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory VARIANT=asan unit
check-tsan: ## unit tests under ThreadSanitizer
	@$(MAKE) --no-print-directory VARIANT=tsan unit

# --- fuzz: tests/fuzz/fuzz_<name>.c, corpus in tests/fuzz/corpus/<name> ---------------------------------------
T ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(ARCHIVES) $(SOURCES_A)
	@mkdir -p $(dir $@)
	$(call say,FUZZ,$@) $(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -Itests -o $@ $< -Wl,--start-group $(SOURCES_A) $(ARCHIVES) -Wl,--end-group $(SYSTEM)
fuzz-build: $(FUZZERS)
fuzz: ## every fuzz target for T seconds: make fuzz T=60
	@$(MAKE) --no-print-directory VARIANT=fuzz BUILD=build/fuzz fuzz-build
	@T=$(T) scripts/run-fuzz build/fuzz

# --- benchmarks ------------------------------------------------------------------------------------------------
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))
$(BUILD)/bench_%: tests/bench/bench_%.c $(ARCHIVES) $(SOURCES_A)
	@mkdir -p $(dir $@)
	$(call say,BENCH,$@) $(CC) $(CFLAGS_ALL) -Itests -o $@ $< $(LINK) -Wl,--start-group $(SOURCES_A) $(ARCHIVES) -Wl,--end-group $(SYSTEM)
bench-micro: $(BENCHES) ## micro-benchmarks of decoder and JSON writer
	@for b in $(BENCHES); do $$b || exit 1; done
$(BUILD)/follow: tests/bench/follow.c $(ARCHIVES)
	$(call say,BENCH,$@) $(CC) $(CFLAGS_ALL) -o $@ $< $(LINK) -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(SYSTEM)
bench: all bench-micro $(BUILD)/follow ## all benchmarks, ratios against public tools
	@scripts/bench

integration: all ## integration tests against real servers
	@scripts/integration
crash: ## kill loops and failpoints: make crash KILLS=300
	@$(MAKE) --no-print-directory VARIANT=failpoints all
	@scripts/crash $(KILLS)
mutants: ## break each rule of the Postgres source, and see a test fail
	@scripts/mutants

install: all ## binary, man page, configuration, systemd unit under PREFIX (DESTDIR honoured)
	install -D -m 755 $(BUILD)/leat $(DESTDIR)$(PREFIX)/bin/leat
	install -D -m 644 conf/leat.1 $(DESTDIR)$(PREFIX)/share/man/man1/leat.1
	install -D -m 644 conf/leat.service $(DESTDIR)$(PREFIX)/lib/systemd/system/leat.service
	test -e $(DESTDIR)/etc/leat/leat.yaml || install -D -m 640 conf/leat.yaml $(DESTDIR)/etc/leat/leat.yaml

clean: ## remove build/
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z%-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: all unit check check-asan check-tsan fuzz fuzz-build bench bench-micro integration crash mutants install clean help
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
