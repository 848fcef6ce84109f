# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
#
# A fresh Debian with all that the package needs, both browsers and an ordinary user.

new_system
# The names of the service that the browsers log in to.
echo '127.0.0.1 service.example tls.service.example' >>"$system/etc/hosts"
before_size=$(du -skx "$system" | cut -f1)
quietly in_system apt-get satisfy --yes --no-install-recommends \
  "$(dpkg-deb --field "$package" Depends)"
with_size=$(du -skx "$system" | cut -f1)
say "What comes along: $(((with_size - before_size) / 1024)) MiB"
install chromium chromium-sandbox firefox-esr
cp "$package" "$system/tmp/"
name=/tmp/${package##*/}
snapshot >"$work/before"
