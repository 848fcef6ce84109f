# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# Two builds are the same, and lintian finds no error.

for each in one two; do
  TMPDIR=$work quietly packaging/debian/build "$work/$each"
done
package=$(echo "$work"/one/*.deb)
cmp "$package" "$work/two/${package##*/}" || fail 'two builds of the package differ'
say "Two builds: $(sha256sum "$package" | cut -d' ' -f1), $(stat -c %s "$package") bytes"
if ! TMPDIR=$work lintian --allow-root --fail-on error "$package" >"$log" 2>/dev/null; then
  cat "$log" >&2
  fail 'lintian finds errors'
fi
say "lintian: no error, $(grep -c '^W:' "$log" || true) warnings"
version=$(dpkg-deb --field "$package" Version)
