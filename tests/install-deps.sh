#!/bin/sh
# What some tests need beyond PyPI: Chromium for the console, Prometheus, promtool and VictoriaMetrics to compare
# with and to write to, openssl for certificates, strace to make fsync fail; and Prometheus 3.5 from Debian unstable,
# unpacked into a folder of its own under ~/.cache.
# Without apt nothing is installed and those tests are reported as skipped, by name.
set -eu
packages="chromium fonts-noto-cjk openssl prometheus strace victoria-metrics"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/showcall/prometheus-3.5"

say() { echo "test-deps: $1"; }

install_packages() {
  missing=""
  for package in $packages; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
  done
  if [ -z "$missing" ]; then say "all there ($packages)"; return 0; fi
  if [ "$(id -u)" = 0 ]; then root=""; elif command -v sudo >/dev/null 2>&1; then root="sudo"; else
    say "neither root nor sudo; tests that need$missing will be reported as skipped"; return 0
  fi
  $root apt-get update -qq
  # The packages would start their servers; only the programs are wanted.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
  say "installed$missing"
}

# Lists of their own, made from the machine's own source of Debian: nothing of the machine's apt changes.
unpack_prometheus_35() {
  if [ -x "$cache/usr/bin/prometheus" ]; then say "Prometheus 3.5 is at $cache"; return 0; fi
  source="$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' | sed -n 's/ Debian$//p' | head -1)"
  if [ -z "$source" ]; then say "no Debian source here; tests against Prometheus 3.5 will be reported as skipped"; return 0; fi
  work="$(mktemp -d)"
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/sources"
  printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' \
    "$source" /usr/share/keyrings/debian-archive-keyring.gpg > "$work/sources/sid.sources"
  if ! (cd "$work" && private_apt update && private_apt download prometheus) >/dev/null 2>&1 ||
    ! dpkg -x "$work"/prometheus_3.5.*.deb "$work/unpacked" 2>/dev/null ||
    ! "$work/unpacked/usr/bin/prometheus" --version >/dev/null 2>&1; then
    say "no Prometheus 3.5 to be had; tests against it will be reported as skipped"; return 0
  fi
  mkdir -p "$(dirname "$cache")"
  rm -rf "$cache"
  mv "$work/unpacked" "$cache"
  say "unpacked Prometheus 3.5 into $cache"
}

private_apt() {
  apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" \
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Acquire::Languages=none \
    -o APT::Sandbox::User=root "$@"
}

if ! command -v apt-get >/dev/null 2>&1; then
  say "no apt-get here; tests that need $packages will be reported as skipped"; exit 0
fi
install_packages
unpack_prometheus_35
