# signald: see "make help".

VERSION := 0.1.0
BUILD   := build
PREFIX  ?= /usr/local
CC      ?= cc
CLANG   ?= clang-14

# VARIANT release is what is shipped; asan is the same with sanitizers.
VARIANT ?= release
OBJ     := $(BUILD)/$(VARIANT)/obj
ifeq ($(VARIANT),release)
BIN     := $(BUILD)
else
BIN     := $(BUILD)/$(VARIANT)
endif

PACKAGES := libevent_core libevent_extra libssl libcrypto jansson inih hiredis cjose libcurl libseccomp
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wconversion -Wno-sign-conversion -Wvla -Wcast-qual -Wwrite-strings \
	-Wundef -Werror
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS_asan := -O1 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan := -fsanitize=address,undefined
# For libFuzzer, with clang.
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
# The programs are optimised as a whole; tests link the same objects as they are.
LTO_release := -flto=auto -ffat-lto-objects

CFLAGS   := -std=gnu11 $(WARNINGS) $(CFLAGS_$(VARIANT)) $(EXTRA_CFLAGS)
CPPFLAGS := -Isignald -I. -D_GNU_SOURCE -DSIGNALD_VERSION='"$(VERSION)"' \
	$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDFLAGS  := $(LDFLAGS_$(VARIANT)) -Wl,--as-needed
LDLIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm

