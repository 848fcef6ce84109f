# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# The computer of a Finnish person before Kortilla: Debian 13 with XFCE, GNOME's shell,
# labwc and both browsers, in $system. The first of tests/booted/run makes it.

desktops=(
  # The desktops, with what Debian recommends beside them.
  lightdm lightdm-gtk-greeter xfce4 xfce4-screensaver thunar-archive-plugin
  gnome-shell gnome-session nautilus labwc
  chromium chromium-l10n firefox-esr firefox-esr-l10n-fi
  fonts-dejavu fonts-liberation fonts-noto-core fonts-cantarell
  locales openssh-server pcscd libccid at-spi2-core dbus-user-session polkitd
)
tools=(
  # What the tests use: a screen, keys, a virtual reader, the accessibility bus.
  xvfb xdotool x11-utils vsmartcard-vpcd gir1.2-atspi-2.0 python3-gi wlr-randr
  desktop-file-utils libglib2.0-bin openssh-client
)

fresh_debian
# It takes half the time, and nobody reads manuals there.
quick=$system/etc/dpkg/dpkg.cfg.d/quick
printf '%s\n' force-unsafe-io path-exclude=/usr/share/{man,doc}/'*' >"$quick"
# Nothing starts before the computer boots.
printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d"
chmod 755 "$system/usr/sbin/policy-rc.d"
install locales
echo 'fi_FI.UTF-8 UTF-8' >"$system/etc/locale.gen"
quietly in_system locale-gen
echo 'LANG=fi_FI.UTF-8' >"$system/etc/default/locale"
quietly in_system apt-get install --yes "${desktops[@]}"
install "${tools[@]}"
rm "$system/usr/sbin/policy-rc.d" "$quick"

for person in specimen toinen; do
  quietly in_system useradd --create-home --shell /bin/bash "$person"
done
# GNOME's input method, which nobody types Finnish with, complains under labwc.
echo 'run_im none' >"$system/home/specimen/.xinputrc"
echo computer >"$system/etc/hostname"
printf '127.0.0.1 localhost computer %s\n' \
  'service.example tls.service.example' >"$system/etc/hosts"

# ---- A screen in place of a graphics card, which the session's own X server draws.
command install -m 755 /dev/stdin "$system/usr/local/sbin/virtual-screen" <<'END'
#!/bin/bash
# lightdm's X server, whose picture is a file. A second one is for a person who logs in while
# the first person's session goes on.
arguments=() screen=/run/screen
while (($#)); do
  case $1 in
    :0) arguments+=("$1") ;;
    :*) arguments+=("$1") screen+=-${1#:} ;;
    -auth) arguments+=(-auth "$2") && shift ;;
    -seat) shift ;;
  esac
  shift
done
trap '' USR1 # lightdm wants to be told when the server is ready
mkdir -p "$screen"
exec Xvfb "${arguments[@]}" -screen 0 1366x768x24 -nolisten tcp -r -fbdir "$screen"
END
echo /usr/sbin/lightdm >"$system/etc/X11/default-display-manager"
ln -sf /usr/lib/systemd/system/lightdm.service \
  "$system/etc/systemd/system/display-manager.service"
mkdir -p "$system/etc/lightdm/lightdm.conf.d"
# lightdm crashes at a password where it may not lock memory, as in this container.
cat >"$system/etc/lightdm/lightdm.conf.d/50-booted.conf" <<'END'
[LightDM]
logind-check-graphical=false
lock-memory=false
[Seat:*]
xserver-command=/usr/local/sbin/virtual-screen
autologin-user=specimen
autologin-session=booted
user-session=booted
END
# The session has no virtual terminal: logind would look for that of the seat.
echo 'XDG_VTNR DEFAULT= OVERRIDE=' >"$system/etc/security/no-terminal.conf"
sed -i '0,/^session/s|^session|session required pam_env.so conffile=/etc/security/no-terminal.conf readenv=0\n&|' \
  "$system"/etc/pam.d/lightdm{,-autologin,-greeter}

# ---- The desktops as lightdm starts them; /etc/booted names the one that is tested.
mkdir -p "$system/usr/share/xsessions"
cat >"$system/usr/share/xsessions/booted.desktop" <<'END'
[Desktop Entry]
Name=The desktop that is tested
Exec=/usr/local/bin/booted-session
Type=Application
END
command install -m 755 tests/booted/session "$system/usr/local/bin/booted-session"
# Screen readers and tests see windows through it.
mkdir -p "$system/etc/dconf/profile" "$system/etc/dconf/db/local.d"
printf 'user-db:user\nsystem-db:local\n' >"$system/etc/dconf/profile/user"
cat >"$system/etc/dconf/db/local.d/booted" <<'END'
[org/gnome/desktop/interface]
toolkit-accessibility=true
[org/gnome/desktop/session]
idle-delay=uint32 0
[org/gnome/shell]
welcome-dialog-last-shown-version='99'
END
quietly in_system dconf update

# What a computer without devices and network would wait for.
for unit in apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online \
  NetworkManager-wait-online systemd-udevd console-getty getty@tty1 \
  packagekit fwupd power-profiles-daemon; do
  in_system systemctl mask "$unit" >/dev/null 2>&1 || true
done
in_system systemctl set-default graphical.target >/dev/null 2>&1
