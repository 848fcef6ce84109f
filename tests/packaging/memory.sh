# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Another program of the same user, which opens the memory of Kortilla's processes from
# their fork on, reads none of it, and can't attach to them.

tries=20

install "$name"
python=/usr/lib/kortilla/bin/python3
command install -m 644 tests/support/held_memory.py "$system/tmp/"
# From a program that is not closed, the same attack reads the memory.
ln -s "/usr/bin/$(debians_python)" "$system${python%/*}/open"
found=$(as_person "python3 /tmp/held_memory.py ${python%/*}/open -I -m native_host x")
rm "$system${python%/*}/open"
[[ $found != *'"reads": 0,'* ]] || fail "the attack reads no memory at all: $found"

safe='"reads": 0, "copies": false, "traces": false}'
resist() { # name, command
  local try found held=0
  for ((try = 0; try < tries; try++)); do
    found=$(as_person "QT_QPA_PLATFORM=offscreen python3 /tmp/held_memory.py $2")
    [[ $found == *"$safe" ]] || fail "$1, try $((try + 1)): $found"
    [[ $found == '{"held": 0,'* ]] || held=$((held + 1))
  done
  say "$1: nothing is read in $tries tries; something was opened before exec in $held"
}
as_person 'mkdir -p .config/kortilla && echo '\''card = "mock"'\'' \
  >.config/kortilla/config.toml'
resist host '/usr/lib/kortilla/kortilla-host chrome-extension://specimen/'
resist window "$python -I -m native_host.pin_prompt"
resist token "$python -I -m native_host.cli pkcs11"
resist agent 'kortilla agent'
resist 'own files' "$python -I -m native_host.cli sign --files-from-input"
as_person 'rm -r .config/kortilla'

as_person 'mkdir -p .config/chromium'
[[ " $(findings) " == *' HOST_WORKS '* && $(findings) != *MEMORY_OPEN* ]] ||
  fail "doctor says: $(findings)"

# An update of Debian's Python.
interpreter() { in_system stat -c '%a %U %s %i' "$python"; }
before=$(interpreter)
debians=$(debians_python)
[[ $before == "711 root $(in_system stat -c %s "/usr/bin/$debians") "* ]] ||
  fail "the interpreter is another one: $before"
quietly in_system apt-get install --yes --reinstall "$debians-minimal"
[[ $(interpreter) != "$before" ]] || fail 'the interpreter stays when Python is updated'
in_system cmp "$python" "/usr/bin/$debians" || fail 'the interpreter is outdated'
works "after an update of Python"
say "The interpreter is copied anew when $debians-minimal is installed"
purge
# Python's own bytecode was written anew with its files.
snapshot >"$work/before"
