#!/bin/sh
# Makes what `docker compose -f stack/compose.yaml up` needs and what git must not have: random passwords, one
# file each, and the number of the group that may use the Docker socket. What is there is kept.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
socket=${DOCKER_SOCKET:-/var/run/docker.sock}

umask 077
chmod 700 "$here/secrets"
for example in "$here"/secrets/*.example; do
  secret=${example%.example}
  [ -s "$secret" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$secret"
  # Containers read them as users of their own; the folder keeps everyone else on this machine out.
  chmod 444 "$secret"
done

if [ ! -S "$socket" ]; then
  echo "$socket is no socket: write DOCKER_GID=<its group's number> into $(dirname "$here")/.env yourself" >&2
  exit 1
fi
echo "DOCKER_GID=$(stat -c %g "$socket")" >"$(dirname "$here")/.env"
echo "Secrets are in $here/secrets, settings in $(dirname "$here")/.env."
