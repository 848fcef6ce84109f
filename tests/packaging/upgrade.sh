# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# A newer package over an older one, the same once more, and an older one.

make_other() { # version: the package as another version would be
  local tree=$work/other
  rm -rf "$tree"
  dpkg-deb --raw-extract "$package" "$tree"
  sed -i "s/^Version: .*/Version: $1/" "$tree/DEBIAN/control"
  sed -i "s/^VERSION = .*/VERSION = \"$1\"/" \
    "$tree$packages/native_host/__init__.py"
  # Its agent says that it is there.
  cat >>"$tree$packages/native_host/agent/agent.py" <<END

import pathlib
pathlib.Path("/run/user/1000/agent").write_text("$1")
END
  rm "$tree/DEBIAN/md5sums"
  quietly dpkg-deb --build --root-owner-group -Znone "$tree" \
    "$system/tmp/kortilla_$1_all.deb"
}
is_version() { # version
  [[ $(as_person 'kortilla --version') == "$1" ]] || fail "this is not version $1"
  works "version $1"
  [[ $(as_person 'cat .config/kortilla/config.toml') == 'card = "mock"' ]] ||
    fail 'settings are gone'
}

make_other 99.1.0
install "$name"
as_person 'mkdir -p .config/kortilla && echo '\''card = "mock"'\'' \
  >.config/kortilla/config.toml'
as_person 'kortilla agent >/dev/null 2>&1 &'
until_true agent_runs
install /tmp/kortilla_99.1.0_all.deb
is_version 99.1.0
until_true test -e "$system/run/user/1000/agent"
[[ $(<"$system/run/user/1000/agent") == 99.1.0 ]] || fail 'the agent is an older one'
say "apt install of 99.1.0 over $version: works, settings are kept"
say 'The agent that ran is 99.1.0, without systemd'
install --reinstall /tmp/kortilla_99.1.0_all.deb
is_version 99.1.0
say 'Installed over itself: works, settings are kept'
install --allow-downgrades "$name"
is_version "$version"
say "apt install of $version over 99.1.0: works, settings are kept"
# apt does nothing for an upgrade that was killed, which is for the next parts.
purge
