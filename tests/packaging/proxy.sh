# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# xdg-native-messaging-proxy starts the host for Firefox, also for one in a flatpak, and for
# programs that are no browser. It comes last: what it installs stays.

if ! in_system apt-get install --simulate xdg-native-messaging-proxy firefox \
  >/dev/null 2>&1; then
  say 'This Debian lacks xdg-native-messaging-proxy, or a Firefox that knows it.'
  return
fi
install "$name" dbus-daemon firefox flatpak ostree python3-gi xdg-dbus-proxy \
  xdg-native-messaging-proxy

# No application can be had here. So Debian's own Firefox becomes one, on a runtime that
# is this system without its largest parts, and so does Debian's Python, called firefox.
flatpaks=/var/tmp/flatpaks
at=$system$flatpaks
arch=$(in_system flatpak --default-arch)
runtime=fi.kortilla.Platform/$arch/1
mkdir -p "$at"/runtime/files
cp -al "$system/usr" "$at/runtime/"
usr=$at/runtime/usr
rm -rf "$usr"/{games,include,local,src,share/{doc,icons,locale,man,perl}} \
  "$usr"/lib/{apt,firefox*,chromium,kortilla,llvm*,systemd} \
  "$usr"/lib/python3/dist-packages/PySide6 \
  "$usr"/lib/*-linux-gnu/{dri,libLLVM*,libQt6*,libgallium*,perl*}
cp -a "$system/etc" "$usr/"
printf '[Runtime]\nname=%s\nruntime=%s\nsdk=%s\n' "${runtime%%/*}" "$runtime" "$runtime" \
  >"$at/runtime/metadata"
application() { # name, command
  mkdir -p "$at/$1"/{export,files/lib,files/bin}
  cat >"$at/$1/metadata" <<END
[Application]
name=$1
runtime=$runtime
sdk=$runtime
command=$2

[Context]
shared=network;ipc;
sockets=x11;
persistent=.mozilla;

[Session Bus Policy]
org.freedesktop.NativeMessagingProxy=talk
END
}
application org.mozilla.firefox /app/lib/firefox/firefox
cp -a "$system/usr/lib/firefox" "$at/org.mozilla.firefox/files/lib/"
application fi.kortilla.Specimen /app/bin/firefox
cp -L "$system/usr/bin/python3" "$at/fi.kortilla.Specimen/files/bin/firefox"
quietly in_system ostree --repo="$flatpaks/repo" init --mode=bare
quietly in_system flatpak build-export --runtime "$flatpaks"/{repo,runtime} 1
for each in org.mozilla.firefox fi.kortilla.Specimen; do
  quietly in_system flatpak build-export "$flatpaks"/{repo,"$each"} stable
done
quietly in_system flatpak remote-add --no-gpg-verify here "$flatpaks/repo"
quietly in_system flatpak install --noninteractive here org.mozilla.firefox \
  fi.kortilla.Specimen

mkdir -p /tmp/.X11-unix "$system/tmp/.X11-unix"
mount --bind /tmp/.X11-unix "$system/tmp/.X11-unix"
TMPDIR=$work .venv/bin/python -m tests.packaging.proxy "$system"
umount "$system/tmp/.X11-unix"

# What doctor says of that flatpak, and the command that it gives.
said() { # code
  [[ " $(findings) " == *" $1 "* ]] || fail "doctor says $(findings), and not $1"
}
said BROWSER_PROXY
override=(flatpak override --talk-name=org.freedesktop.NativeMessagingProxy)
quietly in_system "${override[@]/talk/no-talk}" org.mozilla.firefox
said PROXY_FORBIDDEN
quietly in_system "${override[@]}" org.mozilla.firefox
said BROWSER_PROXY
say 'kortilla doctor knows whether the flatpak may use the proxy'
