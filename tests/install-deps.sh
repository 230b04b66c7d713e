#!/bin/sh
# What some tests need beyond PyPI: Chromium for the console, promtool for the rule files, openssl for
# certificates.
# Without apt nothing is installed and those tests are reported as skipped, by name.
set -eu
packages="chromium fonts-noto-cjk openssl prometheus"
missing=""
for package in $packages; do
  dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -z "$missing" ]; then echo "test-deps: all there ($packages)"; exit 0; fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "test-deps: no apt-get here; tests that need$missing will be reported as skipped"; exit 0
fi
if [ "$(id -u)" = 0 ]; then root=""; elif command -v sudo >/dev/null 2>&1; then root="sudo"; else
  echo "test-deps: neither root nor sudo; tests that need$missing will be reported as skipped"; exit 0
fi
$root apt-get update -qq
# The prometheus package would start its server; only promtool is wanted.
RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "test-deps: installed$missing"
