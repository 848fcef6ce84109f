# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
#
# A person with Debian 13 and the package upgrades to a later Debian and its Python.

newer=$suite
if [[ $newer == trixie ]]; then
  say 'Debian 13 is the first that has the package.'
  return
fi
suite=trixie
system=$work/older
new_system
cp "$package" "$system/tmp/"
install "$name"
prepare_signing
before=$(debians_python)
sign_and_verify "Debian 13, $before"

sed -i "s/trixie/$newer/" "$system/etc/apt/sources.list"
quietly in_system apt-get update
quietly in_system apt-get --yes full-upgrade
after=$(debians_python)
in_system cmp /usr/lib/kortilla/bin/python3 "/usr/bin/$after" ||
  fail 'the interpreter is an older one'
works "after an upgrade to $newer"
sign_and_verify "After an upgrade to $newer, with $after"
quietly in_system apt-get --yes autoremove --purge
quietly in_system apt-get --yes purge "lib$before-minimal"
works "without $before"
sign_and_verify "After $before has gone"
quietly in_system apt-get purge --yes kortilla
[[ ! -e $system/usr/lib/kortilla ]] || fail 'files stay when the package goes'
