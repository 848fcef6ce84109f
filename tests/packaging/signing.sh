# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# A person signs and checks files with nothing but the package, by its pyHanko or by Debian's.

install "$name"
prepare_signing
[[ $(where) == /usr/lib/kortilla/pyhanko/* ]] || fail "pyHanko is in $(where)"
if in_system python3 -c 'import pyhanko' 2>/dev/null; then
  fail "every program of the system finds the package's pyHanko"
fi
sign_and_verify "The package's pyHanko"

# ---- A Debian with pyHanko: a package with the same modules in Debian's place.
debian_has() { # version, command of the shell that changes them
  local tree=$work/pyhanko
  rm -rf "$tree"
  mkdir -p "$tree/DEBIAN" "$tree/usr/lib/python3/dist-packages"
  cp -r "$system"/usr/lib/kortilla/pyhanko/pyhanko* "$tree/usr/lib/python3/dist-packages/"
  find "$tree" -name __pycache__ -prune -exec rm -r {} +
  (cd "$tree/usr/lib/python3/dist-packages" && eval "$2")
  printf '%s\n' 'Package: python3-pyhanko' "Version: $1" 'Architecture: all' \
    'Maintainer: SPECIMEN <specimen@service.example>' 'Description: a stand-in' \
    >"$tree/DEBIAN/control"
  quietly dpkg-deb --build --root-owner-group -Znone "$tree" "$system/tmp/pyhanko.deb"
  quietly in_system apt-get install --yes --allow-downgrades /tmp/pyhanko.deb
}
debian_has 99.0-1 :
[[ $(where) == /usr/lib/python3/* ]] || fail "with Debian's own, pyHanko is in $(where)"
sign_and_verify "Debian's pyHanko"
debian_has 99.0-2 'rm pyhanko/sign/fields.py'
[[ $(where) == /usr/lib/kortilla/* ]] || fail 'a pyHanko that lacks something counts'
debian_has 0.31.0-1 :
[[ $(where) == /usr/lib/kortilla/* ]] || fail 'an older pyHanko counts'
sign_and_verify "Beside an older pyHanko of Debian"
debian_has 99.0-3 :
quietly in_system apt-get purge --yes python3-pyhanko
[[ $(where) == /usr/lib/kortilla/* ]] || fail "no pyHanko counts when Debian's has gone"
sign_and_verify "After Debian's pyHanko has gone"
purge
as_person 'rm -rf .config .local .cache trust files'
as_before 'signing'
