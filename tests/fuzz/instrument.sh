#!/bin/sh
# Runs the compiler, which cargo names first, with the coverage that libFuzzer is guided by.
# `cargo xtask fuzz --quick` hands it to cargo as RUSTC_WORKSPACE_WRAPPER, so that only the crates of
# this workspace are compiled again. The flags are those of cargo-fuzz, and stable.
exec "$@" \
    --cfg fuzzing --check-cfg 'cfg(fuzzing)' \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
