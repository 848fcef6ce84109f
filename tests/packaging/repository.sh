# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# A person adds the repository, and apt takes from it what the publisher signed, and
# nothing else.

served=$work/served
export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
new_key() { # name; prints its fingerprint
  quietly gpg --batch --passphrase '' --quick-generate-key "$1" ed25519 sign never
  gpg --batch --with-colons --list-keys "$1" 2>/dev/null | awk -F: '$1 == "fpr" { print $10 }'
}
key=$(new_key SPECIMEN-PUBLISHER)

# The server knows its port first, and the address is in what is published.
mkdir "$served"
python3 -u -m http.server --bind 127.0.0.1 --directory "$served" 0 \
  >"$work/server" 2>/dev/null &
server=$!
until_true grep -q 'port [0-9]' "$work/server"
address=http://127.0.0.1:$(sed 's/.* port \([0-9]*\).*/\1/' "$work/server")
# A person's apt, without this computer's own settings. Debian's lists may be a mirror's
# of some time ago, and are not what is tested.
debians=$system/etc/apt/sources.list
cp "$debians" "$work/debians"
sed -i 's/^deb /deb [check-valid-until=no] /' "$debians"
printf '%s\n' 'Acquire::http::Proxy::127.0.0.1 "DIRECT";' \
  'Acquire::Check-Valid-Until "true";' 'Acquire::Check-Date "true";' \
  >"$system/etc/apt/apt.conf.d/99person"

publish() { # package…
  quietly packaging/debian/repository "$key" "$address" "$served" "$@"
}
sources=$system/etc/apt/sources.list.d/kortilla.sources
update() { # what apt says is in $log
  rm -f "$system"/var/lib/apt/lists/127.0.0.1*
  in_system apt-get update >"$log" 2>&1
}
accepted() { # what
  update || fail "$1: $(cat "$log")"
  # A notice in each update would worry people.
  if grep -qE '^[WNE]:.*127\.0\.0\.1' "$log"; then
    fail "$1: $(cat "$log")"
  fi
}
refused() { # what, apt's word for it
  local said
  update || true
  said=$(grep -m 1 -iE "^[WE]:.*($2)" "$log") || fail "$1: apt says $(cat "$log")"
  [[ $(offered) != *127.0.0.1* ]] || fail "apt offers a package in spite of $1"
  say "$1: $said"
}
offered() { in_system apt-cache madison kortilla; }
installed() {
  in_system dpkg-query --show --showformat='${Version}' kortilla
}

# ---- The file itself, in the person's language, and as docs/package.md says.
for each in fi:henkilökortilla sv:identitetskortet en:Finnish; do
  said=$(in_system apt show -o Acquire::Languages="${each%:*}" "$name" 2>/dev/null |
    grep '^Description: ')
  [[ $said == *"${each#*:}"* ]] || fail "apt show in ${each%:*}: $said"
done
publish "$package"
cp "$served/kortilla.sources" "$sources"
accepted 'a new repository'
quietly in_system apt-get install --yes --no-install-recommends kortilla
works 'from the repository'
[[ $(installed) == "$version" ]] || fail "this is $(installed)"
say "apt update and apt install kortilla: $version"

# ---- A later version, beside the one that is there.
dpkg-deb --raw-extract "$package" "$work/later"
sed -i 's/^Version: .*/Version: 99.2.0/' "$work/later/DEBIAN/control"
later=$work/kortilla_99.2.0_all.deb
quietly dpkg-deb --root-owner-group -Zgzip --build "$work/later" "$later"
cp -r "$served" "$work/earlier"
hashes() { (cd "$served" && find . -path '*/by-hash/*' -type f | sort); }
hashes >"$work/hashes"
publish "$later"
[[ -z $(comm -23 "$work/hashes" <(hashes)) ]] || fail 'an older list is gone'
accepted 'a later version'
said=$(in_system apt list --upgradable 2>/dev/null)
[[ $said == *'kortilla/stable 99.2.0'* ]] || fail "the later version is not offered: $said"
quietly in_system apt-get upgrade --yes
[[ $(installed) == 99.2.0 ]] || fail "after apt upgrade this is $(installed)"
say 'apt upgrade: 99.2.0'

# ---- Software centres.
install appstream
accepted 'with AppStream'
catalogue() { # language text…: what AppStream knows in a language has the texts
  local found text
  found=$(in_system env LANGUAGE="$1" appstreamcli dump fi.kortilla.Kortilla)
  for text in "${@:2}" ">$address/screenshots/pin-fi.png<" ">$address/kortilla-128.png<"; do
    [[ $found == *"$text"* ]] || fail "AppStream does not know $text: $found"
  done
  [[ $found != *' lang='* ]] || fail "AppStream mixes languages: $found"
}
catalogue 'fi' 'allekirjoita henkilökortilla' 'ikkuna näyttää' '>kansalaisvarmenne<'
catalogue sv 'underteckna med' 'fönster visar' '>medborgarcertifikat<'
catalogue en 'Identify yourself and' 'window of the program' '>Citizen Certificate<'
for file in screenshots/pin-fi.png kortilla-128.png; do
  in_system /usr/lib/apt/apt-helper -o Acquire::http::Proxy::127.0.0.1=DIRECT \
    download-file "$address/$file" /tmp/picture >/dev/null || fail "there is no $file"
