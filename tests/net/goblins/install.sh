#!/bin/sh
# Makes a folder with Debian's Goblins, the peer that tests/net/test_goblins.py speaks to. It needs root, and
# Debian or one of its kin. Where it cannot be made, the tests are skipped by name.
set -eu
folder=${1:-.goblins}
if [ -x "$folder/usr/bin/guile-3.0" ]; then exit 0; fi
command -v mmdebstrap >/dev/null || {
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
}
mirror=$(awk '/^URIs/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources)
mmdebstrap --quiet --variant=apt --mode=root --aptopt='Acquire::Check-Valid-Until "false"' \
  --aptopt='Acquire::Check-Date "false"' --include=guile-goblins forky "$folder" "$mirror"