SIGNALD_SRC  := $(wildcard signald/*.c signald/*/*.c)
TURNCONF_SRC := $(wildcard turnconf/*.c)
# What turnconf shares with signald, and nothing else.
SHARED_SRC   := $(wildcard signald/base/*.c signald/policy/config*.c) \
	signald/policy/origin.c signald/policy/forbidden.c signald/policy/network.c \
	signald/codec/turncred.c signald/codec/stun.c signald/codec/turn.c

SIGNALD_OBJ  := $(SIGNALD_SRC:%.c=$(OBJ)/%.o)
TURNCONF_OBJ := $(TURNCONF_SRC:%.c=$(OBJ)/%.o)
SHARED_OBJ   := $(SHARED_SRC:%.c=$(OBJ)/%.o)
# Everything but the two main()s, for the unit tests and fuzz targets.
PARTS_SRC    := $(filter-out signald/main.c turnconf/main.c,$(SIGNALD_SRC) $(TURNCONF_SRC))
PARTS        := $(OBJ)/parts.a

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/$(VARIANT)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 30

.PHONY: all
all: $(BIN)/signald $(BIN)/turnconf share ## build signald, turnconf and the pages (release)

$(BIN)/signald: $(SIGNALD_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LTO_$(VARIANT)) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BIN)/turnconf: $(TURNCONF_OBJ) $(SHARED_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LTO_$(VARIANT)) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(OBJ)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LTO_$(VARIANT)) -MMD -MP -c -o $@ $<

# The operators' page is inside the program.
$(OBJ)/signald/admin/pages.o: $(wildcard web/operator/*) web/style.css web/icon.svg docs/openapi.json

$(PARTS): $(PARTS_SRC:%.c=$(OBJ)/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

.PHONY: share
share: ## the pages and the browser clients, into build/share
	scripts/build-web
	scripts/fetch-clients --optional

.PHONY: run
run: ## start signald and coturn for development, until Ctrl-C
	scripts/run

.PHONY: test
test: ## everything that CI runs, installing what it needs
	scripts/test

$(BUILD)/$(VARIANT)/unit/%: tests/unit/%.c $(PARTS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) -fno-lto -Wno-conversion -MMD -MP $(LDFLAGS) \
		-o $@ $< $(PARTS) -lcmocka -ldl $(LDLIBS)

.PHONY: unit
unit: $(UNIT) ## the unit tests
	CMOCKA_MESSAGE_OUTPUT=TAP prove --exec '' $(UNIT)

# Requests to other servers, and tokens, for the protocol tests, which make them.
$(BIN)/fetch-tool $(BIN)/tokens-tool: $(BIN)/%: tests/protocol/%.c $(PARTS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fno-lto $(LDFLAGS) -o $@ $< $(PARTS) -ldl $(LDLIBS)

.PHONY: protocol
protocol: all ## the real daemon over sockets, with real clients
	tests/protocol/run

# A test application of the same objects, for the suites of Engine.IO and Socket.IO.
$(BIN)/sio-suite-server: tests/suite/sio-suite-server.c $(PARTS)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fno-lto $(LDFLAGS) -o $@ $< $(PARTS) $(LDLIBS)

.PHONY: suite
suite: $(BIN)/sio-suite-server ## what the protocol suites of Engine.IO and Socket.IO check
	tests/suite/run

# One proof of a TURN server, for the tests with the real coturn, which make it.
$(BIN)/proof-tool: tests/turnconf/proof-tool.c $(PARTS)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fno-lto $(LDFLAGS) -o $@ $< $(PARTS) $(LDLIBS)

.PHONY: e2e
e2e: all ## two browsers and a real coturn
	tests/e2e/run

.PHONY: nat
nat: all ## browsers behind every kind of NAT; RUNS=5: five times
	tests/nat/run --runs $(or $(RUNS),1)

.PHONY: doctor
doctor: all ## examine what scripts/run has started, or CONFIG=signald.conf
	$(BIN)/turnconf doctor $(if $(CONFIG),--config $(CONFIG),--config run/running.conf --turnserver run/turnserver.conf --tunnel-turnserver run/turnserver-tunnel.conf)

.PHONY: faults
faults: all ## cuts, crashes, storms and updates: what is lost, beside socket.io; 8 minutes
	tests/faults/run
	tests/faults/run-upgrade

.PHONY: hostile
hostile: all ## floods and stalls beside two peers who must not notice; FULL=1: ten times as many
	tests/hostile/run $(if $(FULL),--full)

.PHONY: model
model: ## the delivery protocol in every order of events; MODEL=full: larger, 15 minutes
	tests/model/run $(if $(filter full,$(MODEL)),--full)

.PHONY: bench
bench: all ## signald beside a bare relay, socket.io and ws
	tests/bench/run

.PHONY: bench-tunnel
bench-tunnel: all ## TURN over TLS: signald beside haproxy and coturn's own listener
	tests/bench/run-tunnel

# A fuzz target twice: with gcc and the sanitizers to replay its corpus in every
# test run, with clang's libFuzzer to look for more. Each kind shares one archive,
# which one sub-make makes before any of them is linked.
ASAN_PARTS := $(BUILD)/asan/obj/parts.a
FUZZ_PARTS := $(BUILD)/fuzz/obj/parts.a

ifeq ($(filter asan fuzz,$(VARIANT)),)
.PHONY: asan-up-to-date fuzz-up-to-date
asan-up-to-date:
	@$(MAKE) --no-print-directory VARIANT=asan $(ASAN_PARTS)

fuzz-up-to-date:
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=$(CLANG) $(FUZZ_PARTS)

$(ASAN_PARTS): asan-up-to-date ;
$(FUZZ_PARTS): fuzz-up-to-date ;
endif

# Targets of whole connections, which stand on the rig.
FUZZ_WHOLE := web native socketio front

define whole_target
$(BUILD)/fuzz/replay_$(1) $(BUILD)/fuzz/fuzz_$(1): FUZZ_RIG := tests/fuzz/rig.c
$(BUILD)/fuzz/replay_$(1) $(BUILD)/fuzz/fuzz_$(1): tests/fuzz/rig.c tests/fuzz/rig.h
endef
$(foreach target,$(FUZZ_WHOLE),$(eval $(call whole_target,$(target))))

$(BUILD)/fuzz/replay_%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(ASAN_PARTS)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=gnu11 $(CFLAGS_asan) -o $@ $< $(FUZZ_RIG) \
		tests/fuzz/replay.c $(ASAN_PARTS) $(LDLIBS)

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_PARTS)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $< $(FUZZ_RIG) $(FUZZ_PARTS) $(LDLIBS)

.PHONY: fuzz-replay
fuzz-replay: $(FUZZ:%=$(BUILD)/fuzz/replay_%) ## every fuzz target over its corpus
	@for target in $(FUZZ); do \
		$(BUILD)/fuzz/replay_$$target tests/fuzz/corpus/$$target || exit 1; done

.PHONY: fuzz $(FUZZ:%=fuzz-%)
fuzz: $(FUZZ:%=fuzz-%) ## every fuzz target for FUZZ_SECONDS (30), as many at once as make -j says

# What libFuzzer says of its end: how many inputs it tried, of which it kept how many.
$(FUZZ:%=fuzz-%): fuzz-%: $(BUILD)/fuzz/fuzz_%
	@mkdir -p $(BUILD)/fuzz/found/$*
	@$(BUILD)/fuzz/fuzz_$* -max_total_time=$(FUZZ_SECONDS) \
		-print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/$*- \
		$(BUILD)/fuzz/found/$* tests/fuzz/corpus/$* \
		>$(BUILD)/fuzz/$*.log 2>&1 || { tail -n 30 $(BUILD)/fuzz/$*.log; exit 1; }
	@printf 'fuzz %-10s %s\n' $* "$$(grep '^Done' $(BUILD)/fuzz/$*.log)"

.PHONY: asan
asan: ## unit, protocol and suite tests with ASan and UBSan
	$(MAKE) VARIANT=asan unit build/asan/signald build/asan/turnconf build/asan/sio-suite-server \
		build/asan/fetch-tool build/asan/tokens-tool
	SIGNALD=build/asan/signald FETCH_TOOL=build/asan/fetch-tool \
		TOKENS_TOOL=build/asan/tokens-tool tests/protocol/run
	SIO_SUITE_SERVER=build/asan/sio-suite-server tests/suite/run

.PHONY: lint
lint: ## warnings, clang-tidy, cppcheck, layers, layout, types, shell
	scripts/lint

.PHONY: lengths
lengths: ## how long our functions are
	scripts/lengths

.PHONY: long
long: all ## repetitions, long fuzzing, a fresh machine: an hour or so
	tests/long

UNITS := $(notdir $(wildcard scripts/systemd/*.service scripts/systemd/*.socket))

.PHONY: install
install: all ## into PREFIX (/usr/local)
	install -Dm755 $(BUILD)/signald $(DESTDIR)$(PREFIX)/bin/signald
	install -Dm755 $(BUILD)/turnconf $(DESTDIR)$(PREFIX)/bin/turnconf
	install -d $(DESTDIR)$(PREFIX)/share/signald
	cp -R $(BUILD)/share/. $(DESTDIR)$(PREFIX)/share/signald/
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/signald
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in $(UNITS); do \
		sed -E 's|/usr/bin/(signald\|turnconf) |$(PREFIX)/bin/\1 |' scripts/systemd/$$unit \
			>$(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit && \
		chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; \
	done
	for page in $(notdir $(wildcard docs/man/*)); do \
		install -Dm644 docs/man/$$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page || exit 1; \
	done
	for name in signald turnconf; do \
		install -Dm644 scripts/completion/signald \
			$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$name || exit 1; \
	done
	install -Dm755 scripts/hooks/certificate $(DESTDIR)$(PREFIX)/lib/signald/certificate-hook
	install -Dm644 scripts/systemd/signald.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/signald.conf

.PHONY: deb
deb: all ## the Debian package, into build/deb
	scripts/deb/build $(VERSION)

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | \
		while IFS='|' read -r name what; do printf '%-12s %s\n' "$$name" "$$what"; done

-include $(SIGNALD_OBJ:.o=.d) $(TURNCONF_OBJ:.o=.d)
-include $(wildcard $(BUILD)/$(VARIANT)/unit/*.d)