done
say 'AppStream has the texts in three languages, the icon and the pictures'

# ---- What a hostile server, or one on the way, can do.
cp -r "$served" "$work/good"
restore() {
  find "$served" -mindepth 1 -delete
  cp -r "$work/good/." "$served/"
  cp "$served/kortilla.sources" "$sources"
}
change() { # file…: of the same size
  local file
  for file; do
    truncate --size=-1 "$file"
    printf X >>"$file"
  done
}
mapfile -t lists < <(find "$served/dists" -path '*/binary-*' -type f)
change "${lists[@]}"
refused 'a changed list' 'mismatch'
restore
sed -i 's/^Label: .*/Label: Changed/' "$served/dists/stable/InRelease"
refused 'a changed InRelease' 'signature|not signed'
restore
rm "$served/dists/stable/InRelease"
sed -i 's/^Label: .*/Label: Changed/' "$served/dists/stable/Release"
refused 'a changed Release' 'signature|not signed'
restore
rm "$served"/dists/stable/{InRelease,Release.gpg}
refused 'no signature' 'not signed'
restore
other=$(new_key SPECIMEN-IMPOSTOR)
cp "$sources" "$work/sources"
quietly packaging/debian/repository "$other" "$address" "$served" "$package"
refused 'a signature by another key' 'not signed|key'
restore
SOURCE_DATE_EPOCH=$(($(date +%s) - 31 * 86400)) publish "$later"
refused 'a list of 31 days ago' 'expired'
SOURCE_DATE_EPOCH=$(($(date +%s) - 29 * 86400)) publish "$later"
accepted 'a list of 29 days ago'
restore

accepted 'the repository as it was'
find "$served" -mindepth 1 -delete
cp -r "$work/earlier/." "$served/"
quietly in_system apt-get update
[[ $(offered) == *99.2.0*127.0.0.1* ]] ||
  fail "an earlier list replaces a later one: $(<"$log") $(offered)"
say 'an earlier list, which is still valid: apt keeps the later one'
restore
change "$served/pool/${later##*/}"
rm -f "$system"/var/cache/apt/archives/kortilla_*.deb
if in_system apt-get install --yes --reinstall kortilla >"$log" 2>&1; then
  fail 'apt installs a changed package'
fi
said=$(grep -m 1 -i mismatch "$log") || fail "apt says $(cat "$log")"
[[ $(installed) == 99.2.0 ]] || fail 'a changed package harms the one that is there'
say "a changed package: $said"
restore

# ---- What the publisher can do wrong.
cp "$package" "$work/changed"
echo >>"$work/changed"
mkdir "$work/other-build"
mv "$work/changed" "$work/other-build/${package##*/}"
for arguments in "$key ftp://service.example" "$key http://service.example" \
  "nobody $address"; do
  # shellcheck disable=SC2086
  if packaging/debian/repository $arguments "$served" "$package" >"$log" 2>&1; then
    fail "published with $arguments"
  fi
done
if packaging/debian/repository "$key" "$address" "$served" \
  "$work/other-build/${package##*/}" >"$log" 2>&1; then
  fail 'one version is published with other bytes'
fi
diff -r "$served" "$work/good" >&2 || fail 'a refused publication leaves something'
say "one version with other bytes: $(cat "$log")"

# ---- A key with a passphrase, from a file: gpg-agent keeps none here.
printf 'SPECIMEN: passphrase\n' >"$work/passphrase"
printf 'SPECIMEN: another\n' >"$work/wrong"
quietly gpg --batch --pinentry-mode loopback --passphrase-file "$work/passphrase" \
  --quick-generate-key SPECIMEN-CAREFUL ed25519 sign never
careful() { # command…
  gpgconf --kill gpg-agent
  env -u DISPLAY -u WAYLAND_DISPLAY "$@" packaging/debian/repository SPECIMEN-CAREFUL \
    "$address" "$work/careful" "$package" >"$log" 2>&1 </dev/null
}
for each in "PASSPHRASE_FILE=$work/wrong" "PASSPHRASE_FILE=$work/none" -uPASSPHRASE_FILE; do
  if careful "$each"; then
    fail "a key signs without its passphrase: $each"
  fi
  said=$(<"$log")
  [[ $said == *"The key can't sign"* && ! -e $work/careful ]] || fail "$each: $said"
done
careful "PASSPHRASE_FILE=$work/passphrase" || fail "with a passphrase: $(<"$log")"
quietly gpg --verify "$work/careful/dists/stable/InRelease"
say "A key with a passphrase signs with PASSPHRASE_FILE; without: ${said##*$'\n'}"

# ---- The same bytes each time, but for the signatures.
for each in one two; do
  SOURCE_DATE_EPOCH=1700000000 quietly packaging/debian/repository "$key" "$address" \
    "$work/repository-$each" "$package" "$later"
done
diff -r --exclude=InRelease --exclude=Release.gpg "$work"/repository-{one,two} >&2 ||
  fail 'two builds of the repository differ'
say 'Two builds of the repository: the same but for the signatures'

kill "$server"
gpgconf --kill gpg-agent
unset GNUPGHOME
cp "$work/debians" "$debians"
rm "$sources" "$system/etc/apt/apt.conf.d/99person"
purge
