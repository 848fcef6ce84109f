# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# The package is installed while browsers run, and a person logs in.

mkdir -p /tmp/.X11-unix "$system/tmp/.X11-unix"
mount --bind /tmp/.X11-unix "$system/tmp/.X11-unix"
options=()
if ! as_person_may 'chromium --headless --dump-dom about:blank' >/dev/null; then
  options=(--no-sandbox)
  say "Chromium's sandbox does not work here: it runs without."
fi
TMPDIR=$work .venv/bin/python -m tests.packaging.browsers "$system" "$name" "${options[@]}"
umount "$system/tmp/.X11-unix"
works 'after the browsers'
purge
as_before 'apt purge'
as_person 'rm -rf .config .local .mozilla .pki .cache authority.pem'
