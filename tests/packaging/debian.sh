# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
#
# A fresh Debian 13 with all that the package needs, both browsers and an ordinary user.

quietly debootstrap --variant=minbase trixie "$system"
apt-config dump Acquire >"$system/etc/apt/apt.conf.d/90acquire"
cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
# The names of the service that the browsers log in to.
echo '127.0.0.1 service.example tls.service.example' >>"$system/etc/hosts"
mkdir -p "$system/etc/ssl/certs"
if [[ -r /etc/ssl/certs/ca-certificates.crt ]]; then
  cp -L /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/"
fi
mount -t proc proc "$system/proc"
mount -t tmpfs -o mode=1777 tmpfs "$system/dev/shm"

quietly in_system useradd --create-home --uid 1000 specimen
command install -d -o 1000 -g 1000 -m 700 "$system/run/user/1000"
quietly in_system apt-get update
before_size=$(du -skx "$system" | cut -f1)
quietly in_system apt-get satisfy --yes --no-install-recommends \
  "$(dpkg-deb --field "$package" Depends)"
quietly in_system apt-get clean
with_size=$(du -skx "$system" | cut -f1)
say "What comes along: $(((with_size - before_size) / 1024)) MiB"
install chromium chromium-sandbox firefox-esr
quietly in_system apt-get clean
cp "$package" "$system/tmp/"
name=/tmp/${package##*/}
snapshot >"$work/before"
