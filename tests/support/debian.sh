# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
#
# A fresh Debian in a folder, for .ci/run and tests/packaging/run: Debian 13, or the one
# that $SUITE names. Root makes it, with debootstrap and the right to mount.

unset LD_PRELOAD
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
suite=${SUITE:-trixie}

own=(unshare --mount --pid --fork --kill-child --mount-proc --propagation private)

say() { printf '%s\n' "$*"; }
fail() { # what
  printf '%s\n' "FAILED: $1" >&2
  exit 1
}
quietly() { # command…
  "$@" >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    fail "$*"
  }
}
may_mount() { "${own[@]}" true 2>/dev/null; }

# Run a script with "inside", a folder and the arguments, and exit as it does.
# In the end no process, no mount and no file of it is left, also where it is ended
# before: processes and mounts go with the first of them.
run_inside() { # script arguments…
  work=$(mktemp -d)
  trap '[[ -z ${child-} ]] ||
      { kill -KILL "$child" && wait "$child"; } 2>/dev/null || true
    rm -rf --one-file-system "$work"' EXIT
  trap 'exit 1' INT TERM HUP
  "${own[@]}" "$1" inside "$work" "${@:2}" &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=
  exit "$status"
}

set_work() { # folder
  work=$1
  system=$work/system
  log=$work/log
  # In memory all of it takes half the time.
  if (($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) > $2)); then
    mount -t tmpfs -o mode=755 tmpfs "$work"
  fi
}

in_system() { env -u TMPDIR chroot "$system" "$@"; } # its folder is not there
install() { # options and packages of apt…
  quietly in_system apt-get install --yes --no-install-recommends "$@"
}

# Make the system in $system. apt, pip and npm go the way there that they go on this
# computer. What debootstrap and apt download is kept in $DEBIAN_CACHE for the next
# system, if it is set.
fresh_debian() {
  local cache=${DEBIAN_CACHE:-$work/cache} file
  mkdir -p "$cache/archives/partial"
  [[ -d $cache/$suite ]] ||
    quietly debootstrap --variant=minbase "$suite" "$cache/$suite"
  cp -a "$cache/$suite" "$system"
  mount --bind "$cache/archives" "$system/var/cache/apt/archives"
  mount -t proc proc "$system/proc"
  mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts "$system/dev/pts"
  ln -sf pts/ptmx "$system/dev/ptmx"
  # No more than a container has.
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$system/dev/shm"
  cp -L /etc/resolv.conf /etc/hosts "$system/etc/"
  apt-config dump Acquire >"$system/etc/apt/apt.conf.d/90acquire"
  # The second is there for the package ca-certificates, which writes the first anew.
  for file in etc/ssl/certs/ca-certificates.crt \
    usr/local/share/ca-certificates/computer.crt; do
    mkdir -p "$system/${file%/*}"
    [[ ! -r /etc/ssl/certs/ca-certificates.crt ]] ||
      cp -L /etc/ssl/certs/ca-certificates.crt "$system/$file"
  done
  pip_settings >"$system/etc/pip.conf"
  cat /usr/etc/npmrc /etc/npmrc ~/.npmrc >"$system/etc/npmrc" 2>/dev/null || true
  quietly in_system apt-get update
}

# Where packages come from on this computer, and by which certificates. All else in its
# settings, such as a constraint or a folder of files, has no meaning elsewhere.
settings='(extra[-_])?index[-_]url|trusted[-_]host|proxy|(client[-_])?cert|timeout'
pip_settings() {
  echo '[global]'
  cat /etc/pip.conf /etc/xdg/pip/pip.conf ~/.config/pip/pip.conf 2>/dev/null |
    sed -nE "s/^ *($settings) *[=:] */\1 = /p" | sort -u -t ' ' -k 1,1 || true
}
variables() { # prints one a line
  local others='node_extra_ca_certs|npm_config_registry|(https?|no)_proxy'
  env | grep -iE "^(pip_($settings)|$others)=" || true
  echo NPM_CONFIG_GLOBALCONFIG=/etc/npmrc
}
