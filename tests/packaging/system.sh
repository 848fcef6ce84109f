# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034
#
# What the parts of tests/packaging/run have in common.

packages=/usr/lib/kortilla/lib/python3/site-packages

debians_python() { in_system py3versions --default; } # such as python3.13
new_system() { # makes a Debian with an ordinary user
  fresh_debian
  quietly in_system useradd --create-home --uid 1000 specimen
  command install -d -o 1000 -g 1000 -m 700 "$system/run/user/1000"
}
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

where() { # prints where pyHanko is
  as_person "/usr/lib/kortilla/bin/python3 -I -c 'import pyhanko.sign as it
print(it.__path__[0])'"
}
prepare_signing() { # makes a PDF, a mock card, and the folder of its CA certificates
  .venv/bin/python -c 'import pathlib, sys; from tests.kortilla import signing_parts as it
pathlib.Path(sys.argv[1]).write_bytes(it.make_pdf("Sopimus"))' "$work/a.pdf"
  command install -m 644 tests/packaging/pages.py "$system/tmp/"
  as_person 'kortilla mock-card new --force --json' >/dev/null
  as_person 'mkdir -p trust .config/kortilla &&
    cp .local/share/kortilla/mock-card/*.der trust &&
    echo '\''card = "mock"'\'' >.config/kortilla/config.toml'
}
sign_and_verify() { # what: by the commands and on the pages
  as_person 'rm -rf files && mkdir files && echo muistio >files/b.txt'
  as_person 'cat >files/a.pdf' <"$work/a.pdf"
  as_person 'kortilla sign files/* --card mock --prompt automatic --json' >"$work/signed"
  # There is no authority to ask here, so that the status is that of "can't say".
  as_person 'kortilla verify files/a-signed.pdf files/b.asice --offline --trust trust \
    --lang en || [ $? = 3 ]' >"$work/verified"
  [[ $(grep -c 'The signature is intact' "$work/verified") == 2 ]] ||
    fail "kortilla verify: $(<"$work/verified")"
  as_person 'rm files/a-signed.pdf'
  as_person "QT_QPA_PLATFORM=offscreen KORTILLA_TRUST=trust \
    /usr/lib/kortilla/bin/python3 -I /tmp/pages.py files/a.pdf" >"$work/pages"
  [[ $(<"$work/pages") == *'Signed'*'Encrypted'*'Print…'*'reported lost.' ]] ||
    fail "the pages: $(<"$work/pages")"
  say "$1: kortilla sign and verify, and the pages: $(tail -n 1 "$work/pages")"
}
