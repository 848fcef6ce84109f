# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# What the parts of tests/packaging/run have in common.

purge() { quietly in_system apt-get purge --yes kortilla; }
as_person_may() { # command of the shell, which may fail
  chroot --userspec=specimen:specimen "$system" \
    env -i HOME=/home/specimen PATH=/usr/bin:/bin LC_ALL=C.UTF-8 \
    XDG_RUNTIME_DIR=/run/user/1000 sh -c "cd && $1" 2>"$log"
}
as_person() { # command of the shell
  as_person_may "$1" || {
    cat "$log" >&2
    fail "$1"
  }
}
snapshot() {
  in_system find / -xdev '(' -path /proc -o -path /dev -o -path /run -o -path /tmp \
    -o -path /home -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \
    -o -path /var/lib/dpkg ')' -prune -o -type d -printf '%y %m %U %p\n' \
    -o -printf '%y %m %U %s %p %l\n' | sort
}
as_before() { # what
  snapshot >"$work/after"
  diff "$work/before" "$work/after" >&2 || fail "$1 leaves something behind"
}
works() { # what: the program runs, and the host answers
  local hello
  as_person 'kortilla --version' >/dev/null
  hello=$(as_person "/usr/lib/kortilla/kortilla-host chrome-extension://specimen/ \
    </dev/null | python3 -c '
import json, struct, sys
[length] = struct.unpack(\"=I\", sys.stdin.buffer.read(4))
print(json.loads(sys.stdin.buffer.read(length))[\"version\"])'")
  [[ $hello == *"kortilla.$(as_person 'kortilla --version')" ]] ||
    fail "$1: the host says $hello"
}
findings() { # prints the codes of kortilla doctor
  as_person_may 'kortilla doctor --json' | python3 -c '
import json, sys
print(*(each["code"] for each in json.load(sys.stdin)["findings"]))' || true
}
agent_runs() { as_person 'kortilla agent --status --json' | grep -q '"running": true'; }
until_true() { # command…: wait for what has no event here
  local try
  for ((try = 0; try < 300; try++)); do
    "$@" && return
    sleep 0.1
  done
  fail "never: $*"
}
