# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Two builds are the same, lintian finds nothing to warn of, and appstreamcli nothing but
# that there is no homepage, and that the id has a capital letter as the desktop file has.

for each in one two; do
  TMPDIR=$work quietly packaging/debian/build "$work/$each"
done
package=$(echo "$work"/one/*.deb)
cmp "$package" "$work/two/${package##*/}" || fail 'two builds of the package differ'
say "Two builds: $(sha256sum "$package" | cut -d' ' -f1), $(stat -c %s "$package") bytes"
if ! TMPDIR=$work lintian --allow-root --fail-on error,warning \
  "$package" >"$log" 2>/dev/null; then
  cat "$log" >&2
  fail 'lintian finds errors or warnings'
fi
say 'lintian: no error and no warning'
metainfo=fi.kortilla.Kortilla.metainfo.xml
dpkg-deb --fsys-tarfile "$package" |
  tar --extract --to-stdout "./usr/share/metainfo/$metainfo" >"$work/$metainfo"
appstreamcli validate --no-net --pedantic --no-color "$work/$metainfo" >"$log" || true
found=$(grep -oE '^[EWIP]: .*' "$log" | grep -vE ' (cid-contains-uppercase-letter|url-homepage-missing)( |$)' || true)
[[ -z $found && $(<"$log") == *url-homepage-missing* ]] || fail "appstreamcli says: $(<"$log")"
say 'appstreamcli validate --pedantic: no homepage, and nothing else'
version=$(dpkg-deb --field "$package" Version)
