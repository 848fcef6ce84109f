# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# What can stand in the way of an installation.

# ---- dpkg is killed while it unpacks: a file of the package is larger than allowed, and
# none of dpkg's own is.
size=$((8 << 20)) # bytes
dpkg-deb --raw-extract "$package" "$work/large"
large=$(find "$work/large" -path '*/native_host/__init__.py')
truncate --size=$size "$large"
quietly dpkg-deb --root-owner-group -Zgzip --build "$work/large" "$system/tmp/large.deb"
rm -r "$work/large"
status=0
in_system prlimit --fsize=$((size - 1)) \
  dpkg --log=/dev/null --unpack /tmp/large.deb >"$log" 2>&1 || status=$?
((status == 128 + 25)) || fail "dpkg was not killed: $(cat "$log")"
rm "$system/tmp/large.deb"
[[ $(in_system dpkg-query --show --showformat='${db:Status-Status}' kortilla) == \
  half-installed ]] || fail 'the package is not half-installed'
if in_system apt-get install --yes "$name" >"$log" 2>&1; then
  fail 'apt does not say that dpkg was interrupted'
fi
said=$(grep -m 1 '^E: ' "$log")
quietly in_system dpkg --configure --pending
install "$name"
works 'after dpkg was killed'
purge
as_before 'a killed installation'
say "dpkg killed while it unpacks: apt says \"$said\"; after that, apt install works"

quietly in_system dpkg --unpack "$name"
quietly in_system dpkg --configure --pending
works 'after dpkg --configure'
purge
say 'dpkg ended before it configures: dpkg --configure --pending works'

# ---- Without a network.
quietly unshare --net chroot "$system" dpkg --install "$name"
works 'without a network'
say 'Without a network: dpkg --install works'

# ---- A configuration that can't be read.
as_person 'mkdir -p .config/kortilla && echo "card = " >.config/kortilla/config.toml'
install --reinstall "$name"
[[ " $(findings) " == *' CONFIG_BROKEN '* ]] || fail "doctor says: $(findings)"
if as_person_may 'kortilla card status' >"$work/said"; then
  fail 'a configuration that is broken counts for nothing'
fi
said=$(cat "$log")
[[ $said == *config.toml* && $said != *Traceback* ]] || fail "card status says: $said"
as_person 'rm .config/kortilla/config.toml'
works 'with the configuration fixed'
say "With a broken config.toml: $(head -n 1 <<<"$said")"
purge

# ---- Web eID's own package is there: this one has its manifests, as Web eID's has.
other=$work/web-eid
mkdir -p "$other"/{DEBIAN,etc/chromium/native-messaging-hosts} \
  "$other"/usr/{bin,lib/mozilla/native-messaging-hosts}
cat >"$other/DEBIAN/control" <<'END'
Package: web-eid-native
Version: 2.0
Architecture: all
Maintainer: SPECIMEN <specimen@service.example>
Description: has the manifests of Web eID's package
END
for manifest in etc/chromium usr/lib/mozilla; do
  echo '{"name": "eu.webeid", "path": "/usr/bin/web-eid", "type": "stdio"}' \
    >"$other/$manifest/native-messaging-hosts/eu.webeid.json"
done
quietly dpkg-deb --build --root-owner-group "$other" "$system/tmp/web-eid.deb"
quietly in_system dpkg --install /tmp/web-eid.deb
snapshot >"$work/with-web-eid"
install "$name"
works "beside Web eID's package"
# Both browsers have been used.
as_person 'mkdir -p .config/chromium .mozilla/firefox'
[[ " $(findings) " == *' WEB_EID_OTHER_PROGRAM '* ]] || fail "doctor says: $(findings)"
purge
snapshot | diff "$work/with-web-eid" - >&2 || fail "Web eID's files are changed"
quietly in_system dpkg --purge web-eid-native
say "Beside a package with Web eID's manifests: works, doctor names it, none changed"

# ---- A checkout's installation of the person's own. It is the same tree, as a virtual
# environment in their home that no package made.
chmod 755 "$work"
quietly dpkg-deb --extract "$package" "$system/tmp/own"
mv "$system/tmp/own/usr/lib/kortilla" "$system/home/specimen/own"
rm -r "$system/tmp/own" "$system/home/specimen/own/packaged"
ln -s "/usr/bin/$(debians_python)" "$system/home/specimen/own/bin/python3"
ln -s python3 "$system/home/specimen/own/lib/$(debians_python)"
chown -R 1000:1000 "$system/home/specimen/own"
as_person 'own/bin/python3 -I -m native_host.cli install' >/dev/null
install "$name"
works "over a checkout's installation"
said=$(as_person 'kortilla install')
[[ $said == *'kortilla uninstall'* ]] || fail "kortilla install says: $said"
as_person 'kortilla uninstall' >/dev/null
rm -r "$system/home/specimen/own"
[[ -z $(as_person 'find . -name "*kortilla*" -type f') ]] ||
  fail 'uninstall leaves files of the older installation'
works 'without the checkout'
say "Over a checkout's installation: $(tail -n 1 <<<"$said")"
purge
as_before 'an installation over another'

# ---- Debian 12: its lists alone, by the address that this system has its own from.
mkdir -p "$system/tmp/bookworm/lists/partial"
sed "s/$suite/bookworm/" "$system/etc/apt/sources.list" \
  >"$system/tmp/bookworm/sources.list"
older=(
  -o Dir::Etc::SourceList=/tmp/bookworm/sources.list -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists=/tmp/bookworm/lists -o Dir::State::Status=/dev/null
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
)
quietly in_system apt-get "${older[@]}" update
if in_system apt-get "${older[@]}" install --simulate "$name" >"$log" 2>&1; then
  fail 'apt would install the package on Debian 12'
fi
said=$(grep -m 1 'Depends: python3' "$log") || fail "apt says: $(cat "$log")"
say "On Debian 12: apt refuses:$said"
